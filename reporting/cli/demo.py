"""`livegold demo`: everything on this machine, orchestrated by a process that does not start Spark itself.

1. The broker, the local Power BI service with the live preview, and the training start in parallel.
2. The pipeline starts and, once it is running, the publisher: the minutes count from the first event.
3. At the end, or on Ctrl-C, the publisher stops; what it published is processed to the last row; the pipeline stops.
4. Everything is recounted and shown; service and broker stop.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livegold.reporting.cli.browser import PREVIEW_SAYS, open_page
from livegold.reporting.errors import CheckFailed, LivegoldError, WrongUse, choices
from livegold.reporting.library import LOCAL, MODELS, PAGE, SPARK, require
from livegold.reporting.settings import variable_of

if TYPE_CHECKING:
    from livegold.reporting.specification import UseCase
    from livegold.streams.local import DemoHome

TICK_SECONDS = 0.25
LOOK_SECONDS = 1.0
QUALITY_SECONDS = 5.0
CATCH_UP_SECONDS = 90.0
"""How long nothing may move: on a slow or busy machine, the first batch spends a minute compiling."""
LONGEST_CATCH_UP_SECONDS = 600.0
START_SECONDS = 900.0
"""The very first start downloads Kafka's and Delta's jars, possibly over a slow network."""

BROKER, SERVICE, MODEL, PIPELINE, PUBLISHER = "Kafka broker", "Power BI service", "model", "pipeline", "first event"
PREVIEW = "live preview"
GOES_THROUGH = "ending: what was published goes through"


@click.command()
@click.argument("usecase", default="taxi_tips")
@click.option("--events", "file", type=click.Path(path_type=Path), help="Replay this CSV, JSON-lines or Parquet file.")
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), default=3.0, show_default=True, help="How long events come."
)
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), default=200.0, show_default=True, help="Events a second."
)
@click.option("--switch", default="stream", show_default=True, help="Only stream so far.")
@click.option(
    "--keep-times", is_flag=True, help="Keep the times of a file instead of replaying it as if it happened now."
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
def demo(
    usecase: str, file: Path | None, minutes: float, rate: float, switch: str, keep_times: bool, no_open: bool
) -> None:
    """Runs everything on this machine and shows it live: broker, Power BI service, model, streams, the report.

    Ends after --minutes or at Ctrl-C, with a summary that accounts for every event. A second Ctrl-C ends it at once.
    """
    from livegold.reporting.settings import load as load_settings
    from livegold.reporting.specification import load_use_case

    case = load_use_case(usecase)
    if switch == "realtime":
        raise WrongUse("switch 'realtime' is not there yet: give stream")
    if switch != "stream":
        raise WrongUse(f"switch {switch!r} cannot be used for a demo: give {choices(['stream'])}")
    if file is None and keep_times:
        raise WrongUse("--keep-times requires a file: give --events, or omit it")
    if file is None and (case.generator is None or case.history is None):
        raise WrongUse(f"use case {case.name} makes up no events: give a file with --events")
    require(SPARK, MODELS, LOCAL, PAGE)
    settings = load_settings()
    from livegold.streams.local import check_java

    check_java()
    expected = None
    if file is not None:
        from livegold.streams.hub import EventFile

        file = file.resolve()
        expected = EventFile(file, case).count
    from livegold.streams.local import DemoHome, stop_on_signals

    plan = _Plan(usecase, case, file, minutes, rate, expected, keep_times, not no_open)
    home = DemoHome(settings, case, file)
    with home.locked(), stop_on_signals() as stop:
        _Demo(plan, home, stop).run()


@dataclass(frozen=True)
class _Plan:
    """What to demonstrate: `usecase` as it was given; `expected` is the number of events in a file, if given."""

    usecase: str
    case: UseCase
    file: Path | None
    minutes: float
    rate: float
    expected: int | None
    keep_times: bool
    opens: bool


class _Demo:
    """One run; its methods follow the numbered steps of the module docstring."""

    def __init__(self, plan: _Plan, home: DemoHome, stop: threading.Event) -> None:
        from livegold.reporting.cli.demo_view import DemoState, Screen
        from livegold.reporting.cli.stage import Stage
        from livegold.reporting.cli.view import console

        wiped = home.empty()
        notes = [f"Everything of this demo is in {home.path}" + (", emptied of the run before" if wiped else "")]
        self._plan, self._home, self._stop = plan, home, stop
        self._case = case = plan.case
        self._console = console()
        self._state = DemoState(case.name, case.question, case.model.task, notes, plan.minutes, expected=plan.expected)
        self._screen = Screen(self._state, self._console)
        self._stage = Stage(home.path / "logs", home.environment())
        self._problems: list[str] = []
        self._next_look = self._next_quality = 0.0
        self._end: Any = None

    def run(self) -> None:
        from livegold.reporting.cli.demo_view import summary

        with self._stage:
            with self._screen:
                if self._start() and self._stream_begins():
                    self._watch_until_the_end()
                    self._finish()
            if self._end is None:
                self._console.print("Ended before the first event: nothing to count.")
                return
            self._console.print(summary(self._end))
        if self._problems:
            raise CheckFailed(f"the demo of {self._case.name} does not add up: {'; '.join(self._problems)}")

    # ---- 1. side by side ---------------------------------------------------------------------------------------------

    def _start(self) -> bool:
        """Starts everything; False if Ctrl-C came first."""
        from livegold.reporting.home import client_secret, read_endpoint
        from livegold.streams.local import running_servers

        home, stage = self._home, self._stage
        stage.start("broker", "--port", "0", "--topic", self._case.name)
        stage.start("powerbi", "--port", "0")
        for step in (BROKER, SERVICE, MODEL):
            self._state.begin(step)
        kept = home.model()
        if kept is None:
            history = ["--events", str(self._plan.file)] if self._plan.file else []
            stage.start("train", self._plan.usecase, "--promote", "--report", str(home.report), *history)

        def ready() -> bool:
            if self._open(BROKER) and (servers := running_servers(home.path)):
                stage.environment[variable_of("hub.servers")] = servers
                home.share_jars()
                self._state.end(BROKER, servers)
            if self._open(SERVICE) and (home.path / "powerbi" / "endpoint.json").exists():
                endpoint = read_endpoint(home.path)
                given = endpoint.settings() | {"powerbi__client_secret": client_secret(home.path)}
                stage.environment.update({variable_of(k.replace("__", ".")): v for k, v in given.items()})
                self._state.end(SERVICE, endpoint.api)
            if PREVIEW not in self._state.steps and not (self._open(BROKER) or self._open(SERVICE)):
                # It also follows events through the broker, so it waits for both.
                stage.start("preview", self._plan.usecase, "--no-open")
                self._state.begin(PREVIEW)
            if PREVIEW in self._state.steps and self._open(PREVIEW) and (page := self._page()):
                self._state.end(PREVIEW, page)
            if self._open(MODEL) and (kept is not None or stage.done("train")):
                self._model_is_ready(kept)
            steps = (BROKER, SERVICE, MODEL, PREVIEW)
            return not any(step not in self._state.steps or self._open(step) for step in steps)

        return self._wait(ready, "broker", "powerbi")

    def _page(self) -> str:
        """The address of the preview, once it has one."""
        said = self._stage.last_word("preview")
        return said.removeprefix(PREVIEW_SAYS) if said.startswith(PREVIEW_SAYS) else ""

    def _model_is_ready(self, kept: Any) -> None:
        if kept is None:
            self._home.keep_model()
        model = kept or json.loads(self._home.report.read_text(encoding="utf-8"))
        self._state.model = model
        source = "kept from the demo before" if kept else f"learnt from {model['history']}"
        self._state.end(
            MODEL,
            f"{source}: on its newest fifth {self._case.model.task.sentence(model)}",
        )

    # ---- 2. the stream begins ----------------------------------------------------------------------------------------

    def _stream_begins(self) -> bool:
        """Starts pipeline and publisher; False if Ctrl-C came before the publisher."""
        from livegold.reporting.cli.watch import Watch
        from livegold.reporting.settings import load as load_settings

        stage, state = self._stage, self._state
        settings = load_settings(stage.environment)
        self._settings = settings
        self._seen = Watch(settings, self._case)
        stage.start("run", self._plan.usecase, "--switch", "stream", "--sink", "powerbi", "--warm-up")
        state.begin(PIPELINE)
        if not self._wait(lambda: self._seen.status().get("state") == "running", "broker", "powerbi", "run"):
            return False
        state.end(PIPELINE)
        state.begin(PUBLISHER)
        source = ["--events", str(self._plan.file)] if self._plan.file else []
        times = ["--keep-times"] if self._plan.keep_times else []
        report = str(self._home.path / "published.json")
        stage.start("publish", self._plan.usecase, "--rate", str(self._plan.rate), "--report", report, *source, *times)

        def arrived() -> bool:
            self._seen.look()
            return self._seen.published > 0

        # Even after Ctrl-C an event may be on its way: from here on everything is counted.
        self._wait(arrived, "broker", "powerbi", "run")
        state.end(PUBLISHER)
        state.page = state.steps[PREVIEW].note
        if self._plan.opens:
            open_page(state.page)
        state.first_event = time.monotonic()
        return True

    def _watch_until_the_end(self) -> None:
        assert self._state.first_event is not None
        until = self._state.first_event + self._plan.minutes * 60
        while time.monotonic() < until and not self._stop.wait(TICK_SECONDS):
            self._stage.check("broker", "powerbi", "run")
            self._look()

    # ---- 3. to the last row ------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        state, stage = self._state, self._stage
        state.stopping = True
        with self._ending("ending: the publisher"):
            stage.stop("publish")
        with self._ending(GOES_THROUGH):
            self._catch_up()
        with self._ending("ending: the pipeline"):
            try:
                stage.stop("run")
            except LivegoldError as error:
                self._problems.append(str(error))
        with self._ending("ending: everything is counted"):
            self._count()
        with self._ending("ending: preview, service and broker"):
            stage.stop("preview")
            stage.stop("powerbi")
            stage.stop("broker")

    def _catch_up(self) -> None:
        """Waits until the last row is through, nothing has moved for CATCH_UP_SECONDS, or a process fails."""
        began = moved = time.monotonic()
        place: object = None
        self._seen.look()
        while waiting := self._seen.behind():
            now = time.monotonic()
            if place != (place := self._seen.place()):
                moved = now
            if now - moved > CATCH_UP_SECONDS or now - began > LONGEST_CATCH_UP_SECONDS:
                self._problems.append(f"{' and '.join(waiting)} did not catch up in {now - began:.0f} s")
                break
            self._stage.check("broker", "powerbi", "run")
            self._state.steps[GOES_THROUGH].note = f"waiting for {' and '.join(waiting)}"
            self._look()
            time.sleep(TICK_SECONDS)
        self._look(at_once=True)
        self._state.counting = True

    # ---- 4. counted --------------------------------------------------------------------------------------------------

    def _count(self) -> None:
        from livegold.reporting.cli.demo_view import Summary
        from livegold.streams.accounts import reconcile

        found = reconcile(self._case, self._settings)
        self._problems += found.problems
        if not found.ok and not found.problems:
            self._problems.append("reconcile found a difference")
        acknowledged, others = self._acknowledged(), 0
        if acknowledged is not None and found.hub is not None and acknowledged < found.hub:
            # The page that follows one event also publishes, and so may anybody else.
            others = found.hub - acknowledged
            acknowledged = found.hub
        if acknowledged is not None and acknowledged != found.hub:
            self._problems.append(f"the publisher counted {acknowledged:,} events, the hub holds {found.hub or 0:,}")
        self._state.sink = self._seen.sink()
        quality, evaluated = self._newest()
        problems = tuple(self._problems)
        self._end = Summary(
            self._state,
            self._plan.usecase,
            found,
            acknowledged,
            others,
            quality,
            evaluated,
            problems,
            self._home.path,
        )

    def _acknowledged(self) -> int | None:
        try:
            return int(json.loads((self._home.path / "published.json").read_text(encoding="utf-8"))["count"])
        except FileNotFoundError:
            return None

    def _newest(self) -> tuple[Any, str]:
        """Quality on unseen events: for a file, its newest part; of generated events, the model has seen none."""
        from livegold.reporting.lake import newest_quality

        task, predictions = self._case.model.task, self._seen.lake.predictions
        model = self._state.model
        if self._plan.file is None or model is None:
            return newest_quality(task, predictions, "event_time"), "newest fifth of the run"
        since = datetime.fromtimestamp(model["newest_from"], UTC)
        quality = newest_quality(task, predictions, self._case.event_time, since)
        return quality, "newest fifth of the file, not learnt from"

    # ---- looking on --------------------------------------------------------------------------------------------------

    def _look(self, at_once: bool = False) -> None:
        now = time.monotonic()
        state, seen = self._state, self._seen
        if at_once or now >= self._next_look:
            seen.look()
            state.published, state.rate = seen.published, seen.rate
            state.status, state.sink = seen.status(), seen.sink()
            self._next_look = now + LOOK_SECONDS
        if at_once or now >= self._next_quality:
            state.quality = self._quality()
            self._next_quality = now + QUALITY_SECONDS
        self._screen.update()

    def _quality(self) -> Any:
        from deltalake.exceptions import DeltaError

        from livegold.reporting.lake import LiveQuality

        try:
            if not hasattr(self, "_live_quality"):
                self._live_quality = LiveQuality(self._case.model.task, self._seen.lake.predictions)
            return self._live_quality()
        except (DeltaError, OSError):
            return self._state.quality  # a commit is just being written; the next look will include it

    def _open(self, step: str) -> bool:
        return self._state.steps[step].ended is None

    def _wait(self, ready: Callable[[], bool], *lasting: str) -> bool:
        """Waits until `ready`; False on Ctrl-C. Raises LivegoldError if a process fails or does not start in time."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self._stage.check(*lasting)
            self._tell_steps()
            self._screen.update()
            if time.monotonic() > deadline:
                late = [name for name, step in self._state.steps.items() if step.ended is None]
                raise LivegoldError(
                    f"{choices(late)} did not start in {START_SECONDS:.0f} s: see {self._home.path}/logs"
                )
            if self._stop.wait(TICK_SECONDS):
                return False
        self._screen.update()
        return True

    def _tell_steps(self) -> None:
        for step, process in ((MODEL, "train"), (PIPELINE, "run")):
            if step in self._state.steps and self._open(step):
                self._state.steps[step].note = self._stage.progress_of(process)

    def _ending(self, name: str) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def step() -> Any:
            self._state.begin(name)
            self._screen.update()
            yield
            self._state.end(name, "done")
            self._screen.update()

        return step()
