"""The switch: runs a use case's queries as `batch` (to the end of the existing events) or `stream` (until stopped).

The queries are the same in both. Raw and gold read the hub in parallel; each sink has a feed from gold. A query that
fails reports it in the status and does not affect the others; the next start resumes its work.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from pyspark.sql import DataFrame, SparkSession

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.home import acquire_lock
from livegold.reporting.lake import Lake
from livegold.reporting.settings import Settings
from livegold.reporting.sinks import Sink
from livegold.reporting.specification import UseCase
from livegold.streams.batches import Write
from livegold.streams.checkpoints import QueryId
from livegold.streams.feeds import Feed, SparkFeed
from livegold.streams.gold import GoldWriter, RawWriter, create_tables, finish_swap, read_on_after
from livegold.streams.hub import Hub, Positions, hub_stream, positioned
from livegold.streams.models import Champion, Registry
from livegold.streams.queries import Query, Running
from livegold.streams.status import GoldCounts, Status

SWITCHES = ("batch", "stream")
STATUS_SECONDS = {"batch": 0.2, "stream": 1.0}
"""Seconds between updates of the status from the queries."""


def check_switch(switch: str) -> None:
    """Raises WrongUse for an unknown switch."""
    if switch == "realtime":
        raise WrongUse("switch 'realtime' is not there yet: give stream (about two seconds behind) or batch")
    if switch not in SWITCHES:
        raise WrongUse(f"switch {switch!r} is not known: give {choices(SWITCHES)}")


class Pipeline:
    """The queries of one use case on one Spark session.

    `sinks` are passed unopened; a sink's feed opens it before its first batch, and closes it. `on_step` is called with
    the name of each step of gold (see GoldWriter).
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
        self.seconds = 0.0
        """How long raw and gold took with `batch`."""
        self._spark = spark
        self._settings = settings
        self._hub = Hub.of(settings, case.name)
        self._sinks = dict(sinks)
        self._champion = Champion(Registry(settings), case)
        self._writer = GoldWriter(case, self.lake, self._champion, QueryId(self.lake.checkpoint("gold")), on_step)
        self._feeds: list[Feed] = [SparkFeed(spark, case, settings, name, sink) for name, sink in self._sinks.items()]
        self._counts = GoldCounts(self.lake)
        self._status = Status(settings, case.name, self._counts)
        self._started: list[Running] = []

    def run(self, switch: str, stop: threading.Event) -> None:
        """Runs to the end of the existing events (`batch`) or until `stop` is set (`stream`).

        Raises WrongUse and NotFound before anything starts, and a query's first error once everything has stopped.
        """
        check_switch(switch)
        self._status.switch = switch
        self._champion.check()
        with only_run(self._settings.home, self.case.name):
            finish_swap(self._spark, self.lake)
            self._check_sinks()
            self._get_ready()
            started = time.perf_counter()
            try:
                self._start_hub_queries(switch)
                if switch == "batch":
                    self._wait(stop)
                    self.seconds = time.perf_counter() - started
                self._start_feeds(switch)
                self._wait(stop)
            finally:
                self._end()
        self._raise_first_error()

    def backfill(self, stop: threading.Event) -> None:
        """Hands all of gold to the sinks, from the start or from where an earlier call was interrupted, and returns.

        Gold must exist. Raises what `run` raises.
        """
        self._status.switch = "batch"
        with only_run(self._settings.home, self.case.name):
            finish_swap(self._spark, self.lake)
            self._check_sinks()
            self._counts.start()
            try:
                self._start_feeds("batch", in_bulk=True)
                self._wait(stop)
            finally:
                self._end()
        self._raise_first_error()

    def _check_sinks(self) -> None:
        """Raises what a sink can already detect. If a feed and its sink disagree on the source id, both start again."""
        for feed, sink in zip(self._feeds, self._sinks.values(), strict=True):
            sink.check()
            if feed.id is not None and feed.id != sink.source_id():
                feed.reset()

    def _get_ready(self) -> None:
        with ThreadPoolExecutor(1) as pool:
            loaded = pool.submit(self._champion.load)
            create_tables(self._spark, self.case, self.lake)
            self._counts.start()
            self._writer.prepare(self._spark)
            self._status.model_version = loaded.result().version

    # ---- queries ---------------------------------------------------------------------------------------------------

    def _start_hub_queries(self, switch: str) -> None:
        raw = RawWriter(self.lake, QueryId(self.lake.checkpoint("raw")))
        for query in (
            self._off_hub("raw", raw, headers=True),
            self._off_hub("gold", self._writer, headers=False, after=read_on_after(self.lake)),
        ):
            query.start(self._pause(switch, "stream.trigger_seconds"))
            self._started.append(query)
        self._status.state = "running"

    def _off_hub(self, name: str, write: Write, headers: bool, after: Positions | None = None) -> Query:
        rows = functools.partial(hub_stream, self._spark, self._hub, headers, after)
        placed = functools.partial(write_positioned, write, headers, after if self._hub.folder is not None else None)
        return Query(name, f"{self.case.name}-{name}", rows, placed, self.lake.checkpoint(name))

    def _start_feeds(self, switch: str, in_bulk: bool = False) -> None:
        for feed in self._feeds:
            feed.start(self._pause(switch, "stream.feed_seconds"), in_bulk=in_bulk)
            self._started.append(feed)
        self._status.state = "running"

    def _pause(self, switch: str, key: str) -> float | None:
        return None if switch == "batch" else self._settings.seconds(key)

    def _wait(self, stop: threading.Event) -> None:
        while any(r.is_active for r in self._started):
            self._say()
            if stop.wait(STATUS_SECONDS[self._status.switch]):
                return
        self._say()

    def _end(self) -> None:
        # A sink may be waiting for its service indefinitely, so it is closed first.
        for sink in self._sinks.values():
            sink.close()
        for one in self._started:
            one.stop()
        self._status.state = "ended"
        self._say()

    def _raise_first_error(self) -> None:
        for one in self._started:
            if one.error is not None:
                raise one.error

    def _say(self) -> None:
        self._status.write(self._started, self._sinks)


def write_positioned(write: Write, headers: bool, after: Positions | None, rows: DataFrame, batch_id: int) -> None:
    write(positioned(rows, headers, after), batch_id)


def only_run(home: Path, case: str) -> IO[str]:
    """A lock held while a use case runs: two runs in one home would write the same batches, so a second is refused."""
    refusal = f"use case {case} runs already with LIVEGOLD_HOME {home}: stop that run, or give another home"
    return acquire_lock(home / "status" / f"{case}.lock", WrongUse(refusal))
