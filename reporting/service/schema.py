"""Validates a dataset or table definition as the service does, and returns it normalised. Not for rows."""

from __future__ import annotations

import re
from typing import Any

from livegold.reporting.errors import choices
from livegold.reporting.powerbi.limits import (
    DATA_TYPES,
    MAX_COLUMNS_PER_TABLE,
    MAX_RELATIONSHIPS,
    MAX_TABLES,
    RESERVED_TABLE_NAMES,
    TABLE_NAME,
)
from livegold.reporting.service.problems import bad_request, invalid_request

DATASET_KEYS = {"name", "tables", "relationships", "defaultMode", "datasources"}
TABLE_KEYS = {"name", "columns", "measures", "rows", "isHidden", "description", "source"}
COLUMN_KEYS = {"name", "dataType", "formatString", "sortByColumn", "dataCategory", "isHidden", "summarizeBy"}
MEASURE_KEYS = {"name", "expression", "formatString", "description", "isHidden"}
RELATIONSHIP_KEYS = {"name", "fromTable", "fromColumn", "toTable", "toColumn", "crossFilteringBehavior"}
UPDATE_KEYS = {"targetStorageMode", "queryScaleOutSettings"}
SCALE_OUT_KEYS = {"autoSyncReadOnlyReplicas", "maxReadOnlyReplicas"}
STORAGE_MODES = ("Abf", "PremiumFiles")
FILTER_DIRECTIONS = ("OneDirection", "BothDirections", "Automatic")
MODES = ("Push", "Streaming", "PushStreaming")
# The REST API's specification: pattern for the names of columns and measures
COLUMN_NAME = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]{1,512}")
# "bool" is in Microsoft's own example of creating a dataset
_TYPES = {name.lower(): name for name in DATA_TYPES} | {"bool": "Boolean"}


def checked_dataset(body: Any) -> dict[str, Any]:
    """The definition in a POST of a dataset; raises a Problem of 400 for anything the service would reject."""
    _keys(body, DATASET_KEYS, "dataset")
    name = _text(body, "name", "dataset")
    mode = body.get("defaultMode") or "Push"
    if mode not in MODES:
        raise bad_request(f"defaultMode {str(mode)[:60]!r} is not supported: give {choices(MODES)}")
    tables = _list(body, "tables", "dataset")
    if not tables or len(tables) > MAX_TABLES:
        raise invalid_request(f"dataset {name!r} has {len(tables)} tables, 1 to {MAX_TABLES} are allowed")
    checked = [checked_table(t, mode) for t in tables]
    _unique([t["name"] for t in checked], "table")
    relationships = _list(body, "relationships", "dataset")
    if len(relationships) > MAX_RELATIONSHIPS:
        raise invalid_request(f"dataset {name!r} has {len(relationships)} relationships, {MAX_RELATIONSHIPS} at most")
    columns = {t["name"]: {c["name"] for c in t["columns"]} for t in checked}
    for relationship in relationships:
        _relationship(relationship, columns)
    return {"name": name, "defaultMode": mode, "tables": checked, "relationships": relationships}


def checked_table(body: Any, mode: str = "Push") -> dict[str, Any]:
    """A table's definition, with data types spelled as documented."""
    _keys(body, TABLE_KEYS, "table")
    name = _text(body, "name", "table")
    if not TABLE_NAME.fullmatch(name):
        raise bad_request(f"table name {name!r} has characters that are not allowed, or is longer than 100")
    if name.lower() in RESERVED_TABLE_NAMES:
        raise bad_request(f"table name {name!r} is reserved")
    columns = _list(body, "columns", f"table {name}")
    if not columns or len(columns) > MAX_COLUMNS_PER_TABLE:
        raise invalid_request(f"table {name!r} has {len(columns)} columns, 1 to {MAX_COLUMNS_PER_TABLE} are allowed")
    measures = _list(body, "measures", f"table {name}")
    checked = [_column(c, name, mode) for c in columns]
    for measure in measures:
        _keys(measure, MEASURE_KEYS, f"measure of {name}")
        if not COLUMN_NAME.fullmatch(_text(measure, "name", f"measure of {name}")):
            raise bad_request(f"measure {measure['name']!r} of {name} has characters that are not allowed")
        _text(measure, "expression", f"measure of {name}")
        for key in ("formatString", "description"):
            _optional_text(measure, key, f"measure {measure['name']} of {name}")
        _boolean(measure, "isHidden", f"measure {measure['name']} of {name}")
    if measures and mode != "Push":
        raise invalid_request(f"table {name!r} has measures, which mode {mode} does not take")
    _unique([c["name"] for c in checked] + [m["name"] for m in measures], f"column or measure of {name}")
    names = {c["name"] for c in checked}
    for column in checked:
        by = column.get("sortByColumn")
        if by is not None and by not in names:
            raise bad_request(f"column {name}.{column['name']} is sorted by {by!r}, which is no column")
    return {"name": name, "columns": checked, "measures": measures}


def checked_update(body: Any, *, dedicated: bool) -> dict[str, Any]:
    """The properties in a PATCH of a dataset; large models (PremiumFiles) and replicas need dedicated capacity."""
    _keys(body, UPDATE_KEYS, "dataset")
    mode = body.get("targetStorageMode")
    if mode is not None and mode not in STORAGE_MODES:
        raise bad_request(f"targetStorageMode {str(mode)[:60]!r} is not Abf or PremiumFiles")
    scale = body.get("queryScaleOutSettings")
    if scale is not None:
        _keys(scale, SCALE_OUT_KEYS, "queryScaleOutSettings")
        replicas = scale.get("maxReadOnlyReplicas", 0)
        if type(replicas) is not int or not -1 <= replicas <= 64:
            raise bad_request(f"maxReadOnlyReplicas {str(replicas)[:60]!r} is not -1 to 64")
        _boolean(scale, "autoSyncReadOnlyReplicas", "queryScaleOutSettings")
    if not dedicated and (mode == "PremiumFiles" or scale):
        raise invalid_request("targetStorageMode PremiumFiles and queryScaleOutSettings need dedicated capacity")
    return {k: v for k, v in body.items() if v is not None}


def _column(body: Any, table: str, mode: str) -> dict[str, Any]:
    _keys(body, COLUMN_KEYS, f"column of {table}")
    name = _text(body, "name", f"column of {table}")
    given = _text(body, "dataType", f"column {table}.{name}")
    if given.lower() not in _TYPES:
        raise bad_request(f"column {table}.{name} has data type {given!r}, which is none of {', '.join(DATA_TYPES)}")
    if not COLUMN_NAME.fullmatch(name):
        raise bad_request(f"column {table}.{name!r} has characters that are not allowed")
    if mode != "Push" and set(body) - {"name", "dataType"}:
        raise invalid_request(f"column {table}.{name}: mode {mode} takes only name and dataType")
    for key in ("formatString", "sortByColumn", "dataCategory", "summarizeBy"):
        _optional_text(body, key, f"column {table}.{name}")
    _boolean(body, "isHidden", f"column {table}.{name}")
    return {**body, "dataType": _TYPES[given.lower()]}


def _relationship(body: Any, columns: dict[str, set[str]]) -> None:
    _keys(body, RELATIONSHIP_KEYS, "relationship")
    name = _text(body, "name", "relationship")
    direction = body.get("crossFilteringBehavior")
    if direction is not None and direction not in FILTER_DIRECTIONS:
        raise bad_request(f"relationship {name!r}: crossFilteringBehavior {str(direction)[:60]!r} is unknown")
    for end in ("from", "to"):
        table = _text(body, f"{end}Table", f"relationship {name}")
        column = _text(body, f"{end}Column", f"relationship {name}")
        if column not in columns.get(table, set()):
            raise bad_request(f"relationship {name!r}: {table}[{column}] is no column of the dataset")


def _keys(body: Any, valid: set[str], what: str) -> None:
    if not isinstance(body, dict):
        raise bad_request(f"{what} is not a JSON object")
    unknown = [k for k in body if k not in valid]
    if unknown:
        raise bad_request(f"{what}: unknown property {unknown[0]!r} (names are case-sensitive)")


def _text(body: dict[str, Any], key: str, what: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value.strip():
        raise bad_request(f"{what}: {key} is missing or no text")
    return value


def _optional_text(body: dict[str, Any], key: str, what: str) -> None:
    if body.get(key) is not None and not isinstance(body[key], str):
        raise bad_request(f"{what}: {key} is not a string")


def _boolean(body: dict[str, Any], key: str, what: str) -> None:
    if body.get(key) is not None and not isinstance(body[key], bool):
        raise bad_request(f"{what}: {key} is not true or false")


def _list(body: dict[str, Any], key: str, what: str) -> list[Any]:
    value = body.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_request(f"{what}: {key} is not a list")
    return value


def _unique(names: list[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise bad_request(f"{what} {name!r} occurs twice")
        seen.add(name.lower())
