"""Checks that every Power Query (M) text of a model parses and uses only defined names. Does not evaluate M."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

from livegold.dashboards.checks import node
from livegold.dashboards.checks.finding import Finding, Problem, findings, not_run
from livegold.dashboards.checks.model import Model
from livegold.dashboards.checks.template import Template
from livegold.dashboards.checks.toolbox import Tools

CHECK = "power query"
_PACKAGE = "@microsoft/powerquery-parser"
_SCRIPT = Path(__file__).with_suffix(".cjs")


class _Answer(TypedDict):
    """The script's result for one text; `names` are those that it uses but does not define."""

    problem: str | None
    names: list[str]


def check(templates: Sequence[Template], models: Sequence[Model | None], tools: Tools) -> list[list[Finding]]:
    """The findings for each template, in a single run of the parser.

    `models` are those loaded by the model parser, None where it failed. A template without a model gets no finding.
    """
    texts = [[m.text for m in model.m_texts] if model else [] for model in models]
    missing = tools.missing_node(_PACKAGE)
    try:
        answers = [] if missing else node.answer(_SCRIPT, [], tools.node_modules, json.dumps(texts))
    except node.NoAnswer as error:
        missing = str(error)
    return [
        _found(template, model, answers[number] if not missing else [], missing)
        for number, (template, model) in enumerate(zip(templates, models, strict=True))
    ]


def _found(template: Template, model: Model | None, answers: Sequence[_Answer], missing: str) -> list[Finding]:
    if template.model is None:
        return []
    if missing:
        return not_run(CHECK, missing)
    if model is None:
        return not_run(CHECK, "the model parser did not load the model, which holds the M texts: see there")
    return findings(CHECK, _problems(template.place(template.model), model, answers))


def _problems(folder: str, model: Model, answers: Sequence[_Answer]) -> Iterator[Problem]:
    for m, found in zip(model.m_texts, answers, strict=True):
        if found["problem"] is not None:
            yield Problem(f"{folder} {m.place}", found["problem"])
        for name in found["names"]:
            if not _known(name, model):
                known = ", ".join(sorted(model.m_names))
                yield Problem(f"{folder} {m.place}", f"uses {name!r}, which nothing defines; the model has {known}")


def _known(name: str, model: Model) -> bool:
    """Whether a name is defined. M library names have a dot, keywords start with #; `_` is the parameter of `each`."""
    if name.startswith('#"'):
        return name[2:-1].replace('""', '"') in model.m_names
    return name == "_" or name.startswith("#") or "." in name or name.lstrip("@") in model.m_names
