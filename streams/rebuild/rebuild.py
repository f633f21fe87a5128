"""Runs a rebuild from its start, or from where it was interrupted, to its end. The work itself is in rescoring.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import TypeVar

from pyspark.sql import SparkSession

from livegold.reporting.lake import Lake
from livegold.reporting.settings import Settings
from livegold.reporting.sinks import Sink
from livegold.reporting.specification import UseCase
from livegold.streams.gold import finish_swap
from livegold.streams.models import Champion, Registry
from livegold.streams.rebuild.rescoring import Rescoring
from livegold.streams.status import Status
from livegold.streams.switch import Pipeline, only_run

SAY_SECONDS = 0.5

T = TypeVar("T")


class Rebuild:
    """Rebuilds gold of one use case from raw. `sinks` are passed unopened; `on_step` is passed on to Rescoring."""

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
        """How long scoring, reconciling and replacing took."""
        self._spark = spark
        self._settings = settings
        self._sinks = dict(sinks)
        self._on_step = on_step
        self._champion = Champion(Registry(settings), case)
        self._status = Status(settings, case.name)
        self._status.switch = "batch"

    def run(self, stop: threading.Event, keep: bool = True) -> bool:
        """Scores all of raw into a fresh gold, replaces the old one with it, and hands it to the sinks.

        Returns whether this is finished; if `stop` was set first, the next call resumes. `keep` keeps the old gold in
        the tables' history. Raises WrongUse and NotFound before anything starts, CheckFailed if the fresh gold does
        not reconcile (the old one stays), and what a sink's feed raises.
        """
        self._champion.check()
        with only_run(self._settings.home, self.case.name):
            finish_swap(self._spark, self.lake)
            for sink in self._sinks.values():
                sink.check()
            work = Rescoring(self._spark, self.case, self._settings, self._champion.load(), self._on_step)
            started = time.perf_counter()
            self._status.state = "running"
            try:
                is_whole = self._working(work, lambda: work.score(stop))
                if is_whole:
                    self._working(work, lambda: work.replace(keep))
            finally:
                self._status.state = "ended"
                self._say(work)
            self.seconds = time.perf_counter() - started
        if is_whole and self._sinks:
            try:
                Pipeline(self._spark, self.case, self._settings, self._sinks).backfill(stop)
            finally:
                self._say(work)
        return is_whole

    def _working(self, work: Rescoring, step: Callable[[], T]) -> T:
        """Runs a step, reporting its progress meanwhile."""
        with futures.ThreadPoolExecutor(1) as pool:
            done = pool.submit(step)
            while not futures.wait([done], SAY_SECONDS).done:
                self._say(work)
            self._say(work)
            return done.result()

    def _say(self, work: Rescoring) -> None:
        self._status.counts = work.counts or self._status.counts
        self._status.write([work], self._sinks)
