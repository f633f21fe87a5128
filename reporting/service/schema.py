"""Checks a dataset or table definition as the service does, and gives it back in plain form. Not for rows."""

from __future__ import annotations

from typing import Any

from reporting.powerbi.limits import (
    DATA_TYPES,
    MAX_COLUMNS_PER_TABLE,
    MAX_RELATIONSHIPS,
    MAX_TABLES,
    RESERVED_TABLE_NAMES,
    TABLE_NAME,
)
from reporting.service.problems import bad_request, invalid_request

DATASET_KEYS = {"name", "tables", "relationships", "defaultMode", "datasources"}
TABLE_KEYS = {"name", "columns", "measures", "rows", "isHidden", "description", "source"}
COLUMN_KEYS = {"name", "dataType", "formatString", "sortByColumn", "dataCategory", "isHidden", "summarizeBy"}
MEASURE_KEYS = {"name", "expression", "formatString", "description", "isHidden"}
RELATIONSHIP_KEYS = {"name", "fromTable", "fromColumn", "toTable", "toColumn", "crossFilteringBehavior"}
MODES = ("Push", "Streaming", "PushStreaming")
# "bool" is in Microsoft's own example of creating a dataset
_TYPES = {name.lower(): name for name in DATA_TYPES} | {"bool": "Boolean"}


def checked_dataset(body: Any) -> dict[str, Any]:
    """The definition in a POST of a dataset; a Problem of 400 for anything the service would not take."""
    _keys(body, DATASET_KEYS, "dataset")
    name = _text(body, "name", "dataset")
    mode = body.get("defaultMode") or "Push"
    if mode not in MODES:
        raise bad_request(f"defaultMode {mode!r} is not supported")
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
    """One table's definition, its data types spelled as documented."""
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
        _text(measure, "name", f"measure of {name}")
        _text(measure, "expression", f"measure of {name}")
    if measures and mode != "Push":
        raise invalid_request(f"table {name!r} has measures, which mode {mode} does not take")
    _unique([c["name"] for c in checked] + [m["name"] for m in measures], f"column or measure of {name}")
    names = {c["name"] for c in checked}
    for column in checked:
        by = column.get("sortByColumn")
        if by is not None and by not in names:
            raise bad_request(f"column {name}.{column['name']} is sorted by {by!r}, which is no column")
    return {"name": name, "columns": checked, "measures": measures}


def _column(body: Any, table: str, mode: str) -> dict[str, Any]:
    _keys(body, COLUMN_KEYS, f"column of {table}")
    name = _text(body, "name", f"column of {table}")
    given = _text(body, "dataType", f"column {table}.{name}")
    if given.lower() not in _TYPES:
        raise bad_request(f"column {table}.{name} has data type {given!r}, which is none of {', '.join(DATA_TYPES)}")
    if mode != "Push" and set(body) - {"name", "dataType"}:
        raise invalid_request(f"column {table}.{name}: mode {mode} takes only name and dataType")
    return {**body, "dataType": _TYPES[given.lower()]}


def _relationship(body: Any, columns: dict[str, set[str]]) -> None:
    _keys(body, RELATIONSHIP_KEYS, "relationship")
    name = _text(body, "name", "relationship")
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
            raise bad_request(f"{what} {name!r} is there twice")
        seen.add(name.lower())
