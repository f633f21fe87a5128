"""Loads the TMDL of templates with Microsoft's model parser. Does not check M or DAX, and does not use .NET itself.

The parser runs in a separate process, `livegold.dashboards.checks.tom`; one start serves many templates.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livegold.dashboards.checks.finding import Finding, Problem, findings, not_run, one_line
from livegold.dashboards.checks.model import Model
from livegold.dashboards.checks.template import Template
from livegold.dashboards.checks.toolbox import Tools

CHECK = "model parser"
PARSER = "livegold.dashboards.checks.tom"
# A cold start of .NET on a busy machine; a model of this size loads in milliseconds.
_SECONDS = 300


@dataclass(frozen=True)
class Parsed:
    """The parser's findings for one template, and the model if it loaded."""

    findings: tuple[Finding, ...]
    model: Model | None


def parse(templates: Sequence[Template], tools: Tools) -> list[Parsed]:
    """One result for each template, in a single run of the parser. A template without a model gets no finding."""
    models = [t.model / "definition" for t in templates if t.model]
    missing = tools.missing_python() if models else ""
    answers: dict[str, Any] = {}
    if models and not missing:
        answers, missing = _asked(models, tools)
    return [_parsed(t, answers, missing) for t in templates]


def _asked(folders: Sequence[Path], tools: Tools) -> tuple[dict[str, Any], str]:
    command = [sys.executable, "-m", PARSER, "--packages", str(tools.python), *map(str, folders)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=_SECONDS)
        return json.loads(done.stdout), ""
    except subprocess.TimeoutExpired:
        return {}, f"Microsoft's model parser gave no answer in {_SECONDS} s: try again"
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {}, one_line(f"Microsoft's model parser does not run here ({last}): reinstall {tools.python}")


def _parsed(template: Template, answers: dict[str, Any], missing: str) -> Parsed:
    if template.model is None:
        return Parsed((), None)
    if missing:
        return Parsed(tuple(not_run(CHECK, missing)), None)
    folder = template.model / "definition"
    answer = answers[str(folder)]
    problems = [
        Problem(f"{template.place(folder)}/{p['file']}.tmdl" if p["file"] else template.place(folder), p["text"])
        for p in answer["problems"]
    ]
    return Parsed(tuple(findings(CHECK, problems)), Model.of_parser(answer["model"]) if not problems else None)
