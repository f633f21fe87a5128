"""A run in the background of a program: it tells what it is at, ends cleanly, and keeps no error to itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import livegold as lg
from livegold.reporting.lake import Lake
from stream_cases import made_events, publish_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.broker]

EVENTS = 600
DEADLINE_SECONDS = 120.0


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_stream_tells_what_it_is_at_and_stops_cleanly(
    spark: SparkSession, case: lg.UseCase, make_settings: Callable[..., lg.Settings], topic: str
) -> None:
    settings = make_settings(hub__topic=topic, stream__trigger_seconds="0.2")
    run = lg.run(case, switch="stream", spark=spark, settings=settings)
    assert run.running
    assert run.status()["state"] == "running"
    assert "taxi_tips, stream, running" in repr(run)
    with pytest.raises(TimeoutError, match="still runs after"):
        run.wait(0.1)
    with pytest.raises(lg.WrongUse, match="runs already"):
        lg.run(case, switch="stream", spark=spark, settings=settings)
    publish_events(settings, topic, made_events(71, EVENTS))
    wait_until(lambda: run.status()["gold"].get("events") == EVENTS)
    assert lg.status(case, settings=settings)["gold"]["events"] == EVENTS
    ended = run.stop()
    assert (ended["state"], ended["running"], ended["error"]) == ("ended", False, None)
    assert not any(query["active"] for query in ended["queries"].values())
    assert run.wait() == run.stop() == ended
    assert 0 < run.seconds < DEADLINE_SECONDS
    assert lg.reconcile(case, settings=settings, spark=spark).problems == ()


def test_a_batch_ends_by_itself_and_its_rows_are_there_for_sql(
    spark: SparkSession, case: lg.UseCase, make_settings: Callable[..., lg.Settings], topic: str
) -> None:
    settings = make_settings(hub__topic=topic)
    events = made_events(72, EVENTS)
    publish_events(settings, topic, events)
    status = lg.run(case, switch="batch", spark=spark, settings=settings).wait(DEADLINE_SECONDS)
    assert status["gold"]["events"] == EVENTS
    valid = sum(kind in ("valid", "late") for kind, _ in events)
    frame = lg.sql("select count(*) as n, avg(score) as score from predictions", settings=settings)
    assert frame["n"].tolist() == [valid]
    assert 0 < frame["score"][0] < 1
    table = lg.sql("select count(*) as n from taxi_tips.predictions", to="arrow", settings=settings)
    assert table.to_pylist() == [{"n": valid}]


def test_what_a_pipeline_raises_is_raised_by_wait_and_told_by_status(
    spark: SparkSession, case: lg.UseCase, make_settings: Callable[..., lg.Settings], topic: str
) -> None:
    settings = make_settings(hub__topic=topic, stream__trigger_seconds="0.2")
    run = lg.run(case, switch="stream", spark=spark, settings=settings)
    publish_events(settings, topic, made_events(73, 100))
    wait_until(lambda: run.status()["gold"].get("events") == 100)
    table = Path(Lake.of(settings, case.name).predictions)
    shutil.rmtree(table)
    table.write_text("A file, where nothing can be written into.")
    publish_events(settings, topic, made_events(74, 100))
    wait_until(lambda: bool(run.status()["queries"]["gold"]["error"]))
    assert run.running, "raw goes on"
    with pytest.raises(lg.LivegoldError) as raised:
        run.stop()
    assert run.status()["error"] == str(raised.value)
    with pytest.raises(lg.LivegoldError):
        run.wait()
    assert "failed" in repr(run)


def test_a_run_without_a_model_is_refused_at_once_and_leaves_no_thread(
    spark: SparkSession, case: lg.UseCase, make_settings: Callable[..., lg.Settings], topic: str
) -> None:
    before = threading.active_count()
    settings = make_settings("none", hub__topic=topic, mlflow__uri="")
    with pytest.raises(lg.NotFound, match="run `livegold train taxi_tips` first"):
        lg.run(case, switch="stream", spark=spark, settings=settings)
    wait_until(lambda: threading.active_count() <= before)


def test_leaving_the_block_stops_a_run_whether_or_not_the_block_failed(
    spark: SparkSession, case: lg.UseCase, make_settings: Callable[..., lg.Settings], topic: str
) -> None:
    settings = make_settings(hub__topic=topic)
    with lg.run(case, switch="stream", spark=spark, settings=settings) as run:
        assert run.running
    assert not run.running
    again = lg.run(case, switch="stream", spark=spark, settings=settings)
    with pytest.raises(ZeroDivisionError), again:
        _ = 1 / 0
    assert not again.running


@pytest.mark.long
def test_a_program_that_ends_ends_its_run(
    spark: SparkSession, case: lg.UseCase, make_settings: Callable[..., lg.Settings], topic: str, tmp_path: Path
) -> None:
    settings = make_settings(hub__topic=topic)
    given = {key.replace(".", "__"): settings[key] for key in ("home", "hub.servers", "hub.topic", "mlflow.uri")}
    program = tmp_path / "program.py"
    program.write_text(
        f"import livegold as lg\nlg.run('taxi_tips', switch='stream', settings=lg.settings(**{given}))\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    status = lg.status(case, settings=settings)
    assert (status["state"], status["running"]) == ("ended", False)
    assert {query["error"] for query in status["queries"].values()} == {None}
