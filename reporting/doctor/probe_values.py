"""Which values a tenant accepts, and what it stores for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from livegold.reporting.doctor.lab import LOOK_SECONDS, SHOWS_WITHIN_SECONDS, Answer, Lab, same
from livegold.reporting.doctor.questions import NOT_COUNTED
from livegold.reporting.powerbi import Row, rows_body
from livegold.reporting.powerbi.limits import (
    DATETIME_TICKS_PER_SECOND,
    INT64_MAX,
    MAX_ROWS_PER_POST,
    MAX_STRING_CHARACTERS,
)

VALUE_TYPES = {"text": "String", "whole": "Int64", "exact": "Decimal", "at": "DateTime"}
_WIDEST = Decimal("1234567890123456789012.1234")
_LONGEST = "é" * MAX_STRING_CHARACTERS
_AT = "2026-03-01T12:00:00"

Reading = Callable[[Any], str]


def _kept(value: object) -> Reading:
    return lambda found: "kept" if same(found, value) else _became(found)


def _became(found: object) -> str:
    if found is None:
        return "null"
    text = str(found)
    return f"became {text}" if len(text) <= 40 else f"became a text of {len(text)} characters"


def _time_kept(sent: str) -> Reading:
    """Compares a time, which comes back with or without a zone; without one it is UTC."""

    def reading(found: Any) -> str:
        wanted, there = _time(sent), _time(str(found))
        if there is None or wanted is None:
            return _became(found)
        apart = abs((there - wanted).total_seconds())
        if apart == 0:
            return "kept"
        if there == wanted.replace(microsecond=wanted.microsecond // 1000 * 1000):
            return "cut to milliseconds"
        return "kept to 1/300 s" if apart <= 1 / DATETIME_TICKS_PER_SECOND else _became(found)

    return reading


def _zone(found: Any) -> str:
    there = _time(str(found))
    noon = dt.datetime.fromisoformat(_AT + "+00:00")
    if there == noon - dt.timedelta(hours=2):
        return "made UTC"
    return "the offset is dropped" if there == noon else _became(found)


def _time(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


# Question -> (values sent besides n and one, column read back, how its stored value is described).
_CASES: dict[str, tuple[dict[str, Any], str, Reading]] = {
    "missing_column": ({}, "whole", _kept(0)),
    "null": (dict.fromkeys(VALUE_TYPES), "whole", _kept(0)),
    "extra_column": ({"unknown": 1}, "whole", _became),
    "text_for_number": ({"whole": "seven"}, "whole", _became),
    "boolean_for_number": ({"whole": True}, "whole", _became),
    "number_for_text": ({"text": 7}, "text", _became),
    "fraction_for_whole": ({"whole": 1.5}, "whole", _became),
    "longest_text": ({"text": _LONGEST}, "text", _kept(_LONGEST)),
    "long_text": ({"text": _LONGEST + "!"}, "text", _kept(_LONGEST + "!")),
    "decimal_scale_4": ({"exact": _WIDEST}, "exact", _kept(_WIDEST)),
    "decimal_scale_5": ({"exact": Decimal("1.00005")}, "exact", _kept(Decimal("1.00005"))),
    "int64_most": ({"whole": INT64_MAX}, "whole", _kept(INT64_MAX)),
    "int64_extreme": ({"whole": INT64_MAX + 1}, "whole", _kept(INT64_MAX + 1)),
    "time_milliseconds": ({"at": f"{_AT}.123Z"}, "at", _time_kept(f"{_AT}.123Z")),
    "time_fraction": ({"at": f"{_AT}.1234567Z"}, "at", _time_kept(f"{_AT}.123456Z")),
    "time_zone": ({"at": f"{_AT}+02:00"}, "at", _zone),
}


def ask_about_values(lab: Lab, table: str) -> None:
    """`table` has columns n and one and VALUE_TYPES. Sends a request per case, then looks once at what was stored."""
    sent: dict[str, tuple[int, Answer]] = {}
    for key, (values, _, _) in _CASES.items():
        row = lab.next_row()
        sent[key] = (row, lab.post(table, [{"n": row, "one": 1, **values}]))
    accepted = {row for row, answer in sent.values() if answer.ok}
    found = _look(lab, table, accepted)
    for key, (row, answer) in sent.items():
        _, column, reading = _CASES[key]
        if not answer.ok:
            lab.found(key, answer.words, answer)
        elif found is None:
            lab.found(key, NOT_COUNTED, answer)
        elif row not in found:
            lab.found(key, "accepted, not stored", answer)
        else:
            lab.found(key, reading(found[row][column]), answer)
    first = lab.next_row()
    many = [{"n": first, "one": 1}] * (MAX_ROWS_PER_POST + 1)
    # As bytes, because the client itself counts the rows of a list.
    answer = lab.post(table, rows_body(many))
    lab.found("too_many_rows", answer.words, answer)


def _look(lab: Lab, table: str, wanted: set[int]) -> dict[int, Row] | None:
    """The rows by number, polled until all show up or should have."""
    if not lab.can_query or not wanted:
        return None if wanted else {}
    ends = lab.clock() + SHOWS_WITHIN_SECONDS
    while True:
        rows = lab.rows(table, list(VALUE_TYPES), min(wanted))
        if rows is None:
            return None
        found = {int(row["n"] or 0): row for row in rows}
        if wanted <= set(found) or lab.clock() >= ends:
            return found
        lab.sleep(LOOK_SECONDS)
