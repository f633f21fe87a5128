"""Backfill: empties a destination and refills it from gold. The feed is in streams/feeds, the destination a sink."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from livegold.reporting.errors import NotFound
from livegold.reporting.library.cases import Case, load
from livegold.reporting.library.cases import settings as settings_in_force
from livegold.reporting.library.requirements import SPARK, require
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from livegold.reporting.sinks import Sink

SHOW_SECONDS = 2.0
Shown = Callable[[Mapping[str, Any]], None]
"""Called with a sink's status every two seconds."""


def backfill(
    case: Case,
    *,
    sink: str = "powerbi",
    drop: bool = False,
    restart: bool = False,
    spark: SparkSession | None = None,
    settings: Settings | None = None,
    show: Shown = lambda status: None,
) -> Mapping[str, Any]:
    """Empties a sink's destination and refills it from gold, within its limits; returns the sink's last status.

    May take hours. If interrupted, the same call resumes where it stopped, unless `restart`. `drop` deletes the dataset
    first and recreates it. Raises NotFound if there is no gold yet, and the sink's errors.
    """
    plan = plan_refill(case, sink=sink, drop=drop, restart=restart, settings=settings)
    from livegold.streams.local import spark_session

    plan.start(spark_session(plan.settings, given=spark), show=show)
    return plan.sink.status()


def plan_refill(
    case: Case, *, sink: str = "powerbi", drop: bool = False, restart: bool = False, settings: Settings | None = None
) -> Refill:
    """Plans a backfill, checking that gold exists, without Spark, which takes seconds to start."""
    case = load(case)
    require(SPARK)
    from livegold.reporting.lake import Lake, open_table
    from livegold.reporting.sinks import make_sinks

    settings = settings or settings_in_force()
    made = make_sinks([sink], settings, case)[sink]
    lake = Lake.of(settings, case.name)
    try:
        open_table(lake.pulse)
    except NotFound:
        raise NotFound(f"use case {case.name} has no gold in {lake.gold}: `livegold run` creates it") from None
    return Refill(case, sink, drop, restart, settings, made)


@dataclass(frozen=True)
class Refill:
    """A validated backfill, ready to start."""

    case: UseCase
    name: str
    drop: bool
    restart: bool
    settings: Settings
    sink: Sink

    def start(
        self,
        spark: SparkSession,
        *,
        show: Shown = lambda status: None,
        progress: Callable[[str], None] = lambda what: None,
        stop: threading.Event | None = None,
    ) -> bool:
        """Runs the backfill and returns whether it completed, which it does not if `stop` is set before."""
        from livegold.streams.switch import Pipeline

        stop = stop or threading.Event()
        begun = self.settings.home / "sinks" / self.case.name / f"backfill-{self.name}"
        if self.drop or self.restart or not begun.exists():
            self.sink.reset(drop=self.drop)
            begun.parent.mkdir(parents=True, exist_ok=True)
            begun.touch()
        else:
            progress(f"goes on with the backfill that was cut off (restart begins again): {begun}")
        with _shown(self.sink, show):
            Pipeline(spark, self.case, self.settings, {self.name: self.sink}).backfill(stop)
        if stop.is_set():
            return False
        begun.unlink()
        return True


@contextmanager
def _shown(sink: Sink, show: Shown) -> Iterator[None]:
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(SHOW_SECONDS):
            show(sink.status())

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()
