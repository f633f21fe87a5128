"""Checks rows against the columns of their table, value by value, as documented for each data type. Not for schemas."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from reporting.powerbi.limits import (
    DECIMAL_DIGITS,
    DECIMAL_SCALE,
    INT64_LEAST,
    INT64_MOST,
    MAX_ROWS_PER_POST,
    MAX_STRING_CHARACTERS,
)
from reporting.service.problems import bad_request, too_large

Row = dict[str, Any]
DOUBLE_MOST = 1.7976931348623157e308  # documented as excluded, with its negative


def rows_of(content: bytes, columns: list[dict[str, Any]]) -> list[Row]:
    """The rows in the body of a POST, each with every column in the table's order, all values checked.

    A table with a Decimal column is read without passing through floating point. Raises a Problem: 400 for a body or
    value the service would not take, 413 for too many rows.
    """
    exact = any(c["dataType"] == "Decimal" for c in columns)
    try:
        body = (
            json.loads(content, parse_float=Decimal, parse_constant=_not_a_number) if exact else orjson.loads(content)
        )
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is not valid JSON: {error}") from error
    if not isinstance(body, dict) or set(body) != {"rows"} or not isinstance(body["rows"], list):
        raise bad_request('the body must be {"rows": [...]} (names are case-sensitive)')
    rows: list[Row] = body["rows"]
    if len(rows) > MAX_ROWS_PER_POST:
        raise too_large(f"{len(rows)} rows in one request, {MAX_ROWS_PER_POST} at most")
    names = [c["name"] for c in columns]
    known = set(names)
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise bad_request(f"row {i} is not a JSON object")
        if not row.keys() <= known:
            unknown = next(k for k in row if k not in known)
            raise bad_request(f"row {i}: {unknown!r} is no column of the table")
    if any(len(row) != len(names) for row in rows):
        rows = [{n: row.get(n) for n in names} for row in rows]
    for column in columns:
        _check_column(rows, column["name"], column["dataType"])
    return rows


def _check_column(rows: list[Row], name: str, data_type: str) -> None:
    """A column at a time, as 10,000 rows must not take long; the place is looked for only in a bad one."""
    values = [row[name] for row in rows]
    if set(map(type, values)) <= _TYPES[data_type] and _all_fit([v for v in values if v is not None], data_type):
        return
    check = _CHECKS[data_type]
    for i, value in enumerate(values):
        if value is not None and not (type(value) in _TYPES[data_type] and check(value)):
            shown = repr(value)
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            raise bad_request(f"row {i}: column {name!r} of type {data_type} does not take {shown}")


def _all_fit(present: list[Any], data_type: str) -> bool:
    if not present or data_type == "Boolean":
        return True
    if data_type in ("Int64", "Double"):
        return _CHECKS[data_type](min(present)) and _CHECKS[data_type](max(present))
    if data_type == "String":
        return max(map(len, present)) <= MAX_STRING_CHARACTERS
    return all(map(_CHECKS[data_type], set(present)))


def _not_a_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON value")


def _is_int64(value: Any) -> bool:
    return INT64_LEAST <= value <= INT64_MOST


def _is_double(value: Any) -> bool:
    try:
        number = float(value)
    except OverflowError:
        return False
    return math.isfinite(number) and abs(number) < DOUBLE_MOST


def _is_decimal(value: Any) -> bool:
    number = Decimal(value) if not isinstance(value, float) else Decimal(repr(value))
    if not number.is_finite():
        return False
    _, digits, exponent = number.as_tuple()
    scale = max(0, -int(exponent))
    whole = max(0, len(digits) + int(exponent))
    return scale <= DECIMAL_SCALE and whole + scale <= DECIMAL_DIGITS


def _is_string(value: Any) -> bool:
    return len(value) <= MAX_STRING_CHARACTERS


def _is_boolean(value: Any) -> bool:
    return True


def _is_datetime(value: Any) -> bool:
    if not 8 <= len(value) <= 40:
        return False
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return _is_american_date(value)
    return True


def _is_american_date(value: str) -> bool:
    """Microsoft's own example of a row has "07/30/2014"."""
    try:
        dt.datetime.strptime(value, "%m/%d/%Y")
    except ValueError:
        return False
    return True


_TYPES: dict[str, set[type]] = {
    "Int64": {int, type(None)},
    "Double": {int, float, Decimal, type(None)},
    "Decimal": {int, float, Decimal, type(None)},
    "String": {str, type(None)},
    "Boolean": {bool, type(None)},
    "DateTime": {str, type(None)},
}
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "Int64": _is_int64,
    "Double": _is_double,
    "Decimal": _is_decimal,
    "String": _is_string,
    "Boolean": _is_boolean,
    "DateTime": _is_datetime,
}


def row_text(row: Row) -> bytes:
    """One row as JSON, decimals written digit by digit."""
    return orjson.dumps(row, default=_decimal_as_number)


def _decimal_as_number(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} is no JSON value")
