"""Two sinks of one run: each has a feed of its own, and both get the same rows."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.server import LocalService
from livegold.reporting.service.stored_rows import StoredRows
from livegold.reporting.settings.settings import Settings
from livegold.reporting.sinks import make_sinks
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.switch import Pipeline
from stream_cases import made_events, publish_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from livegold.streams.local.broker import Broker

pytestmark = [pytest.mark.spark, pytest.mark.broker, pytest.mark.integration, pytest.mark.long]


def messages(servers: str, topic: str) -> list[dict[str, Any]]:
    """What a topic of one partition holds."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False})
    try:
        at = TopicPartition(topic, 0, 0)
        _, high = consumer.get_watermark_offsets(at, timeout=20)
        consumer.assign([at])
        found: list[Any] = []
        while len(found) < high:
            found += consumer.consume(high - len(found), timeout=20)
        return [json.loads(m.value(), parse_float=Decimal) for m in found]
    finally:
        consumer.close()


def in_order(rows: list[dict[str, Any]]) -> list[str]:
    """Rows to compare: the service writes a decimal of 0.00 as 0."""
    return sorted(repr([(name, _plain(value)) for name, value in sorted(row.items())]) for row in rows)


def _plain(value: Any) -> Any:
    return Decimal(value).normalize() if type(value) in (int, Decimal) else value


def test_powerbi_and_eventstream_run_side_by_side_and_get_the_same_rows(
    spark: SparkSession,
    case: UseCase,
    make_settings: Callable[..., Settings],
    broker: Broker,
    topic: str,
    tmp_path: Path,
) -> None:
    live = f"{topic}-live"
    broker.create_topic(live, 1)
    with LocalService(tmp_path / "service") as service:
        own = service.endpoint.settings() | {"powerbi__client_secret": service.secret}
        own |= {"eventstream__servers": broker.servers, "eventstream__topic": live}
        settings = make_settings("both", hub__topic=topic, **own)
        publish_events(settings, topic, made_events(33, 3_000))
        runs = []
        for _ in range(2):
            sinks = make_sinks(["powerbi", "eventstream"], settings, case)
            Pipeline(spark, case, settings, sinks).run("batch", threading.Event())
            runs.append({name: sink.status() for name, sink in sinks.items()})
        first, said = runs
        stored = StoredRows(settings["powerbi.api"], said["powerbi"]["dataset"], Session(settings["powerbi.ca"]))
        given: dict[str, list[dict[str, Any]]] = {}
        for message in messages(broker.servers, live):
            given.setdefault(message.pop("table"), []).append(message)
        assert {"Pulse", "Totals", "Spotlight"} < set(given)
        for table, rows in given.items():
            assert in_order(rows) == in_order(stored.rows(table)), table
    delivered = {name: said[name]["rows_delivered"] for name in said}
    assert delivered == dict.fromkeys(said, sum(len(rows) for rows in given.values()))
    assert delivered == {name: first[name]["rows_delivered"] for name in said}, "a run that found nothing new sent rows"
    assert said["eventstream"]["rows_maybe_twice"] == 0
