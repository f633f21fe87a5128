"""Gold is exactly once: the Spark process is killed ten times in one stream, and nothing is lost or there twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from deltalake import DeltaTable

from livegold.reporting.lake.paths import Lake
from livegold.reporting.schema import UNKNOWN
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.accounts.reconciliation import reconcile
from livegold.streams.local.broker import Broker
from livegold.streams.local.java import QUICK_START
from livegold.streams.models.registry import Registry
from stream_cases import Labelled, columns_of, made_events, publish_events

pytestmark = [pytest.mark.spark, pytest.mark.broker, pytest.mark.long]

PROCESS = Path(__file__).with_name("pipeline_process.py")
START_SECONDS = 120
# Where the crash is placed: the step of gold it follows for the given time in that run, be it in the replay of the
# batch before or in a new one. All lie between the write of a batch's offsets and its commit; `batch` is after every
# table and before the commit of the checkpoint.
PLACED = (("predictions", 1), ("pulse", 1), ("batch", 2), ("quarantine", 2), ("spotlight", 1), ("persisted", 1))
MOVED = ("predictions", 1)
ANYWHERE = (0.1, 0.7, 1.6)
"""Seconds after the first new batch of a run at which it is killed, wherever it is then."""


@dataclass
class Killed:
    """What ten kills left, once the rest had come in one large batch, and what was seen on the way."""

    case: UseCase
    changed: dict[str, str]
    events: Labelled
    half_written: int = -1
    """The batch whose predictions were committed, and no more, when another model became champion."""
    pulse_then: int = -1
    """The newest batch of pulse at that moment."""
    ends: list[int] = field(default_factory=list)
    """Exit codes of the killed processes."""
    placed_in_a_batch: list[bool] = field(default_factory=list)
    """For each crash that was placed, whether it came between the write of a batch's offsets and its commit."""

    @property
    def settings(self) -> Settings:
        return load({}, Path("none"), **self.changed)

    @property
    def lake(self) -> Lake:
        return Lake.of(self.settings, self.case.name)

    def keys(self, *kinds: str) -> list[str | None]:
        return [key for kind, (key, _) in self.events if kind in kinds]


@contextmanager
def started(changed: dict[str, str], switch: str, step: str = "", number: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """A pipeline in a process of its own, of which nothing is left afterwards."""
    command = [sys.executable, str(PROCESS), json.dumps(changed), switch, step, str(number)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVEGOLD_")}
    process = subprocess.Popen(command, start_new_session=True, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def batches(lake: Lake, what: str) -> int:
    """The newest batch of gold that has offsets, or a commit; -1 for none."""
    folder = Path(lake.checkpoint("gold")) / what
    return max((int(p.name) for p in folder.glob("[0-9]*")), default=-1)


def is_between_offsets_and_commit(lake: Lake) -> bool:
    return batches(lake, "offsets") > batches(lake, "commits")


def newest_batch(table: str) -> int:
    return max((int(str(batch)) for (batch,) in columns_of(table, "batch_id")), default=-1)


def wait_for_a_new_batch(lake: Lake, process: subprocess.Popen[bytes]) -> None:
    before, deadline = batches(lake, "commits"), time.monotonic() + START_SECONDS
    while batches(lake, "commits") <= before:
        assert process.poll() is None, "the pipeline ended by itself"
        assert time.monotonic() < deadline, "no new batch"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def killed(case: UseCase, broker: Broker, champion_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Seven kills at chosen steps, three at any moment, the other model made champion between them; then the rest."""
    home = tmp_path_factory.mktemp("crash")
    own_models = home / "models.db"
    shutil.copy(champion_uri.removeprefix("sqlite:///"), own_models)
    topic = "killed-ten-times"
    broker.create_topic(topic, 4)
    changed = {
        "home": str(home / "home"),
        "hub__servers": broker.servers,
        "hub__topic": topic,
        "hub__batch_events": "300",
        "stream__trigger_seconds": "0.1",
        "mlflow__uri": f"sqlite:///{own_models}",
        "spark__master": "local[2]",
        "spark__memory": "1g",
        "spark__java_options": QUICK_START,
    }
    run = Killed(case, changed, made_events(11, 12_000))
    publish_events(run.settings, topic, run.events)
    for step, number in (*PLACED, MOVED):
        with started(changed, "stream", step, number) as process:
            run.ends.append(process.wait(START_SECONDS))
        run.placed_in_a_batch.append(is_between_offsets_and_commit(run.lake))
    # The last placed crash was after predictions: now another model is champion when the batch comes again.
    run.half_written, run.pulse_then = newest_batch(run.lake.predictions), newest_batch(run.lake.pulse)
    Registry(run.settings).promote(case, "2")
    for seconds in ANYWHERE:
        with started(changed, "stream") as process:
            wait_for_a_new_batch(run.lake, process)
            time.sleep(seconds)
            os.killpg(process.pid, signal.SIGKILL)
            run.ends.append(process.wait(30))
    # What is left comes in one large batch: there is nothing more to interrupt.
    with started({**changed, "hub__batch_events": "100000"}, "batch") as process:
        assert process.wait(2 * START_SECONDS) == 0
    return run


def too_few_and_too_many(found: Iterable[object], wanted: Iterable[object]) -> tuple[list[object], list[object]]:
    """What `found` lacks and what it has beyond `wanted`, each as often as that."""
    here, there = Counter(found), Counter(wanted)
    return sorted((there - here).elements(), key=repr), sorted((here - there).elements(), key=repr)


def test_each_of_the_ten_runs_was_killed_and_the_placed_crashes_came_inside_a_batch(killed: Killed) -> None:
    assert killed.ends == [-signal.SIGKILL] * 10
    assert dict(zip((*PLACED, MOVED), killed.placed_in_a_batch, strict=True)) == dict.fromkeys((*PLACED, MOVED), True)


def test_ten_kills_lose_no_valid_event_and_keep_none_twice(killed: Killed) -> None:
    found = [key for (key,) in columns_of(killed.lake.predictions, "event_id")]
    assert too_few_and_too_many(found, killed.keys("valid", "late")) == ([], [])


def test_ten_kills_keep_each_bad_event_in_quarantine_once(killed: Killed) -> None:
    found = [value for (value,) in columns_of(killed.lake.quarantine, "value")]
    dirty = [value for kind, (_, value) in killed.events if kind == "dirty"]
    assert too_few_and_too_many(found, dirty) == ([], [])


def test_a_batch_half_written_by_one_model_is_finished_as_it_was_begun_when_another_is_champion(
    killed: Killed,
) -> None:
    assert killed.pulse_then < killed.half_written, "pulse had the batch already: it was not half written"
    versions: dict[int, set[object]] = {}
    for batch, version in columns_of(killed.lake.predictions, "batch_id", "model_version"):
        versions.setdefault(int(str(batch)), set()).add(version)
    assert versions.keys() == set(range(max(versions) + 1))
    assert {b: v for b, v in versions.items() if b <= killed.half_written and v != {"1"}} == {}
    later = {b: v for b, v in versions.items() if b > killed.half_written}
    assert later, "nothing was scored after the change of the champion"
    assert {b: v for b, v in later.items() if v != {"2"}} == {}


def test_pulse_counts_each_prediction_once_under_the_model_that_made_it(killed: Killed) -> None:
    predictions = Counter(columns_of(killed.lake.predictions, "batch_id", "model_version"))
    summed: Counter[tuple[object, ...]] = Counter()
    for batch, version, events in columns_of(killed.lake.pulse, "batch_id", "model_version", "events"):
        # Rows for what was rejected are of no model.
        if version != UNKNOWN:
            summed[batch, version] += int(str(events))
    assert too_few_and_too_many(summed.items(), predictions.items()) == ([], [])


def test_reconcile_accounts_for_every_event_of_a_stream_that_was_killed_ten_times(killed: Killed) -> None:
    result = reconcile(killed.case, killed.settings)
    assert result.problems == ()
    kinds = Counter(kind for kind, _ in killed.events)
    assert min(kinds[kind] for kind in ("valid", "late", "dirty", "duplicate")) > 0
    assert (result.hub, result.raw, result.predictions, result.quarantined, result.duplicates) == (
        len(killed.events),
        len(killed.events),
        kinds["valid"] + kinds["late"],
        kinds["dirty"],
        kinds["duplicate"],
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("raw", "1 event in the hub and not in raw: {}"),
        ("predictions", "missing: 1 event in raw and in no other table, valid and no duplicate: {}"),
        ("quarantine", "missing: 1 event in raw and in no other table, not valid and not in quarantine: {}"),
    ],
)
def test_reconcile_names_a_row_that_is_taken_from_a_table(
    killed: Killed, tmp_path: Path, table: str, says: str
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(killed.lake.root, damaged)
    path = getattr(Lake(str(damaged), killed.case.name), table)
    topic, partition, offset = sorted(columns_of(path, "topic", "partition", "offset"))[17]
    deleted = DeltaTable(path).delete(f'"partition" = {partition} AND "offset" = {offset}')
    assert deleted["num_deleted_rows"] == 1
    found = reconcile(killed.case, load({}, Path("none"), **killed.changed, lake=str(damaged)))
    assert not found.ok
    assert says.format(f"{topic}/{partition}/{offset}") in found.problems
