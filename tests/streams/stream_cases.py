"""Events and tables that tests of the streams share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.usecases.taxi_events import generate_labelled

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

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
