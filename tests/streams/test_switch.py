"""The switch changes when things run, never what comes out."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livegold.reporting.errors import NotFound, WrongUse
from livegold.reporting.home.status import StatusFile
from livegold.reporting.lake.paths import Lake
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.accounts.reconciliation import reconcile
from livegold.streams.switch import Pipeline, check_switch
from stream_cases import Labelled, columns_of, gold_rows, made_events, publish_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from livegold.streams.local.broker import Broker

EVENTS = 8_000


@pytest.mark.spark
@pytest.mark.broker
@pytest.mark.long
def test_batch_and_stream_give_the_same_gold(
    spark: SparkSession, case: UseCase, make_settings: Callable[..., Settings], topic: str
) -> None:
    batch = make_settings("batch", hub__topic=topic)
    stream = make_settings("stream", hub__topic=topic, hub__batch_events="1500", stream__trigger_seconds="0.1")
    events = made_events(21, EVENTS)
    publish_events(batch, topic, events)
    Pipeline(spark, case, batch, {}).run("batch", threading.Event())

    stop = threading.Event()
    pipeline = threading.Thread(target=Pipeline(spark, case, stream, {}).run, args=("stream", stop))
    pipeline.start()
    status, deadline = StatusFile(stream.home, case.name), time.monotonic() + 120
    while time.monotonic() < deadline:
        queries = (status.read() or {}).get("queries", {})
        if queries and all(q.get("committed") == EVENTS for q in queries.values()):
            break
        time.sleep(0.2)
    stop.set()
    pipeline.join(60)
    assert not pipeline.is_alive(), "the stream did not end when it was stopped"

    one, many = Lake.of(batch, case.name), Lake.of(stream, case.name)
    cut = ("query_id", "batch_id")
    predictions = gold_rows(one.predictions, *cut)
    assert len(predictions) == sum(kind in ("valid", "late") for kind, _ in events)
    assert gold_rows(many.predictions, *cut) == predictions
    assert gold_rows(many.quarantine, *cut) == gold_rows(one.quarantine, *cut)
    assert len(gold_rows(many.pulse)) > len(gold_rows(one.pulse)), "the stream was one batch: nothing was compared"
    # A double adds up in another order: rounded; everything else is exact.
    assert pulse_totals(many, case) == pulse_totals(one, case)
    for settings in (batch, stream):
        assert reconcile(case, settings).problems == ()


def pulse_totals(lake: Lake, case: UseCase) -> list[tuple[object, ...]]:
    import duckdb
    from deltalake import DeltaTable

    pulse = DeltaTable(lake.pulse).to_pyarrow_dataset()
    assert pulse.schema.names
    keys = ", ".join(["bucket", *(d.name for d in case.all_dimensions)])
    types = {c.name: c.type for c in case.pulse_columns}
    sums = [
        f"round(sum({a.name}), 6)" if types[a.name] == "double" else f"sum({a.name})"
        for a in case.aggregates
        if a.additive
    ]
    found: list[tuple[object, ...]] = duckdb.sql(
        f"SELECT {keys}, {', '.join(sums)} FROM pulse GROUP BY {keys} ORDER BY {keys}"
    ).fetchall()
    return found


@pytest.mark.spark
@pytest.mark.broker
def test_a_folder_of_files_is_a_hub_too(
    spark: SparkSession,
    case: UseCase,
    make_settings: Callable[..., Settings],
    topic: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    from livegold.streams.hub.hub import Hub, ensure_topic
    from livegold.streams.hub.publisher import publish

    folder = tmp_path_factory.mktemp("events")
    settings = make_settings("files", hub__kind="folder", hub__folder=str(folder), hub__servers="127.0.0.1:9092")
    hub = Hub.of(settings, case.name)
    ensure_topic(hub, 1)
    # A line feed would end the event in a file of lines.
    events = [(kind, event) for kind, event in made_events(31, 2_000) if b"\n" not in event[1] and event[1]]
    publish(hub, [event for _, event in events])
    Pipeline(spark, case, settings, {}).run("batch", threading.Event())
    lake = Lake.of(settings, case.name)
    valid = sorted(key for kind, (key, _) in events if kind in ("valid", "late"))
    assert [row[0] for row in gold_rows(lake.predictions)] == valid
    assert sorted(value for (value,) in columns_of(lake.raw, "value")) == sorted(value for _, (_, value) in events)
    dirty = sorted(value for kind, (_, value) in events if kind == "dirty")
    assert sorted(value for (value,) in columns_of(lake.quarantine, "value")) == dirty


@pytest.fixture(scope="module")
def through_event_hubs(
    spark: SparkSession,
    case: UseCase,
    broker: Broker,
    connection_string: str,
    champion_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Settings, Labelled]:
    """Settings of a home that was filled through the mechanism of Event Hubs, and the events that were published."""
    topic = "through-event-hubs"
    broker.create_topic(topic, 4)
    events = made_events(41, 600)
    publish_events(load({}, Path("none"), hub__servers=broker.servers), topic, events)
    settings = load(
        {"LIVEGOLD_HUB_CONNECTION_STRING": connection_string},
        Path("none"),
        home=str(tmp_path_factory.mktemp("hubs")),
        hub__kind="eventhubs",
        # The local broker has the same mechanism as Event Hubs, but no TLS.
        hub__servers=broker.sasl_servers,
        hub__security="sasl_plaintext",
        hub__topic=topic,
        mlflow__uri=champion_uri,
    )
    Pipeline(spark, case, settings, {}).run("batch", threading.Event())
    return settings, events


@pytest.mark.spark
@pytest.mark.broker
def test_a_connection_string_is_enough_for_event_hubs(
    through_event_hubs: tuple[Settings, Labelled], case: UseCase
) -> None:
    settings, events = through_event_hubs
    lake = Lake.of(settings, case.name)
    assert sorted(value for (value,) in columns_of(lake.raw, "value")) == sorted(value for _, (_, value) in events)
    valid = sorted(key for kind, (key, _) in events if kind in ("valid", "late"))
    assert [row[0] for row in gold_rows(lake.predictions)] == valid


@pytest.mark.spark
@pytest.mark.broker
def test_a_connection_string_is_in_no_log_and_no_table(
    spark: SparkSession, through_event_hubs: tuple[Settings, Labelled], connection_string: str
) -> None:
    settings, _ = through_event_hubs
    options = spark.conf.get("spark.driver.extraJavaOptions", "") or ""
    log = re.search(r"configurationFile=(\S+)/log4j2.properties", options)
    assert log is not None
    written = [*settings.home.rglob("*"), *Path(log[1]).rglob("*")]
    assert {".parquet", ".json", ".log"} <= {path.suffix for path in written if path.is_file()}
    assert any(path.name == "spark.log" and path.stat().st_size > 0 for path in written)
    secret = connection_string.split("SharedAccessKey=")[1].encode()
    assert [path for path in written if path.is_file() and secret in path.read_bytes()] == []


@pytest.mark.spark
@pytest.mark.broker
def test_a_run_without_a_champion_is_refused_before_anything_is_written(
    spark: SparkSession, case: UseCase, make_settings: Callable[..., Settings], topic: str
) -> None:
    settings = make_settings("none", hub__topic=topic, mlflow__uri="")
    with pytest.raises(NotFound, match="run `livegold train taxi_tips` first"):
        Pipeline(spark, case, settings, {}).run("batch", threading.Event())
    assert not Path(settings.lake).exists()


def test_switches_are_checked_by_name() -> None:
    for good in ("batch", "stream"):
        check_switch(good)
    with pytest.raises(WrongUse, match="not there yet"):
        check_switch("realtime")
    with pytest.raises(WrongUse, match="give batch or stream"):
        check_switch("hourly")
