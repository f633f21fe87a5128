"""The switch: runs a use case's queries as `batch` (to the end of what is there) or `stream` (until told to stop).

The queries are the same in both. Raw and gold read the hub side by side; each sink has a feed off gold. A query that
fails says so in the status and holds no other; what it had not done is done on the next start.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery

from livegold.reporting.errors import LivegoldError, WrongUse, choices
from livegold.reporting.home import StatusFile, acquire_lock
from livegold.reporting.lake import Lake
from livegold.reporting.settings import Settings
from livegold.reporting.sinks import Sink
from livegold.reporting.specification import UseCase
from livegold.streams.feeds import Feed, query_of, reset
from livegold.streams.gold import GoldWriter, create_tables, write_raw
from livegold.streams.hub import Hub, hub_stream, positioned
from livegold.streams.models import CHECK_SECONDS, Registry, Scorer

SWITCHES = ("batch", "stream")
STATUS_SECONDS = 1.0
REFILL_FILES = 20_000
"""Files of gold in one batch of a backfill: rows of equal keys are merged in a batch, so large ones cost less."""


def check_switch(switch: str) -> None:
    """Raises WrongUse for a switch that is not there."""
    if switch == "realtime":
        raise WrongUse("switch 'realtime' is not there yet: give stream (about two seconds behind) or batch")
    if switch not in SWITCHES:
        raise WrongUse(f"switch {switch!r} is not known: give {choices(SWITCHES)}")


@dataclass
class _Running:
    """One query: its position and what it last said."""

    name: str
    query: StreamingQuery
    started: float
    error: BaseException | None = None
    progress: dict[str, Any] = field(default_factory=dict)


class Pipeline:
    """The queries of one use case on one Spark session.

    `sinks` are not opened yet; the pipeline opens each in its feed's first batch and closes all. `on_step` is called
    with the name of each step of gold (see GoldWriter).
    """

    def __init__(
        self,
        spark: SparkSession,
        case: UseCase,
        settings: Settings,
        sinks: Mapping[str, Sink],
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.case = case
        self.lake = Lake.of(settings, case.name)
        self._spark = spark
        self._settings = settings
        self._hub = Hub.of(settings, case.name)
        self._sinks = dict(sinks)
        self._champion = _Champion(Registry(settings), case)
        self._gold = GoldWriter(spark, case, self.lake, self._champion, on_step)
        self._running: list[_Running] = []
        self._errors: dict[str, BaseException] = {}
        self._status = StatusFile(settings.home, case.name)
        self._state = "starting"
        self._switch = ""
        self.seconds = 0.0
        """How long raw and gold took, in `batch`."""

    def run(self, switch: str, stop: threading.Event) -> None:
        """Runs until the end of what is there (`batch`) or until `stop` is set (`stream`).

        Raises the first error of a query once everything has stopped: WrongUse and NotFound before anything starts.
        """
        check_switch(switch)
        self._switch = switch
        self._champion.check()
        with _only_one(self._settings.home, self.case.name):
            self._check_sinks()
            with ThreadPoolExecutor(1) as pool:
                loaded = pool.submit(self._champion.load)
                create_tables(self._spark, self.case, self.lake)
                self._gold.prepare()
                loaded.result()
            try:
                if switch == "batch":
                    started = time.perf_counter()
                    self._start_hub_queries()
                    self._wait(stop)
                    self.seconds = time.perf_counter() - started
                    self._start_feeds()
                    self._wait(stop)
                else:
                    self._start_hub_queries()
                    self._start_feeds()
                    self._wait(stop)
            finally:
                self._end()
        self._raise_first_error()

    def backfill(self, stop: threading.Event) -> None:
        """Hands all of gold to the sinks, from the start or from where an earlier call was cut off, and returns.

        Gold must be there. Raises what `run` raises.
        """
        self._switch = "batch"
        with _only_one(self._settings.home, self.case.name):
            self._check_sinks()
            try:
                self._start_feeds(REFILL_FILES)
                self._state = "running"
                self._wait(stop)
            finally:
                self._end()
        self._raise_first_error()

    def _check_sinks(self) -> None:
        """Raises what a sink knows already. Where the feed and its sink are not of one mind, both begin again."""
        for name, sink in self._sinks.items():
            sink.check()
            checkpoint = self.lake.checkpoint(f"feed-{name}")
            feed = query_of(self._spark, checkpoint)
            if feed is not None and feed != sink.source_id():
                reset(self._spark, checkpoint)

    # ---- queries ---------------------------------------------------------------------------------------------------

    def _start_hub_queries(self) -> None:
        raw = hub_stream(self._spark, self._hub, headers=True)
        gold = hub_stream(self._spark, self._hub, headers=False)
        self._start("raw", raw, self._write_raw)
        self._start("gold", gold, lambda rows, batch: self._gold(positioned(rows, headers=False), batch))
        self._state = "running"

    def _start_feeds(self, files: int | None = None) -> None:
        for name, sink in self._sinks.items():
            feed = Feed(self._spark, self.case, self.lake, _opened(sink), sink.needs)
            self._start(f"feed-{name}", feed.stream(files), feed)

    def _write_raw(self, rows: DataFrame, batch_id: int) -> None:
        query_id = rows.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        assert query_id is not None, "a streaming query runs its batches under its id"
        write_raw(positioned(rows, headers=True), self.lake, query_id, batch_id)

    def _start(self, name: str, rows: DataFrame, write: Callable[[DataFrame, int], None]) -> None:
        def batch(frame: DataFrame, batch_id: int) -> None:
            # Spark passes on only the text of what is raised in here.
            try:
                write(frame, batch_id)
            except BaseException as error:
                self._errors[name] = error
                raise

        writer = rows.writeStream.queryName(f"{self.case.name}-{name}").foreachBatch(batch)
        writer = writer.option("checkpointLocation", self.lake.checkpoint(name))
        if self._switch == "batch":
            writer = writer.trigger(availableNow=True)
        else:
            key = "stream.feed_seconds" if name.startswith("feed-") else "stream.trigger_seconds"
            writer = writer.trigger(processingTime=f"{self._settings.seconds(key)} seconds")
        self._running.append(_Running(name, writer.start(), time.time()))

    def _wait(self, stop: threading.Event) -> None:
        while any(r.query.isActive for r in self._running):
            self._say()
            if stop.wait(STATUS_SECONDS if self._switch == "stream" else 0.2):
                return
        self._say()

    def _end(self) -> None:
        for sink in self._sinks.values():
            sink.close()
        for running in self._running:
            if running.query.isActive:
                running.query.stop()
            running.error = self._error_of(running)
        self._state = "ended"
        self._say()

    def _error_of(self, running: _Running) -> BaseException | None:
        failure: StreamingQueryException | None = running.query.exception()
        return None if failure is None else self._errors.get(running.name, failure)

    def _raise_first_error(self) -> None:
        for running in self._running:
            if running.error is not None:
                if isinstance(running.error, LivegoldError):
                    raise running.error
                raise LivegoldError(f"query {running.name} failed: {_first_line(running.error)}") from running.error

    # ---- status ----------------------------------------------------------------------------------------------------

    def _say(self) -> None:
        self._status.write(
            {
                "use_case": self.case.name,
                "switch": self._switch,
                "state": self._state,
                "pid": os.getpid(),
                "model_version": self._champion.version,
                "queries": {r.name: self._describe(r) for r in self._running},
                "gold": asdict(self._gold.counts),
                "sinks": {name: dict(sink.status()) for name, sink in self._sinks.items()},
            }
        )

    def _describe(self, running: _Running) -> dict[str, Any]:
        last = running.query.lastProgress
        error = self._error_of(running) if not running.query.isActive else None
        said: dict[str, Any] = {
            "active": running.query.isActive,
            "batch": None,
            "behind": None,
            "error": _first_line(error) if error else None,
        }
        if last is not None:
            sources = [s.metrics or {} for s in last.sources]
            said["batch"] = last.batchId
            said["rate"] = round(float(last.processedRowsPerSecond or 0.0), 1)
            said["batch_seconds"] = (last.durationMs or {}).get("triggerExecution", 0) / 1000
            behind = [float(m["maxOffsetsBehindLatest"]) for m in sources if "maxOffsetsBehindLatest" in m]
            left = [float(m["numBytesOutstanding"]) for m in sources if "numBytesOutstanding" in m]
            said["behind"] = max(behind) if behind else (sum(left) if left else None)
            said["committed"] = _committed(last)
        return said


class _Champion:
    """The model to score with; looks for a newer champion every few seconds, between batches."""

    def __init__(self, registry: Registry, case: UseCase) -> None:
        self._registry = registry
        self._case = case
        self._scorer: Scorer | None = None
        self._looked = 0.0

    @property
    def version(self) -> str | None:
        return self._scorer.version if self._scorer else None

    def check(self) -> None:
        """Raises NotFound or WrongUse where there is no model to score with."""
        self._registry.usable_champion(self._case)

    def load(self) -> None:
        self._scorer = self._registry.load_champion(self._case)
        self._looked = time.monotonic()

    def __call__(self) -> Scorer:
        if self._scorer is None:
            self.load()
        elif time.monotonic() - self._looked > CHECK_SECONDS:
            self._looked = time.monotonic()
            now = self._registry.champion(self._case)
            if now is not None and now.version != self._scorer.version:
                self.load()
        assert self._scorer is not None
        return self._scorer


def _opened(sink: Sink) -> Callable[..., None]:
    """The sink's `write`, with `open` before the first: in the feed, so that a service that is down holds only it."""
    is_open = False

    def write(batch: Any) -> None:
        nonlocal is_open
        if not is_open:
            sink.open()
            is_open = True
        sink.write(batch)

    return write


def _committed(progress: Any) -> int | None:
    """How many offsets of the hub a query has read, over all partitions; None for a source that has none."""
    import json

    try:
        offsets = json.loads(progress.sources[0].endOffset)
        return sum(sum(partitions.values()) for partitions in offsets.values())
    except (TypeError, ValueError, AttributeError, IndexError):
        return None


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _only_one(home: Path, case: str) -> IO[str]:
    """Two runs of a use case on one home would write the same batches: the second is refused."""
    refusal = f"use case {case} runs already with LIVEGOLD_HOME {home}: stop that run, or give another home"
    return acquire_lock(home / "status" / f"{case}.lock", WrongUse(refusal))
