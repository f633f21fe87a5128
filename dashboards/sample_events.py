"""Synthetic events for the sample of a use case: from its own generator, or drawn at random by field type.

The same use case gives the same events. Does not read or score them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from livegold.reporting.pipeline import arrow_type
from livegold.reporting.specification import Field, UseCase

OLDER_EVENTS = 6_000
"""Maximum number of events a model of the sample is fitted on."""
_SEED = 20_260_504
_RANDOM_REJECTED = 0.02
_UNKNOWN_SHARE = 0.03
_WORDS = ("amber", "birch", "cedar", "dune", "ember")

Event = tuple[str | None, bytes]


def live_events(case: UseCase, start: datetime, seconds: int, count: int) -> Iterator[tuple[datetime, bytes]]:
    """`count` events spread evenly over the `seconds` from `start`, each with its arrival."""
    rate = count / seconds
    events = (
        case.generator(_SEED, start, rate, count=count) if case.generator else _drawn(case, _SEED, start, rate, count)
    )
    arrivals = (start + timedelta(seconds=i / rate) for i in range(count))
    return ((arrival, value) for arrival, (_, value) in zip(arrivals, events, strict=False))


def older_events(case: UseCase, end: datetime, seconds: int, count: int) -> Iterator[tuple[datetime, bytes]]:
    """Events from before `end`, to learn from: at most twice `count`. All of them arrived at `end`."""
    count = min(OLDER_EVENTS, 2 * count)
    begin, rate = end - timedelta(seconds=seconds), count / seconds
    events: Iterable[Event]
    if case.history:
        events = case.history(_SEED, count, end)
    elif case.generator:
        events = case.generator(_SEED + 1, begin, rate, count=count)
    else:
        events = _drawn(case, _SEED + 1, begin, rate, count)
    return ((end, value) for _, value in events)


def _drawn(case: UseCase, seed: int, start: datetime, rate: float, count: int) -> Iterator[Event]:
    """Events of a use case without a generator: other times are a little before the event time."""
    rng = random.Random(f"{case.name} {seed}")
    zone = ZoneInfo(case.time_zone)
    declared = {d.column: d.values for d in case.dimensions if d.values}
    for number in range(count):
        if rng.random() < _RANDOM_REJECTED:
            yield None, b"not an event"
            continue
        at = start + timedelta(seconds=number / rate)
        event: dict[str, Any] = {}
        for field in case.fields:
            if field.name == case.event_id:
                event[field.name] = f"{seed}-{number}"
            elif field.type == "timestamp":
                before = 0 if field.name == case.event_time else rng.randrange(60, 1_800)
                event[field.name] = (
                    (at - timedelta(seconds=before)).astimezone(zone).replace(tzinfo=None).isoformat(" ")
                )
            elif field.required or rng.random() >= _UNKNOWN_SHARE:
                event[field.name] = _drawn_value(rng, field, declared.get(field.name))
        yield None, json.dumps(event).encode()


def _drawn_value(rng: random.Random, field: Field, values: Sequence[str] | None) -> Any:
    if field.type == "string":
        words = values or _WORDS
        return words[min(int(rng.expovariate(0.5)), len(words) - 1)]
    if field.type == "boolean":
        return rng.random() < 0.4
    if field.type == "int":
        return rng.randrange(0, 10)
    size = rng.lognormvariate(2, 0.7)
    if field.type == "double":
        return round(size, 2)
    exact = arrow_type(field.type)
    assert pa.types.is_decimal(exact)
    return round(min(size, 10 ** (exact.precision - exact.scale) - 1), min(exact.scale, 2))
