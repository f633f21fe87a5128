"""A sample is made as the pipeline makes gold: what it rejects, admits and counts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from livegold.dashboards.sample_rows import START, SampleRows, sample_rows
from livegold.reporting.usecases.taxi_events import generate
from livegold.reporting.usecases.taxi_tips import USECASE as TAXI

EVENTS = 400


def trip(number: int, ends: datetime, **changed: Any) -> tuple[None, bytes]:
    times = {"pickup": f"{ends - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}", "dropoff": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    fields = {"trip_id": f"t{number}", "distance": 2.0, "fare": 9.0, "payment": "cash", "pickup_borough": "Queens"}
    return None, json.dumps({**fields, **times, **changed}).encode()


def sampled(*kinds: tuple[timedelta, dict[str, Any]]) -> SampleRows:
    """The sample of a generator whose events are, in turn, of kinds: how long after their arrival they end, and what
    else they are."""

    def generator(seed: int, start: datetime, rate: float, count: int, **_: object) -> Iterator[tuple[None, bytes]]:
        for number, (after, changed) in zip(range(count), itertools.cycle(kinds), strict=False):
            yield trip(number, start + timedelta(seconds=number / rate) + after, **changed)

    return sample_rows(replace(TAXI, generator=generator), EVENTS)


def summed(rows: SampleRows, name: str) -> int:
    return sum(row[name] for row in rows.pulse)


def test_an_event_from_beyond_now_and_the_tolerance_is_rejected_in_the_bucket_of_its_arrival() -> None:
    tolerance = timedelta(seconds=TAXI.future_tolerance_seconds)
    # A second less than the tolerance, for the generator's times have no fractions.
    rows = sampled((timedelta(0), {}), (tolerance - timedelta(seconds=1), {}), (tolerance + timedelta(seconds=2), {}))
    rejected = summed(rows, "rejected")
    assert rejected == EVENTS // 3
    assert all(row["borough"] == "unknown" for row in rows.pulse if row["rejected"])
    buckets = {row["bucket"] for row in rows.pulse if row["rejected"]}
    assert min(buckets) == START.replace(tzinfo=None)
    assert max(buckets) < (START + timedelta(minutes=30)).replace(tzinfo=None)


def test_an_event_from_before_the_earliest_time_is_rejected() -> None:
    old = {"replay_time": "2008-12-31T23:59:59Z"}
    rows = sampled((timedelta(0), {}), (timedelta(0), old))
    assert (summed(rows, "rejected"), summed(rows, "events")) == (EVENTS // 2, EVENTS // 2)


def test_a_replayed_event_stands_where_it_was_replayed() -> None:
    moment = START + timedelta(minutes=10)
    rows = sampled((timedelta(0), {"replay_time": moment.isoformat()}))
    shown = {row["bucket"] for row in rows.pulse if row["events"]}
    assert shown == {moment.replace(tzinfo=None)}
    # Those that were to be shown more than the tolerance after they arrived are from the future.
    assert 0 < summed(rows, "rejected") < EVENTS


def test_a_bad_event_does_not_stand_in_the_way_of_the_same_one_corrected() -> None:
    def generator(seed: int, start: datetime, rate: float, count: int, **_: object) -> Iterator[tuple[None, bytes]]:
        for number in range(count):
            ends = start + timedelta(seconds=number / rate)
            yield trip(number // 2, ends, fare=9.0 if number % 2 else -9.0)

    rows = sample_rows(replace(TAXI, generator=generator), EVENTS)
    assert (summed(rows, "rejected"), summed(rows, "events")) == (EVENTS // 2, EVENTS // 2)


def test_the_shipped_use_case_rejects_what_its_generator_soils() -> None:
    def clean(*arguments: Any, **named: Any) -> Iterator[tuple[str | None, bytes]]:
        return generate(*arguments, dirty=0.0, **named)

    assert summed(sample_rows(replace(TAXI, generator=clean), EVENTS), "rejected") == 0
    assert summed(sample_rows(TAXI, EVENTS), "rejected") > EVENTS / 50
