"""Events and tables that tests of the streams share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livegold.reporting.errors import WrongUse
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.sinks import FeedBatch, Sink
from livegold.reporting.usecases.taxi_events import generate_labelled
from livegold.streams.cleanse import SENTINEL

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

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

Labelled = list[tuple[str, tuple[str | None, bytes]]]


def made_events(seed: int, count: int, **shares: float) -> Labelled:
    """Events with what they were made to be; their times lie in the past hour."""
    start = datetime.now(UTC) - timedelta(hours=1)
    return list(generate_labelled(seed, start, 50.0, count=count, **shares))


def publish_events(settings: Settings, topic: str, events: Labelled) -> None:
    """Puts events into a topic and returns when the broker has them all."""
    from livegold.streams.hub.hub import Hub
    from livegold.streams.hub.publisher import publish

    hub = Hub.of(load({}, Path("none"), hub__servers=settings["hub.servers"], hub__topic=topic), topic)
    done = publish(hub, [event for _, event in events])
    assert done.count == len(events)


def held_events(servers: str, topic: str) -> dict[int, list[tuple[bytes | None, bytes]]]:
    """Key and value of every event of a topic, in order, by partition; partitions that hold none are left out."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False})
    held: dict[int, list[tuple[bytes | None, bytes]]] = {}
    try:
        partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        places = [TopicPartition(topic, partition, 0) for partition in partitions]
        left = sum(consumer.get_watermark_offsets(place, timeout=20)[1] for place in places)
        consumer.assign(places)
        while left:
            came = consumer.consume(min(left, 10_000), timeout=20)
            assert came, f"{left} events of {topic} did not come"
            assert not [message.error() for message in came if message.error()]
            for message in came:
                held.setdefault(message.partition(), []).append((message.key(), message.value()))
            left -= len(came)
    finally:
        consumer.close()
    return held


def events_frame(spark: SparkSession, events: list[tuple[str | None, bytes]]) -> DataFrame:
    """Events as the rows of `raw_events`, all in one partition, arrived now."""
    now = datetime.now(UTC)
    rows = [
        (None if key is None else key.encode(), bytearray(value), "made", 0, offset, now)
        for offset, (key, value) in enumerate(events)
    ]
    return spark.createDataFrame(
        rows, "key binary, value binary, topic string, partition int, offset bigint, arrival timestamp"
    )


def columns_of(table: str, *names: str) -> list[tuple[object, ...]]:
    """Some columns of a Delta table, row by row, in no order; read with no Spark."""
    from deltalake import DeltaTable

    found = DeltaTable(table).to_pyarrow_dataset().to_table(list(names))
    return list(zip(*(found.column(name).to_pylist() for name in names), strict=True))


def gold_rows(table: str, *without: str) -> list[tuple[object, ...]]:
    """Rows of a Delta table, sorted, without some columns; read with no Spark."""
    import duckdb
    from deltalake import DeltaTable

    found = DeltaTable(table).to_pyarrow_dataset()
    columns = ", ".join(f'"{name}"' for name in found.schema.names if name not in without)
    rows: list[tuple[object, ...]] = duckdb.sql(f"SELECT {columns} FROM found ORDER BY ALL").fetchall()
    return rows


class ListingSink(Sink):
    """Notes in a file how many rows it gets, and of which feed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.is_open = False

    def check(self) -> None: ...

    def source_id(self) -> str | None:
        return None

    def reset(self, *, drop: bool = False) -> None: ...

    def open(self) -> None:
        assert not self.is_open
        self.is_open = True

    def write(self, batch: FeedBatch) -> None:
        assert self.is_open
        with self.file.open("a") as out:
            print(batch.number, batch.pulse.num_rows, batch.spotlight.num_rows, batch.feed, file=out)

    def close(self) -> None: ...

    def status(self) -> Mapping[str, Any]:
        return {}


def fail_at(wanted: str, step: str) -> None:
    """What happens at a step of gold: nothing, but at the one that is wanted an error a person would have to see."""
    if step == wanted:
        raise WrongUse(f"stopped after {step} in process {os.getpid()}")
