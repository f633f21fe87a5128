"""Another task and another estimator go all the way, in batch and as a stream: trained, scored, summed, reconciled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from livegold.reporting.errors import WrongUse
from livegold.reporting.home.status import StatusFile
from livegold.reporting.lake import Lake, newest_quality
from livegold.reporting.settings import Settings, load
from livegold.reporting.specification import UseCase
from livegold.reporting.usecases.taxi_events import history
from livegold.streams.accounts.reconciliation import reconcile
from livegold.streams.models import Registry, train, training_rows
from livegold.streams.switch import Pipeline
from stream_cases import events_frame, gold_rows, made_events, publish_events
from taxi_variants import BOOSTED, TIP, VARIANTS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from livegold.streams.local.broker import Broker

EVENTS = 2_000
pytestmark = [pytest.mark.spark, pytest.mark.broker]


@pytest.fixture(scope="module")
def registry_uri(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """MLflow store with a champion of each variant."""
    settings = load({}, Path("none"), home=str(tmp_path_factory.mktemp("variants")))
    registry = Registry(settings)
    events = events_frame(spark, list(history(1, 3_000, datetime.now(UTC)))).persist()
    for case in VARIANTS:
        model, evaluation = train(case, training_rows(case, events))
        registered = registry.register(case, model, evaluation.metrics(), {})
        registry.promote(case, registered.version)
    events.unpersist()
    return settings.mlflow_uri


@pytest.fixture
def settings_of(registry_uri: str, broker: Broker, topic: str, tmp_path: Path) -> Callable[..., Settings]:
    def make(home: str, **changed: str) -> Settings:
        own = {"home": str(tmp_path / home), "hub__servers": broker.servers, "hub__topic": topic}
        return load({}, Path("none"), mlflow__uri=registry_uri, **own, **changed)

    return make


@pytest.mark.long
@pytest.mark.parametrize("case", VARIANTS, ids=lambda case: case.name)
def test_batch_and_stream_give_the_same_gold(
    spark: SparkSession, case: UseCase, settings_of: Callable[..., Settings], topic: str
) -> None:
    batch = settings_of("batch")
    stream = settings_of("stream", hub__batch_events="700", stream__trigger_seconds="0.1")
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

    one, many = Lake.of(batch, case.name), Lake.of(stream, case.name)
    predictions = gold_rows(one.predictions, "query_id", "batch_id")
    assert len(predictions) == sum(kind in ("valid", "late") for kind, _ in events)
    assert gold_rows(many.predictions, "query_id", "batch_id") == predictions
    assert len(gold_rows(many.pulse)) > len(gold_rows(one.pulse)), "the stream was one batch: nothing was compared"
    # Pulse is recounted from predictions.
    for settings in (batch, stream):
        assert reconcile(case, settings).problems == ()
    quality = newest_quality(case.model.task, one.predictions, "event_time").metrics()
    headline, baseline = quality[case.model.task.headline], quality["baseline"]
    assert headline < baseline if case.model.task.less_is_better else headline > baseline


def test_gold_has_what_the_champion_says_of_each_event(
    spark: SparkSession, settings_of: Callable[..., Settings], topic: str
) -> None:
    settings = settings_of("values")
    publish_events(settings, topic, made_events(22, 300))
    for case in VARIANTS:
        Pipeline(spark, case, settings, {}).run("batch", threading.Event())
    tip, boosted = (dict(rows(Lake.of(settings, case.name))) for case in (TIP, BOOSTED))
    assert tip.keys() == boosted.keys()
    for key, row in tip.items():
        known = row["paid_by_card"] and row["tip"] is not None
        assert row["outcome"] == (float(row["tip"]) if known else None)
        assert row["error"] == (row["predicted"] - float(row["tip"]) if known else None)
        other = boosted[key]
        assert other["predicted"] is (other["score"] >= 0.5)
        assert 0 < other["score"] < 1
    assert len({row["score"] for row in boosted.values()}) > 50
    with pytest.raises(WrongUse, match="was trained for task Regression, the use case has Binary"):
        Registry(settings).load_champion(replace(BOOSTED, name=TIP.name))


def rows(lake: Lake) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in DeltaTable(lake.predictions).to_pyarrow_table().to_pylist():
        yield row["event_id"], row
