"""Gold is exactly once: the Spark process is killed ten times in one stream, and nothing is lost or there twice."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from livegold.reporting.lake.paths import Lake
from livegold.reporting.schema import UNKNOWN
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.accounts.reconciliation import reconcile
from livegold.streams.local.java import QUICK_START
from livegold.streams.models.registry import Registry
from stream_cases import gold_rows, made_events, publish_events

pytestmark = [pytest.mark.spark, pytest.mark.broker, pytest.mark.long]

PROCESS = Path(__file__).with_name("pipeline_process.py")
START_SECONDS = 120
STARTED: list[subprocess.Popen[bytes]] = []
# Where the crash is placed: the step of gold it follows for the given time in that run, be it in the replay of the
# batch before or in a new one. All lie between the write of a batch's offsets and its commit; `batch` is after every
# table and before the commit of the checkpoint.
PLACED = (("predictions", 1), ("pulse", 1), ("batch", 2), ("quarantine", 2), ("spotlight", 1), ("persisted", 1))
MOVED = ("predictions", 1)
ANYWHERE = (0.1, 0.7, 1.6)
"""Seconds after the first new batch of a run at which it is killed, wherever it is then."""


def start(changed: dict[str, str], switch: str, step: str = "", number: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROCESS), json.dumps(changed), switch, step, str(number)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVEGOLD_")}
    process = subprocess.Popen(command, start_new_session=True, env=environment, stderr=subprocess.DEVNULL)
    STARTED.append(process)
    return process


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    yield
    for process in STARTED:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def batches(lake: Lake, what: str) -> int:
    """The newest batch of gold that has offsets, or a commit; -1 for none."""
    folder = Path(lake.checkpoint("gold")) / what
    return max((int(p.name) for p in folder.glob("[0-9]*")), default=-1)


def is_between_offsets_and_commit(lake: Lake) -> bool:
    return batches(lake, "offsets") > batches(lake, "commits")


def wait_for_a_new_batch(lake: Lake, process: subprocess.Popen[bytes]) -> None:
    before, deadline = batches(lake, "commits"), time.monotonic() + START_SECONDS
    while batches(lake, "commits") <= before:
        assert process.poll() is None, "the pipeline ended by itself"
        assert time.monotonic() < deadline, "no new batch"
        time.sleep(0.02)


def test_ten_kills_lose_nothing_and_repeat_nothing(
    make_settings: Callable[..., Settings], topic: str, case: UseCase, tmp_path: Path, champion_uri: str
) -> None:
    events = made_events(11, 12_000)
    own_models = tmp_path / "models.db"
    shutil.copy(champion_uri.removeprefix("sqlite:///"), own_models)
    changed = {
        "home": str(tmp_path / "home"),
        "hub__servers": make_settings()["hub.servers"],
        "hub__topic": topic,
        "hub__batch_events": "300",
        "stream__trigger_seconds": "0.1",
        "mlflow__uri": f"sqlite:///{own_models}",
        "spark__master": "local[2]",
        "spark__memory": "1g",
        "spark__java_options": QUICK_START,
    }
    settings = load({}, Path("none"), **changed)
    lake = Lake.of(settings, case.name)
    publish_events(settings, topic, events)
    in_a_batch = 0
    for step, number in (*PLACED, MOVED):
        process = start(changed, "stream", step, number)
        assert process.wait(START_SECONDS) == -signal.SIGKILL
        in_a_batch += is_between_offsets_and_commit(lake)
    # The last placed crash was after predictions: now another model is champion when the batch comes again.
    half_written = batches(lake, "offsets")
    Registry(settings).promote(case, "2")
    for seconds in ANYWHERE:
        process = start(changed, "stream")
        wait_for_a_new_batch(lake, process)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        in_a_batch += is_between_offsets_and_commit(lake)
    assert in_a_batch >= 7
    # What is left comes in one large batch: there is nothing more to interrupt.
    assert start({**changed, "hub__batch_events": "100000"}, "batch").wait(2 * START_SECONDS) == 0

    valid = sorted(key for kind, (key, _) in events if kind in ("valid", "late"))
    found = [row[0] for row in gold_rows(lake.predictions)]
    assert found == valid
    versions = dict(
        (batch, {v for b, v in pairs if b == batch})
        for pairs in [columns(lake.predictions, "batch_id", "model_version")]
        for batch, _ in pairs
    )
    assert versions[half_written] == {"1"}, "predictions of a half-written batch stay as they were committed"
    # Rows for what was rejected are of no model.
    summed = {pair for pair in columns(lake.pulse, "batch_id", "model_version") if pair[1] != UNKNOWN}
    assert summed == set(columns(lake.predictions, "batch_id", "model_version"))
    result = reconcile(case, settings)
    assert result.problems == ()
    assert (result.hub, result.predictions) == (len(events), len(valid))
    assert result.quarantined == sum(kind == "dirty" for kind, _ in events)
    assert result.duplicates == sum(kind == "duplicate" for kind, _ in events)

    for table in ("raw", "predictions", "quarantine"):
        damaged = tmp_path / f"without-a-row-of-{table}"
        shutil.copytree(lake.root, damaged)
        copy = Lake(str(damaged), case.name)
        path = getattr(copy, table)
        partition, offset = columns(path, "partition", "offset")[17]
        DeltaTable(path).delete(f'"partition" = {partition} AND "offset" = {offset}')
        assert not reconcile(case, load({}, Path("none"), **changed, lake=str(damaged))).ok, table


def columns(table: str, *names: str) -> list[tuple[object, ...]]:
    found = DeltaTable(table).to_pyarrow_dataset().to_table(list(names))
    return list(zip(*(found.column(name).to_pylist() for name in names), strict=True))
