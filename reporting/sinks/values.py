"""Values as the Power BI service takes them, and a count of what had to be changed for that. No rows, no tables."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from livegold.reporting.powerbi.limits import (
    DECIMAL_DIGITS,
    DECIMAL_SCALE,
    INT64_MAX,
    INT64_MIN,
    MAX_STRING_CHARACTERS,
)

CUT_MARK = "… (cut)"
NULLED = "values_nulled"
CUT = "strings_cut"

_SCALE = Decimal(1).scaleb(-DECIMAL_SCALE)
_WIDE = decimal.Context(prec=76, rounding=decimal.ROUND_HALF_EVEN)
DOUBLE_MAX = 1.7976931348623157e308

Converter = Callable[[Any, Counter[str]], Any]


def converter(data_type: str) -> Converter:
    """The function that makes a value one of a data type: (value, counts) -> value or None.

    `counts` gets NULLED for a value that the service would refuse and CUT for a text that is too long.
    """
    return _CONVERTERS[data_type]


def _int64(value: Any, counts: Counter[str]) -> int | None:
    if value is None:
        return None
    number = int(value)
    if INT64_MIN <= number <= INT64_MAX:
        return number
    counts[NULLED] += 1
    return None


def _double(value: Any, counts: Counter[str]) -> float | None:
    if value is None:
        return None
    number = float(value)
    if math.isfinite(number) and abs(number) < DOUBLE_MAX:
        return number
    counts[NULLED] += 1
    return None


def _decimal(value: Any, counts: Counter[str]) -> Decimal | None:
    """To four places; JSON gets its digits, never a float."""
    if value is None:
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if number.is_finite():
        exponent = number.as_tuple().exponent
        scaled = _WIDE.quantize(number, _SCALE) if isinstance(exponent, int) and exponent < -DECIMAL_SCALE else number
        if abs(scaled) < Decimal(10) ** (DECIMAL_DIGITS - DECIMAL_SCALE):
            return scaled
    counts[NULLED] += 1
    return None


def _boolean(value: Any, counts: Counter[str]) -> bool | None:
    return None if value is None else bool(value)


def _text(value: Any, counts: Counter[str]) -> str | None:
    if value is None:
        return None
    text = str(value)
    if len(text) <= MAX_STRING_CHARACTERS:
        return text
    counts[CUT] += 1
    return text[: MAX_STRING_CHARACTERS - len(CUT_MARK)] + CUT_MARK


def _datetime(value: Any, counts: Counter[str]) -> str | None:
    """ISO text in UTC with milliseconds; a time without a zone is UTC."""
    if value is None:
        return None
    if value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return str(value.isoformat(timespec="milliseconds")) + "Z"


_CONVERTERS: dict[str, Converter] = {
    "Int64": _int64,
    "Double": _double,
    "Decimal": _decimal,
    "Boolean": _boolean,
    "String": _text,
    "DateTime": _datetime,
}
