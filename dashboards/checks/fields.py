"""Checks that every column, measure and hierarchy a report uses is in its model. Checks neither DAX nor M."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from livegold.dashboards.checks.finding import Finding, Problem, findings, not_run
from livegold.dashboards.checks.model import Model, Table
from livegold.dashboards.checks.template import DATASET, Template, Visual
from livegold.reporting.errors import choices

CHECK = "fields"
# A SourceRef with this schema refers to what reportExtensions.json adds, not to the model.
_EXTENSION = "extension"


def check(template: Template, model: Model | None) -> list[Finding]:
    """`model` is the one loaded from TMDL; without one, the push dataset's definition beside the report is used."""
    if model is None and template.model is not None:
        return not_run(CHECK, "the model parser did not load the model: see there")
    if model is None and template.dataset is None:
        return not_run(
            CHECK, f"the report's model is elsewhere and there is no {DATASET}: put the definition beside it"
        )
    return findings(CHECK, _problems(template, model or Model.of_dataset(template.dataset or {})))


def _problems(template: Template, model: Model) -> Iterator[Problem]:
    extensions = _extensions(template)
    for path, content in template.documents.items():
        if template.definition in path.parents:
            walk = _Walk(model.tables, extensions)
            for text in walk.problems(content, {}):
                yield Problem(template.place(path), text)
    for page in template.pages:
        for visual in page.visuals:
            for text in _selectors(visual):
                yield Problem(template.place(visual.path), text)


def _extensions(template: Template) -> Mapping[str, frozenset[str]]:
    content = template.documents.get(template.definition / "reportExtensions.json", {})
    return {
        entity["name"]: frozenset(m["name"] for m in entity.get("measures", ()))
        for entity in content.get("entities", ())
    }


class _Walk:
    """Walks through one file. `aliases` are the names that the query around a field gives to tables (in its From)."""

    def __init__(self, tables: Mapping[str, Table], extensions: Mapping[str, frozenset[str]]) -> None:
        self._tables = tables
        self._extensions = extensions

    def problems(self, node: Any, aliases: Mapping[str, str | None]) -> Iterator[str]:
        if isinstance(node, list):
            for item in node:
                yield from self.problems(item, aliases)
            return
        if not isinstance(node, dict):
            return
        if isinstance(node.get("From"), list):
            # A source that is itself a query has no Entity: its columns are those it selects.
            aliases = {**aliases, **{s["Name"]: s.get("Entity") for s in node["From"] if "Name" in s}}
            for source in node["From"]:
                yield from self._table(source.get("Entity"))
        for key, inside in node.items():
            if key in ("Column", "Measure") and isinstance(inside, dict) and "Property" in inside:
                yield from self._property(key, inside, aliases)
            elif key == "Hierarchy" and isinstance(inside, dict) and "Hierarchy" in inside:
                yield from self._hierarchy(inside, None, aliases)
            elif key == "HierarchyLevel" and isinstance(inside, dict):
                yield from self._hierarchy(_in(inside, "Expression", "Hierarchy"), inside.get("Level"), aliases)
            elif key == "SourceRef" and isinstance(inside, dict):
                yield from self._source(inside, aliases)
            yield from self.problems(inside, aliases)

    def _source(self, source: dict[str, Any], aliases: Mapping[str, str | None]) -> Iterator[str]:
        if source.get("Schema") == _EXTENSION:
            if source.get("Entity") not in self._extensions:
                yield f"table {source.get('Entity')!r} is not in reportExtensions.json"
        elif "Entity" in source:
            yield from self._table(source["Entity"])
        elif source.get("Source") not in aliases:
            yield f"source {source.get('Source')!r} is not in the From of its query: {choices(aliases)}"

    def _table(self, entity: str | None) -> Iterator[str]:
        if entity is not None and entity not in self._tables:
            yield f"table {entity!r} is not in the model, which has {choices(sorted(self._tables))}"

    def _property(self, kind: str, inside: dict[str, Any], aliases: Mapping[str, str | None]) -> Iterator[str]:
        source = _in(inside, "Expression", "SourceRef")
        entity, name = _entity(source, aliases), inside["Property"]
        if not source:
            yield f"{kind.lower()} {name!r} is not of a table: its Expression must be a SourceRef"
        if source.get("Schema") == _EXTENSION:
            if name not in self._extensions.get(entity or "", [name]):
                yield f"measure {entity}[{name}] is not in reportExtensions.json"
            return
        table = self._tables.get(entity or "")
        if table is None:
            return
        names, others = (table.columns, table.measures) if kind == "Column" else (table.measures, table.columns)
        if name in others:
            yield f"{entity}[{name}] is used as a {kind.lower()}, which it is not"
        elif name not in names:
            yield f"{kind.lower()} {entity}[{name}] is not in the model; {entity} has {choices(sorted(names))}"

    def _hierarchy(self, inside: dict[str, Any], level: str | None, aliases: Mapping[str, str | None]) -> Iterator[str]:
        source = _in(inside, "Expression", "SourceRef")
        entity, name = _entity(source, aliases), inside.get("Hierarchy")
        table = self._tables.get(entity or "")
        if table is None:
            return
        levels = table.hierarchies.get(str(name))
        if levels is None and level is None:
            yield f"hierarchy {entity}[{name}] is not in the model; {entity} has {choices(sorted(table.hierarchies))}"
        elif levels is not None and level is not None and level not in levels:
            yield f"level {level!r} is not in hierarchy {entity}[{name}], which has {choices(sorted(levels))}"


def _selectors(visual: Visual) -> Iterator[str]:
    """Formatting for a single field has to name it by its queryRef."""
    refs = {
        str(p.get("queryRef"))
        for role in _in(visual.content, "visual", "query", "queryState").values()
        for p in role.get("projections", ())
    }
    objects = _in(visual.content, "visual", "objects")
    for name, entries in objects.items():
        for entry in entries:
            wanted = (entry.get("selector") or {}).get("metadata")
            if wanted is not None and wanted not in refs:
                yield f"objects.{name} is for {wanted!r}, which is no queryRef of the visual: {choices(sorted(refs))}"


def _entity(source: dict[str, Any], aliases: Mapping[str, str | None]) -> str | None:
    return source["Entity"] if "Entity" in source else aliases.get(str(source.get("Source")))


def _in(node: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}
