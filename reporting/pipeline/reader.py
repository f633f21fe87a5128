"""Reads events in Python, without Spark: JSON to the fields of a use case, by the pipeline's own rules.

It rejects exactly what the pipeline's parser (`livegold.streams.cleanse`) rejects at scale. Not for whether an event
that could be read is valid.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from livegold.reporting.pipeline.validation import event_fields
from livegold.reporting.schema import RESERVED, SOURCE
from livegold.reporting.specification import UseCase

_TIME = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{0,9}))?)?)? *"
    r"(?:(Z|UTC|GMT)|([+-])(\d{1,2})(?::?(\d{2}))?)?)?)?\s*"
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INT = range(-(2**31), 2**31)

Row = dict[str, Any]


class EventReader:
    """Reads the values of events of one use case.

    Times become datetimes in UTC, with the use case's time zone as default; decimals are rounded to their scale.
    """

    def __init__(self, case: UseCase) -> None:
        zone = ZoneInfo(case.time_zone)
        self._values = {f.name: _reader(f.type, zone) for f in event_fields(case)}
        self._types = {f.name: arrow_type(f.type) for f in event_fields(case)}
        self._types |= {name: arrow_type(type_) for name, type_, _ in RESERVED if name in SOURCE}

    def read(self, value: bytes) -> Row | None:
        """The fields of an event, with missing ones as None; or None if the value is not a readable event.

        That is: not a single JSON object in UTF-8, a duplicate key, NaN, or a value that is not of its field's type.
        """
        try:
            found = json.loads(
                value.decode(),
                object_pairs_hook=_Pairs,
                parse_int=_Number,
                parse_float=_Number,
                parse_constant=_refused,
            )
            if not isinstance(found, _Pairs):
                return None
            fields = dict(found)
            if len(fields) < len(found):
                return None
            return {
                name: None if fields.get(name) is None else read(fields[name]) for name, read in self._values.items()
            }
        except (ValueError, TypeError, InvalidOperation, OverflowError, RecursionError):
            return None

    def tables(self, events: Iterable[tuple[datetime, bytes]], topic: str) -> tuple[pa.Table, pa.Table]:
        """Reads events, each with its arrival, as one partition of a topic.

        The first table has the readable ones, with the columns of `event_fields` and SOURCE; the second has SOURCE of
        the others.
        """
        rows: list[Row] = []
        unreadable: list[Row] = []
        for offset, (arrival, value) in enumerate(events):
            source = dict(zip(SOURCE, (topic, 0, offset, arrival), strict=True))
            row = self.read(value)
            if row is None:
                unreadable.append(source)
            else:
                rows.append(row | source)
        return _table(rows, self._types), _table(unreadable, {n: self._types[n] for n in SOURCE})


def read_time(text: str, zone: tzinfo) -> datetime:
    """A date and time as an instant in UTC; without a time zone it is in `zone`. Raises ValueError for other texts."""
    if len(text) == 19 and text[4] == "-" == text[7] and text[10] in " T" and text[13] == ":" == text[16]:
        # Nearly every time looks like `2019-03-23 20:21:09`.
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time with a date")
    year, month, day, hour, minute, second = (int(g or 0) for g in found.groups()[:6])
    micros = int((found[7] or "").ljust(6, "0")[:6])
    own: tzinfo = zone
    if found[8]:
        own = UTC
    elif found[9]:
        ahead = timedelta(hours=int(found[10]), minutes=int(found[11] or 0))
        own = timezone(ahead if found[9] == "+" else -ahead)
    return datetime(year, month, day, hour, minute, second, micros, own).astimezone(UTC)


def arrow_type(type_: str) -> pa.DataType:
    """The Arrow type for a Spark SQL type."""
    if type_.startswith("decimal"):
        return pa.decimal128(*_digits(type_))
    return _ARROW_TYPES[type_]


_ARROW_TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def _table(rows: Sequence[Row], types: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.table({name: pa.array([r[name] for r in rows], type_) for name, type_ in types.items()})


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as pairs, duplicate keys included."""


class _Number(str):
    """A JSON number as written."""


def _reader(type_: str, zone: tzinfo) -> Callable[[Any], Any]:
    if type_ == "timestamp":
        return lambda found: read_time(_text(found), zone)
    if type_.startswith("decimal"):
        digits, scale = _digits(type_)
        return lambda found: _decimal(found, digits, scale)
    return {"string": _text, "boolean": _boolean, "int": _whole, "double": _double}[type_]


def _text(found: Any) -> str:
    if isinstance(found, bool):
        return str(found).lower()
    if not isinstance(found, str):
        raise TypeError(f"{found!r} is not a string")
    return str(found)


def _boolean(found: Any) -> bool:
    if not isinstance(found, bool):
        raise TypeError(f"{found!r} is not a boolean")
    return found


def _whole(found: Any) -> int:
    number = int(_number(found))
    if number not in _INT:
        raise ValueError(f"{found} is too large")
    return number


def _double(found: Any) -> float:
    number = float(_number(found))
    if not math.isfinite(number):
        raise ValueError(f"{found} is not finite")
    return number


def _decimal(found: Any, digits: int, scale: int) -> Decimal:
    if not isinstance(found, str) or not _NUMBER.fullmatch(found):
        raise TypeError(f"{found!r} is not a number")
    exact = Decimal(found).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    if len(exact.as_tuple().digits) > digits:
        raise ValueError(f"{found} is too large")
    return exact


def _number(found: Any) -> str:
    if not isinstance(found, _Number):
        raise TypeError(f"{found!r} is not a number")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _digits(type_: str) -> tuple[int, int]:
    """Precision and scale of a type `decimal(p,s)`."""
    digits, scale = type_[len("decimal(") : -1].split(",")
    return int(digits), int(scale)
