"""Every event is validated correctly, and a bad one has every reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from livegold.reporting.specification.usecase import UseCase
from livegold.streams.cleanse import SENTINEL, Cleanser
from stream_cases import events_frame, made_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

GOOD = {
    "trip_id": "t1",
    "pickup": "2019-03-23 20:21:09",
    "dropoff": "2019-03-23 20:27:24",
    "passengers": 1,
    "distance": 1.6,
    "fare": 7.0,
    "tip": 2.15,
    "tolls": 0.0,
    "total": 12.95,
    "color": "yellow",
    "payment": "credit card",
    "pickup_zone": "Lenox Hill West",
    "dropoff_zone": "UN/Turtle Bay South",
    "pickup_borough": "Manhattan",
    "dropoff_borough": "Manhattan",
}
TEXT = json.dumps(GOOD)


def changed(**fields: object) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def without(*names: str) -> bytes:
    return json.dumps({k: v for k, v in GOOD.items() if k not in names}).encode()


VALID = {
    "plain": TEXT.encode(),
    "outer blanks": f"  {TEXT}\n".encode(),
    "optional fields absent": without("tip", "payment", "passengers", "pickup_zone", "pickup_borough"),
    "optional fields null": changed(tip=None, payment=None, pickup_borough=None),
    "a field nobody declared": changed(surprise={"a": [1]}),
    "zone in the time": changed(pickup="2019-03-24T00:21:09Z", dropoff="2019-03-23T20:27:24.5-04:00"),
    "text that looks like JSON": changed(pickup_zone="[unnamed]"),
    "decimal as text": changed(fare="7.00"),
    "escapes": TEXT.replace("Lenox", "L\\u0065nox").encode(),
    "not ASCII": changed(pickup_zone="Zoë’s"),
}

BAD = {
    "empty": (b"", ["value is empty"]),
    "blank": (b" \n", ["value is empty"]),
    "not JSON": (b"trip 17", ["value is not one JSON object"]),
    "cut off": (TEXT[:-9].encode(), ["value is not one JSON object"]),
    "text after it": ((TEXT + " xyz").encode(), ["value is not one JSON object"]),
    "two objects": ((TEXT + TEXT).encode(), ["value is not one JSON object"]),
    "a list": (f"[{TEXT}]".encode(), ["value is not one JSON object"]),
    "null": (b"null", ["value is not one JSON object"]),
    "a number": (b"5", ["value is not one JSON object"]),
    "single quotes": (TEXT.replace('"', "'").encode(), ["value is not one JSON object"]),
    "bytes that are not UTF-8": (TEXT.encode().replace(b"Lenox", b"L\xff\xfe"), ["value is not UTF-8"]),
    "the end mark": (
        (TEXT + f',"{SENTINEL}":1}}').encode(),
        ["value holds livegold's own end mark"],
    ),
    "NaN": (TEXT.replace("1.6", "NaN").encode(), ["value is not one JSON object"]),
    "key twice": (TEXT.replace('"fare"', '"fare": 1.0, "fare"').encode(), ["key occurs twice: fare"]),
    "key twice, escaped": (TEXT.replace('"tip"', '"f\\u0061re": 1.0, "tip"').encode(), ["key occurs twice: fare"]),
    "a number in words": (changed(fare="abc"), ["fare is not decimal(10,2): abc"]),
    "NaN as text": (changed(distance="NaN"), ["distance is not double: NaN"]),
    "endless": (
        TEXT.replace("1.6", "1e999").encode(),
        ['distance is not double: "Infinity"', "distance is above 500 miles"],
    ),
    "half a passenger": (changed(passengers=2.5), ["passengers is not int: 2.5"]),
    "an object for a text": (changed(payment={"a": 1}), ['payment is not string: {"a":1}']),
    "a list for a text": (changed(payment=["cash"]), ['payment is not string: ["cash"]']),
    "a time without a date": (changed(pickup="20:21:09"), ["pickup is not timestamp: 20:21:09"]),
    "half a date": (changed(pickup="2019-03"), ["pickup is not timestamp: 2019-03"]),
    "month thirteen": (changed(pickup="2019-13-01 00:00:00"), ["pickup is not timestamp: 2019-13-01 00:00:00"]),
    "no key": (without("trip_id"), ["trip_id is missing"]),
    "blank key": (changed(trip_id=" "), ["trip_id is missing"]),
    "dropoff first": (
        changed(pickup="2019-03-23 20:30:00"),
        ["dropoff is before pickup"],
    ),
    "long ago": (
        changed(pickup="1970-01-01 00:00:00", dropoff="1970-01-01 00:10:00"),
        ["pickup is before 2009", "event time is before 2009-01-01"],
    ),
    "far ahead": (
        changed(pickup="2090-01-01 00:00:00", dropoff="2090-01-01 00:10:00"),
        ["event time is more than 300 s after arrival"],
    ),
    "many things at once": (
        changed(fare=-3, distance=0, passengers="two", tip="x", pickup=None),
        [
            "pickup is missing",
            "passengers is not int: two",
            "tip is not decimal(10,2): x",
            "distance is not above 0",
            "fare is not above 0",
        ],
    ),
}


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
