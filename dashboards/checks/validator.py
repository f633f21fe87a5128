"""Runs Microsoft's report validator: roles, formatting objects and properties, layout, theme. Ignores model fields.

It runs without its schemas, which it would download: `livegold.dashboards.checks.schemas` does that part offline.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from livegold.dashboards.checks import node
from livegold.dashboards.checks.finding import Finding, Problem, findings, not_run
from livegold.dashboards.checks.template import Template
from livegold.dashboards.checks.toolbox import Tools

CHECK = "report validator"
_PACKAGE = "@microsoft/powerbi-report-authoring-cli"
_SCRIPT = Path(__file__).with_suffix(".mjs")


def check(templates: Sequence[Template], tools: Tools) -> list[list[Finding]]:
    """The findings for each template, in a single run of the validator. Its warnings (such as an unknown kind of
    visual) are problems too: a template has only standard visuals.
    """
    missing = tools.missing_node(_PACKAGE)
    entry = tools.node_modules / _PACKAGE / "dist" / "index.js"
    reports = [str(t.report.absolute()) for t in templates]
    try:
        answers = [] if missing else node.answer(_SCRIPT, [str(entry), *reports], tools.node_modules)
    except node.NoAnswer as error:
        missing = str(error)
    if missing:
        return [not_run(CHECK, missing) for _ in templates]
    return [findings(CHECK, _problems(t, answer)) for t, answer in zip(templates, answers, strict=True)]


def _problems(template: Template, answer: dict[str, Any]) -> Iterator[Problem]:
    if "problem" in answer:
        yield Problem(template.place(template.report), answer["problem"])
        return
    for code, group in answer["diagnostics"].items():
        for item in group["items"]:
            file = item.get("file", "")
            text = item["message"].removesuffix(f": {file}") if file else item["message"]
            yield Problem(f"{_place(template, file)} {item.get('path', '')}".strip(), f"{text} ({code})")


def _place(template: Template, file: str) -> str:
    return Path(os.path.relpath(file or template.report.absolute(), template.folder.absolute())).as_posix()
