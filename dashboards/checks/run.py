"""Runs all checks of a template, one after another. Each check is in a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from livegold.dashboards.checks import fields, layout, model_parser, names, powerquery, references, validator
from livegold.dashboards.checks.finding import Finding
from livegold.dashboards.checks.schemas import check as _schemas
from livegold.dashboards.checks.template import Template
from livegold.dashboards.checks.toolbox import Tools


def check(folder: Path, *, schemas: Path | None = None, tools: Tools | None = None) -> list[Finding]:
    """The findings of every check for the template in `folder`: see `check_all`."""
    return check_all([folder], schemas=schemas, tools=tools)[folder]


def check_all(
    folders: Sequence[Path], *, schemas: Path | None = None, tools: Tools | None = None
) -> dict[Path, list[Finding]]:
    """For every folder, one finding for each check that passed or could not run, and one for each problem.

    `schemas` is the folder with Microsoft's schemas (None means LIVEGOLD_SCHEMAS), `tools` where Microsoft's tools are
    installed. Checking several folders at once is quicker: each of Microsoft's tools starts only once. A check that
    does not apply to a template (the model parser, for a report without a model) reports nothing. Raises WrongUse for
    a folder that is not a template.
    """
    tools = tools or Tools.installed()
    templates = [Template.at(folder) for folder in folders]
    parsed = model_parser.parse(templates, tools)
    queries = powerquery.check(templates, [p.model for p in parsed], tools)
    validated = validator.check(templates, tools)
    return {
        template.folder: [
            *parsed[n].findings,
            *queries[n],
            *_schemas(template, schemas),
            *validated[n],
            *_own(fields.CHECK, fields.check, template, parsed[n].model),
            *_own(references.CHECK, references.check, template),
            *_own(names.CHECK, names.check, template),
            *_own(layout.CHECK, layout.check, template),
        ]
        for n, template in enumerate(templates)
    }


def _own(name: str, run: Callable[..., list[Finding]], *what: object) -> list[Finding]:
    """Reports JSON that does not have PBIR's shape as failed; the schema check explains what is wrong."""
    try:
        return run(*what)
    except (AttributeError, KeyError, TypeError) as error:
        return [Finding(name, "failed", "", f"JSON is not of PBIR's shape ({error!r}): see what the schemas say")]
