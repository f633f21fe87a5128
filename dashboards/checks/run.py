"""All checks of a template, one after another. Not for any check itself: each is a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from livegold.dashboards.checks import fields, layout, model_parser, names, powerquery, references, validator
from livegold.dashboards.checks.finding import Finding
from livegold.dashboards.checks.schemas import check as _schemas
from livegold.dashboards.checks.template import Template
from livegold.dashboards.checks.toolbox import Tools


def check(folder: Path, *, schemas: Path | None = None, tools: Tools | None = None) -> list[Finding]:
    """What every check says of the template in `folder`: see `check_all`."""
    return check_all([folder], schemas=schemas, tools=tools)[folder]


def check_all(
    folders: Sequence[Path], *, schemas: Path | None = None, tools: Tools | None = None
) -> dict[Path, list[Finding]]:
    """One finding for each check that passed or could not run, one for each problem; for every folder.

    `schemas` is the folder with Microsoft's schemas (LIVEGOLD_SCHEMAS where it is None), `tools` where Microsoft's
    tools are installed. Several folders at once are quicker: each of Microsoft's tools starts once. A check that a
    template has nothing for (the model parser for a report without a model) says nothing. Raises WrongUse for what is
    no template.
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
    """JSON of another shape than PBIR's is for the schemas to explain; here it is only not taken for a good one."""
    try:
        return run(*what)
    except (AttributeError, KeyError, TypeError) as error:
        return [Finding(name, "failed", "", f"JSON is not of PBIR's shape ({error!r}): see what the schemas say")]
