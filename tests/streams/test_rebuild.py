"""Gold made anew from raw is history by the model and the checks of today, and the stream goes on from it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable

from livegold.reporting.errors import WrongUse
from livegold.reporting.home import StatusFile, acquire_lock
from livegold.reporting.lake.paths import Lake
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.specification.usecase import Check, UseCase
from livegold.streams.accounts.reconciliation import reconcile
from livegold.streams.checkpoints import query_of
from livegold.streams.hub.hub import FILE_SUFFIX
from livegold.streams.local.java import QUICK_START
from livegold.streams.models.registry import Registry
from livegold.streams.rebuild.plan import make_plan
from livegold.streams.rebuild.rebuild import Rebuild
from livegold.streams.switch import Pipeline
from stream_cases import Labelled, gold_rows, made_events, publish_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]

PROCESS = Path(__file__).with_name("pipeline_process.py")
SHORT = Check("short_trip", "distance <= 3", "distance is not short")


class Killed(BaseException):
    """What a test raises where a process would be killed."""


def killed_at(wanted: str, steps: list[str]) -> Callable[[str], None]:
    """Notes the steps, and raises at the first that is wanted."""

    def on_step(step: str) -> None:
        steps.append(step)
        if step == wanted:
            raise Killed

    return on_step


def own_models(champion_uri: str, tmp_path: Path) -> str:
    """A registry of its own, so that its champion can be moved."""
    shutil.copy(champion_uri.removeprefix("sqlite:///"), tmp_path / "models.db")
    return f"sqlite:///{tmp_path / 'models.db'}"


def files_of(folder: Path, events: Labelled, names: str) -> Labelled:
    """Puts events into the files of a folder hub, 300 in each; returns those that a file of lines can hold."""
    folder.mkdir(exist_ok=True)
    kept = [(kind, e) for kind, e in events if b"\n" not in e[1] and e[1]]
    for number in range(0, len(kept), 300):
        lines = b"".join(value + b"\n" for _, (_, value) in kept[number:][:300])
        file = folder / f"{names}{number}{FILE_SUFFIX}"
        file.write_bytes(lines)
        # Its time is when its events arrived: files of one instant would be one batch of a rebuild.
        arrived = time.time() - 60 + number / 300
        os.utime(file, (arrived, arrived))
    return kept


def valid(*events: Labelled) -> list[str]:
    return sorted(str(key) for some in events for kind, (key, _) in some if kind in ("valid", "late"))


def ids(lake: Lake) -> list[object]:
    return [row[0] for row in gold_rows(lake.predictions)]


def column(path: str, name: str) -> set[object]:
    return set(DeltaTable(path).to_pyarrow_dataset().to_table([name]).column(name).to_pylist())


@pytest.mark.broker
def test_a_new_model_and_a_new_check_reach_back_over_history_and_the_next_run_goes_on_exactly(
    spark: SparkSession,
    case: UseCase,
    make_settings: Callable[..., Settings],
    topic: str,
    champion_uri: str,
    tmp_path: Path,
) -> None:
    settings = make_settings(hub__topic=topic, hub__batch_events="700", mlflow__uri=own_models(champion_uri, tmp_path))
    lake = Lake.of(settings, case.name)
    before, during, later = made_events(81, 1_500), made_events(82, 300), made_events(83, 400)
    publish_events(settings, topic, before)
    Pipeline(spark, case, settings, {}).run("batch", threading.Event())
    assert ids(lake) == valid(before)
    old_query, old_version = query_of(lake.checkpoint("gold")), DeltaTable(lake.predictions).version()
    # The hub goes on meanwhile: these are in neither raw nor gold when history is scored.
    publish_events(settings, topic, during)

    Registry(settings).promote(case, "2")
    stricter = replace(case, checks=(*case.checks, SHORT))
    rebuild = Rebuild(spark, stricter, settings, {})
    assert rebuild.run(threading.Event())
    counted = (StatusFile(settings.home, case.name).read() or {})["gold"]
    assert counted["events"] == len(before)
    assert counted["batches"] >= 2, "one batch: nothing was cut"
    found = reconcile(stricter, settings, lambda: spark, hub=False)
    assert found.problems == ()
    assert found.raw == len(before)
    assert found.reasons["distance is not short"] > 50
    assert column(lake.predictions, "model_version") == {"2"}
    assert max(column(lake.predictions, "distance")) <= 3
    assert set(ids(lake)) < set(valid(before))
    # What was there is in the history of the table.
    old = DeltaTable(lake.predictions, version=old_version).to_pyarrow_dataset().to_table(["event_id", "model_version"])
    assert sorted(old.column("event_id").to_pylist()) == valid(before)
    assert set(old.column("model_version").to_pylist()) == {"1"}
    assert not Path(lake.rebuild).exists()

    publish_events(settings, topic, later)
    Pipeline(spark, stricter, settings, {}).run("batch", threading.Event())
    assert query_of(lake.checkpoint("gold")) != old_query
    found = reconcile(stricter, settings, lambda: spark)
    assert found.problems == ()
    assert found.hub == found.raw == len(before) + len(during) + len(later)
    # And again, with nothing changed: the same gold, whole.
    scored = gold_rows(lake.predictions, "query_id", "batch_id")
    assert Rebuild(spark, stricter, settings, {}).run(threading.Event(), keep=False)
    assert gold_rows(lake.predictions, "query_id", "batch_id") == scored
    Pipeline(spark, stricter, settings, {}).run("batch", threading.Event())
    assert gold_rows(lake.predictions, "query_id", "batch_id") == scored
    assert reconcile(stricter, settings, lambda: spark).problems == ()


def test_a_rebuild_that_is_cut_off_anywhere_goes_on_to_the_same_end(
    spark: SparkSession, case: UseCase, champion_uri: str, tmp_path: Path
) -> None:
    folder = tmp_path / "hub"
    first = files_of(folder, made_events(84, 900), "a")
    own = {"hub__kind": "folder", "hub__folder": str(folder), "hub__batch_events": "300", "mlflow__uri": champion_uri}
    settings = load({}, Path("none"), home=str(tmp_path / "home"), lake=(tmp_path / "lake").as_uri(), **own)
    lake = Lake.of(settings, case.name)
    Pipeline(spark, case, settings, {}).run("batch", threading.Event())
    stricter = replace(case, checks=(*case.checks, SHORT))
    before, steps = ids(lake), list[str]()
    for cut_at in ("predictions", "pulse", "batch", "reconciled", "decided"):
        with pytest.raises(Killed):
            Rebuild(spark, stricter, settings, {}, killed_at(cut_at, steps)).run(threading.Event())
        assert ids(lake) == before
    # Whoever starts next finishes a swap that was decided.
    Pipeline(spark, stricter, settings, {}).run("batch", threading.Event())
    assert steps.count("persisted") == len(list(folder.iterdir())), "what was scored before was scored again"
    assert reconcile(stricter, settings, lambda: spark).problems == ()
    short = ids(lake)
    assert set(short) < set(valid(first))
    assert max(column(lake.predictions, "distance")) <= 3

    second = files_of(folder, made_events(85, 600), "b")
    Pipeline(spark, stricter, settings, {}).run("batch", threading.Event())
    found = reconcile(stricter, settings, lambda: spark)
    assert found.problems == ()
    assert found.raw == len(first) + len(second)
    assert set(short) < set(ids(lake))


@pytest.mark.broker
def test_a_killed_rebuild_leaves_gold_as_it_was_and_the_next_one_goes_on(
    spark: SparkSession, case: UseCase, make_settings: Callable[..., Settings], topic: str, champion_uri: str
) -> None:
    settings = make_settings("killed", hub__topic=topic)
    publish_events(settings, topic, made_events(86, 900))
    Pipeline(spark, case, settings, {}).run("batch", threading.Event())
    lake = Lake.of(settings, case.name)
    gold = gold_rows(lake.predictions, "query_id", "batch_id")
    changed = {k.replace(".", "__"): settings[k] for k in ("home", "hub.servers", "hub.topic", "mlflow.uri")}
    changed |= {"spark__master": "local[2]", "spark__memory": "1g", "spark__java_options": QUICK_START}
    changed |= {"hub__batch_events": "300"}
    command = [sys.executable, str(PROCESS), json.dumps(changed), "raw", "predictions", "2"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVEGOLD_")}
    process = subprocess.Popen(command, start_new_session=True, env=environment, stderr=subprocess.DEVNULL)
    assert process.wait(180) == -signal.SIGKILL
    assert gold_rows(lake.predictions, "query_id", "batch_id") == gold
    assert reconcile(case, settings, lambda: spark).problems == ()

    steps: list[str] = []
    assert Rebuild(spark, case, settings, {}, steps.append).run(threading.Event())
    # The first was cut off after its predictions, which are not scored again.
    assert steps.count("persisted") == steps.count("batch") - 1 > 0
    assert gold_rows(lake.predictions, "query_id", "batch_id") == gold
    assert reconcile(case, settings, lambda: spark).problems == ()


def test_a_rebuild_is_refused_while_the_use_case_runs_and_where_events_would_be_lost(
    spark: SparkSession, case: UseCase, champion_uri: str, tmp_path: Path
) -> None:
    folder = tmp_path / "hub"
    events = files_of(folder, made_events(87, 600), "a")
    own = {"hub__kind": "folder", "hub__folder": str(folder), "mlflow__uri": champion_uri}
    settings = load({}, Path("none"), home=str(tmp_path / "home"), **own)
    lake = Lake.of(settings, case.name)
    Pipeline(spark, case, settings, {}).run("batch", threading.Event())
    # Both files are one batch: a duplicate of one takes nothing of the other along.
    assert len(list(folder.iterdir())) > 1
    assert ids(lake) == valid(events)
    with (
        acquire_lock(settings.home / "status" / f"{case.name}.lock", WrongUse("held")),
        pytest.raises(WrongUse, match="runs already"),
    ):
        Rebuild(spark, case, settings, {}).run(threading.Event())

    before = gold_rows(lake.predictions)
    places = DeltaTable(lake.predictions).to_pyarrow_dataset().to_table(["topic", "offset"]).to_pylist()
    offset = min(row["offset"] for row in places if row["topic"] == "a0.jsonl")
    DeltaTable(lake.raw).delete(f"topic = 'a0.jsonl' AND \"offset\" = {offset}")
    with pytest.raises(WrongUse, match=f"neither raw nor the hub has, the first of them a0.jsonl/0/{offset}:"):
        Rebuild(spark, case, settings, {}).run(threading.Event())
    # Raw lags behind by a whole file: the hub has it still, and then no more.
    DeltaTable(lake.raw).delete("topic = 'a0.jsonl'")
    (folder / "a0.jsonl").rename(tmp_path / "a0.jsonl")
    with pytest.raises(WrongUse, match="neither raw nor the hub has"):
        Rebuild(spark, case, settings, {}).run(threading.Event())
    assert gold_rows(lake.predictions) == before


def test_a_plan_cuts_raw_by_arrival_into_batches_that_hold_each_event_once(
    spark: SparkSession, case: UseCase, tmp_path: Path
) -> None:
    from datetime import UTC, datetime, timedelta

    import pyarrow as pa
    from deltalake import write_deltalake

    lake = Lake(str(tmp_path), case.name)
    start = datetime(2026, 5, 1, tzinfo=UTC)
    # Five arrive in the same microsecond; the files are not in order.
    arrivals = [start + timedelta(microseconds=n if n < 20 or n > 24 else 20) for n in range(40)]
    for part in (range(20, 40), range(0, 20)):
        rows = {
            "key": pa.array([None for _ in part], pa.binary()),
            "value": pa.array([b"{}" for _ in part], pa.binary()),
            "topic": pa.array(["t" for _ in part]),
            "partition": pa.array([n % 3 for n in part], pa.int32()),
            "offset": pa.array([n // 3 for n in part], pa.int64()),
            "arrival": pa.array([arrivals[n] for n in part], pa.timestamp("us", "UTC")),
        }
        write_deltalake(lake.raw, pa.table(rows), mode="append")
    plan = make_plan(case, lake, "1", 6)
    assert plan.positions == {"t": {"0": 14, "1": 13, "2": 13}}
    assert plan.events == 40
    found = [
        [(row.partition, row.offset) for row in plan.rows(spark, lake, number).orderBy("timestamp").collect()]
        for number in range(len(plan.ends))
    ]
    assert sorted(place for batch in found for place in batch) == sorted((n % 3, n // 3) for n in range(40))
    assert max(len(batch) for batch in found) <= 6 + 4
    assert len(found) >= 6
    newest = [max(3 * offset + partition for partition, offset in batch) for batch in found]
    assert newest == sorted(newest)
