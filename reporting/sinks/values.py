"""Converts values to what a destination accepts, and counts those that had to be changed. No rows, no tables."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CUT_MARK = "… (cut)"
NULLED = "values_nulled"
CUT = "strings_cut"

_WIDE = decimal.Context(prec=76, rounding=decimal.ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Ranges:
    """The values a destination accepts of each type; by default everything gold can hold and JSON can express.

    `integers` are the minimum and the maximum; doubles are finite and smaller than `doubles` in magnitude; `decimals`
    are precision and scale, `characters` the maximum length of a text, both None for no limit.
    """

    integers: tuple[int, int] = (-(2**63), 2**63 - 1)
    doubles: float = math.inf
    decimals: tuple[int, int] | None = None
    characters: int | None = None

    @property
    def whole_digits(self) -> int | None:
        """Digits of a decimal before the point, None for no limit."""
        return None if self.decimals is None else self.decimals[0] - self.decimals[1]


Converter = Callable[[Any, Counter[str]], Any]


def converter(data_type: str, ranges: Ranges) -> Converter:
    """The function that converts a value to a data type of the model: (value, counts) -> value or None.

    It counts NULLED for a value out of range and CUT for a text that is too long.
    """
    return _AS_IT_IS[data_type] if data_type in _AS_IT_IS else _RANGED[data_type](ranges)


def _int64(ranges: Ranges) -> Converter:
    least, most = ranges.integers

    def convert(value: Any, counts: Counter[str]) -> int | None:
        if value is None:
            return None
        number = int(value)
        if least <= number <= most:
            return number
        counts[NULLED] += 1
        return None

    return convert


def _double(ranges: Ranges) -> Converter:
    most = ranges.doubles

    def convert(value: Any, counts: Counter[str]) -> float | None:
        if value is None:
            return None
        number = float(value)
        if abs(number) < most:  # no NaN is less than anything
            return number
        counts[NULLED] += 1
        return None

    return convert


def _decimal(ranges: Ranges) -> Converter:
    """JSON gets the exact digits, never a float."""
    digits, scale = ranges.decimals or (0, 0)
    step, most = Decimal(1).scaleb(-scale), Decimal(10) ** (digits - scale)

    def convert(value: Any, counts: Counter[str]) -> Decimal | None:
        if value is None:
            return None
        number = value if isinstance(value, Decimal) else Decimal(str(value))
        if number.is_finite():
            if not digits:
                return number
            exponent = number.as_tuple().exponent
            longer = isinstance(exponent, int) and exponent < -scale
            scaled = _WIDE.quantize(number, step) if longer else number
            if abs(scaled) < most:
                return scaled
        counts[NULLED] += 1
        return None

    return convert


def _text(ranges: Ranges) -> Converter:
    most = ranges.characters

    def convert(value: Any, counts: Counter[str]) -> str | None:
        if value is None:
            return None
        text = str(value)
        if most is None or len(text) <= most:
            return text
        counts[CUT] += 1
        return text[: most - len(CUT_MARK)] + CUT_MARK

    return convert


def _boolean(value: Any, counts: Counter[str]) -> bool | None:
    return None if value is None else bool(value)


def _datetime(value: Any, counts: Counter[str]) -> str | None:
    """ISO text in UTC with milliseconds; a time without a zone is UTC."""
    if value is None:
        return None
    if value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return str(value.isoformat(timespec="milliseconds")) + "Z"


_AS_IT_IS: dict[str, Converter] = {"Boolean": _boolean, "DateTime": _datetime}
_RANGED: dict[str, Callable[[Ranges], Converter]] = {
    "Int64": _int64,
    "Double": _double,
    "Decimal": _decimal,
    "String": _text,
}
