"""How fast the pipeline is, compared with a bare Spark job on the same events. Not a test: no timing makes it fail.

Each run is a fresh process with an empty lake; the two alternate, so that a machine that slows down affects both. Run
as a module, it is one `batch` run of the pipeline.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from livegold.reporting.errors import CheckFailed, LivegoldError, WrongUse
from livegold.reporting.lake import Lake
from livegold.reporting.schema import PREDICTIONS_TABLE, PULSE_TABLE, QUARANTINE_TABLE, RAW_TABLE, SPOTLIGHT_TABLE
from livegold.reporting.settings import Settings, load
from livegold.reporting.specification import UseCase, load_use_case

NAMES = ("livegold", "bare Spark")
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """One run: `seconds` for its queries, `process_seconds` in total, `peak_mb` peak memory of all its processes."""

    seconds: float
    process_seconds: float
    peak_mb: int
    rows: dict[str, int]


def bench_pipeline(
    case: UseCase, settings: Settings, events: int, runs: int, say: Callable[[str], None]
) -> dict[str, list[Run]]:
    """Publishes `events` generated events (5% dirty, 2% duplicates) to its own broker and runs both over them.

    Everything is in `<home>/bench`, which is emptied first. Raises CheckFailed if a table does not have the expected
    rows.
    """
    from livegold.streams.hub import Hub, ensure_topic, publish
    from livegold.streams.local import Broker

    if case.generator is None or case.history is None:
        raise WrongUse(f"use case {case.name} has no generator of events: bench needs one")
    home = settings.home / "bench"
    shutil.rmtree(home, ignore_errors=True)
    with Broker(home) as broker:
        changed = {
            "home": str(home),
            "hub__servers": broker.servers,
            "hub__batch_events": settings["hub.batch_events"],
            "spark__master": settings["spark.master"],
            "spark__memory": settings["spark.memory"],
            "spark__java_options": settings["spark.java_options"],
        }
        own = load({}, Path("none"), **changed)
        hub = Hub.of(own, case.name)
        ensure_topic(hub, 4)
        kinds: Counter[str] = Counter()
        done = publish(hub, _labelled(case, events, kinds))
        say(f"published {done.count:,} events, {done.rate:,.0f} a second: {dict(kinds)}")
        fresh([sys.executable, "-P", "-m", "livegold", "train", case.name], {"LIVEGOLD_HOME": str(home)})
        say("trained a model")
        found: dict[str, list[Run]] = {name: [] for name in NAMES}
        for number in range(runs):
            for name, module in zip(
                NAMES, ("livegold.reporting.bench.pipeline", "livegold.reporting.bench.bare"), strict=True
            ):
                shutil.rmtree(own.lake, ignore_errors=True)
                run = _run(module, changed, case, own.lake)
                _verify(name, run.rows, kinds, events)
                found[name].append(run)
                say(f"run {number + 1}, {name}: {run.seconds:.1f} s, {run.peak_mb:,} MB, rows {run.rows}")
        return found


def summary(found: dict[str, list[Run]], events: int) -> list[tuple[str, str, str, str, str]]:
    """Rows of a table: name, rows per second (median, minimum and maximum), seconds, whole process, peak memory."""
    lines = []
    for name, runs in found.items():
        rates = sorted(events / r.seconds for r in runs)
        lines.append(
            (
                name,
                f"{statistics.median(rates):,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f})",
                f"{statistics.median(r.seconds for r in runs):.1f}",
                f"{statistics.median(r.process_seconds for r in runs):.1f}",
                f"{statistics.median(r.peak_mb for r in runs):,.0f}",
            )
        )
    return lines


def ratio(found: dict[str, list[Run]]) -> float:
    """livegold's rows per second as a share of the bare job's: the median over consecutive pairs of runs."""
    ours, bare = (found[name] for name in NAMES)
    return statistics.median(b.seconds / o.seconds for o, b in zip(ours, bare, strict=True))


def _labelled(case: UseCase, count: int, kinds: Counter[str]) -> Iterator[tuple[str | None, bytes]]:
    from livegold.reporting.usecases.taxi_events import NOMINAL_RATE, generate_labelled

    # Without a rate, event times advance at the nominal rate: start far enough back that none is in the future.
    start = datetime.now(UTC) - timedelta(seconds=count / NOMINAL_RATE + 60)
    for kind, event in generate_labelled(7, start, count=count, dirty=0.05, duplicate=0.02):
        kinds[kind] += 1
        yield event


def _run(module: str, changed: dict[str, str], case: UseCase, lake: str) -> Run:
    started = time.perf_counter()
    output, peak = fresh([sys.executable, "-m", module, json.dumps(changed), case.name], {})
    whole = time.perf_counter() - started
    return Run(float(json.loads(output.splitlines()[-1])["seconds"]), whole, peak, _rows(Lake(lake, case.name)))


def _rows(lake: Lake) -> dict[str, int]:
    """Row counts of every existing table, from its files."""
    from deltalake import DeltaTable

    paths = {
        RAW_TABLE: lake.raw,
        QUARANTINE_TABLE: lake.quarantine,
        PREDICTIONS_TABLE: lake.predictions,
        PULSE_TABLE: lake.pulse,
        SPOTLIGHT_TABLE: lake.spotlight,
        "bare": f"{lake.root}/bare",
    }
    there = {name: path for name, path in paths.items() if Path(path, "_delta_log").is_dir()}
    rows = {name: DeltaTable(path).to_pyarrow_dataset().count_rows() for name, path in there.items()}
    if PULSE_TABLE in there:
        events = DeltaTable(lake.pulse).to_pyarrow_dataset().to_table(["events"]).column("events")
        rows["events in pulse"] = sum(events.to_pylist())
    return rows


def _verify(name: str, rows: dict[str, int], kinds: Counter[str], events: int) -> None:
    valid = kinds["valid"] + kinds["late"]
    wanted = {RAW_TABLE: events, QUARANTINE_TABLE: kinds["dirty"], PREDICTIONS_TABLE: valid, "events in pulse": valid}
    if name != NAMES[0]:
        wanted = {"bare": events}
    for table, count in wanted.items():
        if rows.get(table) != count:
            raise CheckFailed(f"{name}: table {table} has {rows.get(table)} rows and must have {count}")


def without_settings() -> dict[str, str]:
    """The environment without livegold's variables."""
    return {k: v for k, v in os.environ.items() if not k.startswith("LIVEGOLD_")}


def fresh(command: list[str], environment: dict[str, str]) -> tuple[str, int]:
    """Runs a command in a new process; returns its output and the peak memory (MB) of it and its children."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=without_settings() | environment,
        start_new_session=True,
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory_of_session(process.pid))
        time.sleep(SAMPLE_SECONDS)
    output, errors = process.communicate()
    if process.returncode != 0:
        last = (errors.strip().splitlines() or ["no output"])[-1]
        raise LivegoldError(f"{' '.join(command[:3])} ended with {process.returncode}: {last}")
    return output, peak


def _memory_of_session(session: int) -> int:
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may contain blanks; the session is the fourth field after it, the RSS the 22nd.
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return total // 2**20


def _one_run() -> None:
    import threading

    from livegold.streams.local import spark_session
    from livegold.streams.switch import Pipeline

    settings, case = load({}, Path("none"), **json.loads(sys.argv[1])), load_use_case(sys.argv[2])
    pipeline = Pipeline(spark_session(settings), case, settings, {})
    pipeline.run("batch", threading.Event())
    print(json.dumps({"seconds": pipeline.seconds}))


if __name__ == "__main__":
    _one_run()
