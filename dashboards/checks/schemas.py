"""Checks that every JSON file conforms to the schema that Microsoft publishes for it, and nothing beyond schemas.

livegold does not ship the schemas. A folder with them contains `fabric/...` as in github.com/microsoft/json-schemas
and, for the theme, one of the report theme schemas from github.com/microsoft/powerbi-desktop-samples.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livegold.dashboards.checks.finding import Finding, Problem, findings, not_run
from livegold.dashboards.checks.template import DATASET, Template
from livegold.reporting.errors import choices

if TYPE_CHECKING:
    from jsonschema.protocols import Validator  # type: ignore[import-untyped]

CHECK = "schemas"
THEME_CHECK = "theme schema"
SETTING = "LIVEGOLD_SCHEMAS"
_ADDRESS = "https://developer.microsoft.com/json-schemas/"
_THEME_SCHEMA = re.compile(r"report-?theme.*-(\d+)\.(\d+)\.json", re.IGNORECASE)


def check(template: Template, folder: Path | None) -> list[Finding]:
    """Checks with the schemas in `folder`, by default the one in the environment variable LIVEGOLD_SCHEMAS."""
    folder = folder or (Path(os.environ[SETTING]) if os.environ.get(SETTING) else None)
    missing = _missing(folder)
    if folder is None or missing:
        return [*not_run(CHECK, missing), *not_run(THEME_CHECK, missing)]
    found = findings(CHECK, [*template.unreadable, *_of_files(template, folder)])
    return found + _of_theme(template, folder)


def _missing(folder: Path | None) -> str:
    try:
        import jsonschema  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        return "Python package jsonschema is not installed: `pip install jsonschema`"
    if folder is None:
        return (
            f"no folder of Microsoft's schemas was given: set {SETTING} to a copy of github.com/microsoft/json-schemas"
        )
    if not (folder / "fabric").is_dir():
        return f"{folder} has no folder `fabric`: set {SETTING} to a copy of github.com/microsoft/json-schemas"
    return ""


def _of_files(template: Template, folder: Path) -> Iterator[Problem]:
    resources = template.report / "StaticResources"
    for path, content in template.documents.items():
        if path.name == DATASET or resources in path.parents:
            continue
        place = template.place(path)
        address = str(content.get("$schema", ""))
        if not address:
            yield Problem(place, "has no $schema")
            continue
        file = folder / address.removeprefix(_ADDRESS)
        if not address.startswith(_ADDRESS) or ".." in address or not file.is_file():
            known = choices(p.name for p in sorted(file.parents[1].glob("*.*.*"))) if file.parents[1].is_dir() else ""
            yield Problem(
                f"{place} $schema", f"{address}: no such schema here" + (f": versions {known}" if known else "")
            )
            continue
        yield from _errors(_validator(file), content, place)


def _of_theme(template: Template, folder: Path) -> list[Finding]:
    theme = template.custom_theme
    if theme is None or theme not in template.documents:
        return []
    versions = {
        (int(m[1]), int(m[2])): path for path in folder.rglob("*.json") if (m := _THEME_SCHEMA.fullmatch(path.name))
    }
    if not versions:
        advice = "copy the newest of github.com/microsoft/powerbi-desktop-samples there"
        return not_run(THEME_CHECK, f"{folder} has no schema of report themes: {advice}")
    validator = _validator(versions[max(versions)])
    return findings(THEME_CHECK, _errors(validator, template.documents[theme], template.place(theme)))


@lru_cache(maxsize=64)
def _validator(file: Path) -> Validator:
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT7

    root = next((p.parent for p in file.parents if p.name == "fabric"), file.parent)

    def retrieve(uri: str) -> Resource[Any]:
        return Resource.from_contents(_read(root / uri.removeprefix(_ADDRESS)), default_specification=DRAFT7)

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    return Draft7Validator(_read(file), registry=registry)


@lru_cache(maxsize=64)
def _read(file: Path) -> Any:
    return json.loads(file.read_bytes())


def _errors(validator: Validator, content: Any, place: str) -> Iterator[Problem]:
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

    for error in validator.iter_errors(content):
        # If all branches failed, the one that came closest says what is wrong.
        nearest = best_match([error]) or error
        yield Problem(f"{place} {nearest.json_path}", nearest.message)
