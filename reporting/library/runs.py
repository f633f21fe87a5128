"""Runs a pipeline in the background of a program or notebook. The pipeline itself is in streams/switch.py.

`run` raises every error that can be detected up front, without starting Spark where possible. Later errors are kept and
raised by `wait`.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.home import StatusFile
from livegold.reporting.library.cases import Case, load
from livegold.reporting.library.cases import settings as settings_in_force
from livegold.reporting.library.requirements import MODELS, SPARK, require
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from livegold.reporting.sinks import Sink

Progress = Callable[[str], None]
"""Called with a human-readable description of each step as it starts."""

SOURCES = ("hub", "raw")
LOOK_SECONDS = 0.05
EXIT_SECONDS = 60.0
"""How long an exiting program waits for a run to end."""


def run(
    case: Case,
    *,
    switch: Literal["batch", "stream"],
    sinks: str | Iterable[str] = (),
    source: Literal["hub", "raw"] = "hub",
    keep_old: bool = True,
    warm_up: bool = False,
    spark: SparkSession | None = None,
    settings: Settings | None = None,
    progress: Progress = lambda what: None,
) -> Run:
    """Starts the pipeline and returns once its queries are running.

    `batch` runs to the end of the available events, `stream` until it is stopped. `sinks` are names such as "powerbi".
    `spark` is the session to run on; by default the active one is used, or a local one is started. `warm_up` first
    sends generated events through the pipeline, discarding the results, so that the first batch is quick.
    From raw, all of history is scored again into a new gold, which replaces the old one once it is complete and
    reconciled (`batch` only); `keep_old` leaves the old one in its tables' history.
    Raises WrongUse, NotFound (no model yet, no topic) and any other error known before a query runs.
    """
    plan = plan_run(case, switch=switch, sinks=sinks, source=source, keep_old=keep_old, settings=settings)
    from livegold.streams.local import spark_session

    return plan.start(spark_session(plan.settings, given=spark), warm_up=warm_up, progress=progress)


def plan_run(
    case: Case,
    *,
    switch: str,
    sinks: str | Iterable[str] = (),
    source: str = "hub",
    keep_old: bool = True,
    settings: Settings | None = None,
) -> RunPlan:
    """Plans a run, validated as far as possible without Spark, which takes seconds to start."""
    case = load(case)
    if source not in SOURCES:
        raise WrongUse(f"source {source!r} is not known: give {choices(SOURCES)}")
    if source == "raw" and switch != "batch":
        raise WrongUse("a run from raw ends when all of raw is scored: give switch batch, and run stream afterwards")
    names = (sinks,) if isinstance(sinks, str) else tuple(sinks)
    require(SPARK, MODELS)
    from livegold.reporting.sinks import make_sinks
    from livegold.streams.hub import Hub
    from livegold.streams.models import import_early
    from livegold.streams.switch import check_switch

    check_switch(switch)
    settings = settings or settings_in_force()
    Hub.of(settings, case.name)
    made = make_sinks(names, settings, case)
    import_early()
    return RunPlan(case, switch, settings, made, source, keep_old)


@dataclass(frozen=True)
class RunPlan:
    """A validated run, ready to start. Its sinks are created but not opened."""

    case: UseCase
    switch: str
    settings: Settings
    sinks: Mapping[str, Sink]
    source: str = "hub"
    keep_old: bool = True

    def start(
        self,
        spark: SparkSession,
        *,
        warm_up: bool = False,
        progress: Progress = lambda what: None,
        stop: threading.Event | None = None,
    ) -> Run:
        """Starts the run and returns once its queries are running. Setting `stop` ends it, as `Run.stop` does."""
        from livegold.streams.local import warm_up as first_run
        from livegold.streams.rebuild import Rebuild
        from livegold.streams.switch import Pipeline

        stop = stop or threading.Event()
        if warm_up and not stop.is_set():
            progress("made-up events warm it up")
            first_run(spark, self.case, self.settings)
        if self.source == "raw":
            progress(f"all of raw of {self.case.name} is scored again")
            rebuild = Rebuild(spark, self.case, self.settings, self.sinks)
            return Run(self, lambda: rebuild.run(stop, self.keep_old), stop)
        progress(f"the queries of {self.case.name} start, switch {self.switch}")
        pipeline = Pipeline(spark, self.case, self.settings, self.sinks)
        return Run(self, lambda: pipeline.run(self.switch, stop), stop)


class Run:
    """A pipeline running in a thread of this process, created by `run`.

    Leaving its `with` block stops it. So does the end of the program, which also prints its error to standard error if
    it has not been raised before.
    """

    def __init__(self, plan: RunPlan, work: Callable[[], object], stop: threading.Event) -> None:
        """Starts `work`, which ends once `stop` is set; raises what it raises before its queries run."""
        self.case = plan.case
        self.switch = plan.switch
        self.settings = plan.settings
        self._stop = stop
        self._file = StatusFile(plan.settings.home, plan.case.name)
        self._error: BaseException | None = None
        self._started = time.time()
        self._ended: float | None = None
        self._thread = threading.Thread(
            target=self._work, args=(work,), name=f"livegold-run-{plan.case.name}", daemon=True
        )
        atexit.register(self._at_exit)
        self._thread.start()
        self._wait_for_queries()

    @property
    def running(self) -> bool:
        """Whether it is still running."""
        return self._thread.is_alive()

    @property
    def seconds(self) -> float:
        """How long it has run, or ran."""
        return (self._ended or time.time()) - self._started

    def status(self) -> dict[str, Any]:
        """Its progress, as in `livegold status --json`: `state`, `queries`, `gold`, `sinks`; at most a second old.

        `state` is starting, running or ended; `error` is what it failed with, None if it has not failed.
        """
        running = self.running
        found = self._file.read()
        if found is None or found["updated"] < self._started:
            # No status yet: what the file holds is from an earlier run.
            found = {"use_case": self.case.name, "switch": self.switch, "state": "starting", "queries": {}, "gold": {}}
        if not running:
            found["state"] = "ended"
        return found | {"running": running, "error": self._said()}

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        """Waits until it has ended and returns its last status; raises what the pipeline raised.

        Raises TimeoutError if it is still running after `timeout` seconds. The run then continues, as it does if the
        wait is interrupted.
        """
        self._thread.join(timeout)
        if self.running:
            raise TimeoutError(f"{self.case.name} still runs after {timeout} s: stop() ends it")
        self._raise()
        return self.status()

    def stop(self, timeout: float | None = None) -> dict[str, Any]:
        """Stops it, then returns or raises as `wait` does. The next run finishes the batch that was in progress."""
        self._stop.set()
        return self.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
            return
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            atexit.unregister(self._at_exit)
            error.add_note(f"the run of {self.case.name} had failed: {self._said()}")

    def __repr__(self) -> str:
        status = self.status()
        said = f"failed: {status['error']}" if status["error"] else status["state"]
        return f"<livegold run of {self.case.name}, {self.switch}, {said}>"

    def _work(self, work: Callable[[], object]) -> None:
        try:
            if not self._stop.is_set():
                with _told_once():
                    work()
            atexit.unregister(self._at_exit)
        except BaseException as error:
            self._error = error
        finally:
            self._ended = time.time()

    def _said(self) -> str | None:
        """The first line of its error."""
        if self._error is None:
            return None
        return next((line for line in str(self._error).splitlines() if line.strip()), type(self._error).__name__)

    def _raise(self) -> None:
        if self._error is not None:
            atexit.unregister(self._at_exit)
            raise self._error

    def _wait_for_queries(self) -> None:
        try:
            while self.running and self.status()["state"] == "starting":
                time.sleep(LOOK_SECONDS)
        except BaseException:
            # A caller who interrupts the start gets no handle with which to stop it.
            self._stop.set()
            self._thread.join()
            raise
        if not self.running:
            self._raise()

    def _at_exit(self) -> None:
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join(EXIT_SECONDS)
        if self._error is not None:
            print(f"livegold: the run of {self.case.name} failed: {self._said()}", file=sys.stderr)


@contextmanager
def _told_once() -> Iterator[None]:
    """Keeps py4j from logging the traceback of a batch's error, which `wait` raises anyway, or of a stopped batch."""

    def is_other(record: logging.LogRecord) -> bool:
        return "executing the Python Proxy" not in record.getMessage()

    logger = logging.getLogger("py4j.clientserver")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
