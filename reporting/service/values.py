"""Validates rows against their table's columns, value by value, as documented per data type. Not for schemas."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from livegold.reporting.powerbi.limits import (
    DECIMAL_DIGITS,
    DECIMAL_SCALE,
    DOUBLE_MAX,
    INT64_MAX,
    INT64_MIN,
    MAX_ROWS_PER_POST,
    MAX_STRING_CHARACTERS,
)
from livegold.reporting.service.problems import bad_request, too_large

Row = dict[str, Any]


def rows_of_body(content: bytes, columns: list[dict[str, Any]]) -> list[Row]:
    """The validated rows in the body of a POST of rows, `{"rows": [...]}`: see `_checked`."""
    body = _parsed(content, columns)
    if not isinstance(body, dict) or set(body) != {"rows"} or not isinstance(body["rows"], list):
        raise bad_request('the body must be {"rows": [...]} (names are case-sensitive)')
    return _checked(body["rows"], columns)


def rows_of_list(content: bytes, columns: list[dict[str, Any]]) -> list[Row]:
    """The validated rows in the body of a POST to a push URL, a bare list: see `_checked`."""
    body = _parsed(content, columns)
    if not isinstance(body, list):
        raise bad_request("the body must be a list of rows")
    return _checked(body, columns)


def _parsed(content: bytes, columns: list[dict[str, Any]]) -> Any:
    """Parses JSON; for a table with a Decimal column, without going through floating point."""
    try:
        if not any(c["dataType"] == "Decimal" for c in columns):
            return orjson.loads(content)
        return json.loads(content.decode("utf-8"), parse_float=_decimal, parse_constant=_not_a_number)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is not valid JSON: {str(error)[:200]}") from error


def _checked(rows: list[Row], columns: list[dict[str, Any]]) -> list[Row]:
    """Rows with every column in the table's order, all values validated.

    Raises a Problem: 400 for a row or value the service would reject, 413 for too many rows.
    """
    if len(rows) > MAX_ROWS_PER_POST:
        raise too_large(f"{len(rows)} rows in one request, {MAX_ROWS_PER_POST} at most")
    names = [c["name"] for c in columns]
    known = set(names)
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise bad_request(f"row {i} is not a JSON object")
        if not row.keys() <= known:
            unknown = next(k for k in row if k not in known)
            raise bad_request(f"row {i}: {_short(unknown)} is no column of the table")
    if any(len(row) != len(names) for row in rows):
        rows = [{n: row.get(n) for n in names} for row in rows]
    for column in columns:
        _check_column(rows, column["name"], column["dataType"])
    return rows


def _check_column(rows: list[Row], name: str, data_type: str) -> None:
    """Checks a whole column at once, so that 10,000 rows are fast; the bad row is located only if there is one."""
    values = [row[name] for row in rows]
    if set(map(type, values)) <= _TYPES[data_type] and _all_fit([v for v in values if v is not None], data_type):
        return
    check = _CHECKS[data_type]
    for i, value in enumerate(values):
        if value is not None and not (type(value) in _TYPES[data_type] and check(value)):
            raise bad_request(f"row {i}: column {name!r} of type {data_type} does not take {_short(value)}")


def _all_fit(present: list[Any], data_type: str) -> bool:
    if not present or data_type == "Boolean":
        return True
    if data_type in ("Int64", "Double"):
        return _CHECKS[data_type](min(present)) and _CHECKS[data_type](max(present))
    if data_type == "String":
        return max(map(len, present)) <= MAX_STRING_CHARACTERS and _is_text("".join(present))
    return all(map(_CHECKS[data_type], set(present)))


def _short(value: Any) -> str:
    """A value for a message; in ASCII, since a text may contain a lone surrogate, which a response cannot."""
    shown = ascii(value) if not isinstance(value, str) or len(value) < 100 else ascii(value[:100])
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ValueError(f"{text[:40]} is out of range") from None


def _not_a_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON value")


def _is_int64(value: Any) -> bool:
    return INT64_MIN <= value <= INT64_MAX


def _is_double(value: Any) -> bool:
    try:
        number = float(value)
    except OverflowError:
        return False
    return math.isfinite(number) and abs(number) < DOUBLE_MAX


def _is_decimal(value: Any) -> bool:
    number = Decimal(value) if not isinstance(value, float) else Decimal(repr(value))
    if not number.is_finite():
        return False
    _, digits, found = number.as_tuple()
    exponent, count = int(found), len(digits)
    while exponent < 0 and count > 1 and digits[count - 1] == 0:  # 1.50000 has two digits after the point
        exponent, count = exponent + 1, count - 1
    if digits[:count] == (0,):
        return True
    scale = max(0, -exponent)
    whole = max(0, count + exponent)
    return scale <= DECIMAL_SCALE and whole + scale <= DECIMAL_DIGITS


def _is_string(value: Any) -> bool:
    return len(value) <= MAX_STRING_CHARACTERS and _is_text(value)


def _is_text(value: str) -> bool:
    """Whether a string is valid text: Python's own JSON parser lets lone surrogates through."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_boolean(value: Any) -> bool:
    return True


def _is_datetime(value: Any) -> bool:
    if not 8 <= len(value) <= 40 or not value.isascii():
        return False
    try:
        moment(value)
    except (ValueError, OverflowError):
        return False
    return True


def moment(value: str) -> dt.datetime:
    """Parses a DateTime as sent into naive UTC; without a zone it is UTC (assumption). ValueError if it is invalid.

    Microsoft's own example row has "07/30/2014".
    """
    if "/" in value:
        return dt.datetime.strptime(value, "%m/%d/%Y")
    found = dt.datetime.fromisoformat(value)
    return found if found.tzinfo is None else found.astimezone(dt.UTC).replace(tzinfo=None)


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


def row_texts(rows: list[Row], columns: list[dict[str, Any]]) -> list[bytes]:
    """Validated rows as JSON texts, with all digits of decimals."""
    if any(c["dataType"] == "Decimal" for c in columns):
        for column in columns:
            _settle_decimals(rows, column["name"], column["dataType"])
    return [orjson.dumps(row, default=_decimal_as_number) for row in rows]


def _settle_decimals(rows: list[Row], name: str, data_type: str) -> None:
    """Converts Doubles that were parsed as Decimal back to float, and zeros to 0: 0e9999 would print all its zeros."""
    for row in rows:
        value = row[name]
        if type(value) is Decimal and data_type == "Double":
            row[name] = float(value)
        elif type(value) is Decimal and not value:
            row[name] = 0


def _decimal_as_number(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} is not a JSON value")
