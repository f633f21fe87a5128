"""Every event is validated correctly, and a bad one has every reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from livegold.reporting.specification.usecase import UseCase
from livegold.streams.cleanse import Cleanser
from stream_cases import BAD, TEXT, VALID, changed, events_frame, made_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_valid_events_are_read_as_they_are_meant(spark: SparkSession, case: UseCase) -> None:
    frame = events_frame(spark, [(None, value) for value in VALID.values()])
    rows = Cleanser(case).validated(frame).orderBy("offset").collect()
    refused = [name for name, row in zip(VALID, rows, strict=True) if not row.ok]
    assert refused == []
    plain, zoned = rows[0], rows[list(VALID).index("zone in the time")]
    # Eight in the evening of New York's summer time is midnight in UTC.
    assert str(plain.pickup).startswith("2019-03-24 00:21:09")
    assert zoned.pickup == plain.pickup
    assert (plain.event_time, plain.minutes) == (plain.dropoff, 6.25)
    assert plain.pickup_local.hour == 20


def test_bad_events_have_every_reason(spark: SparkSession, case: UseCase) -> None:
    frame = events_frame(spark, [(None, value) for value, _ in BAD.values()])
    cleanser = Cleanser(case)
    accepted = [row.offset for row in cleanser.validated(frame).where("ok").collect()]
    assert [list(BAD)[offset] for offset in accepted] == []
    rows = cleanser.reasons(frame).orderBy("offset").collect()
    found = {name: sorted(row.reasons) for name, row in zip(BAD, rows, strict=True)}
    assert found == {name: sorted(reasons) for name, (_, reasons) in BAD.items()}


def test_what_the_generator_calls_valid_or_dirty_is_judged_so(spark: SparkSession, case: UseCase) -> None:
    made = made_events(5, 6_000, dirty=0.3)
    cleanser = Cleanser(case)
    validated = cleanser.validated(events_frame(spark, [event for _, event in made])).select("offset", "ok").collect()
    assert sorted(row.offset for row in validated) == list(range(len(made)))
    wrong = [(made[row.offset], row.ok) for row in validated if row.ok != (made[row.offset][0] != "dirty")]
    assert wrong == []
    bad = [event for kind, event in made if kind == "dirty"]
    reasons = [row.reasons for row in cleanser.reasons(events_frame(spark, bad)).collect()]
    assert len(reasons) == len(bad) > 1_000
    assert [found for found in reasons if not found or "event cannot be read" in found] == []


def test_a_replayed_event_is_shown_when_it_is_replayed_and_scored_as_it_was(spark: SparkSession, case: UseCase) -> None:
    frame = events_frame(spark, [(None, TEXT.encode()), (None, changed(replay_time="2026-01-01T12:00:00Z"))])
    first, replayed = Cleanser(case).validated(frame).orderBy("offset").collect()
    assert str(replayed.event_time) == "2026-01-01 12:00:00"
    features = Cleanser(case).feature_columns
    assert len(features) == len(case.model.features)
    assert [replayed[c] for c in features] == [first[c] for c in features]
