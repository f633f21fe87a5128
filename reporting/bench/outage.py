"""What a Power BI outage costs gold: its rate with the service alternately up and down. No timing makes it fail.

A backlog is published first, so that gold works as fast as it can in every phase. At the end the service is up, and
what was delivered is compared with gold.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from livegold.reporting.bench.pipeline import fresh, without_settings
from livegold.reporting.errors import CheckFailed, LivegoldError, WrongUse
from livegold.reporting.home import StatusFile
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings import Settings, load
from livegold.reporting.sinks import inspector_of
from livegold.reporting.specification import UseCase
from livegold.streams.local import Child

BATCH_EVENTS = 30_000
REST_EVENTS = 1_000_000
PARTITIONS = 4
WARM_SECONDS = 45.0
LOOK_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 600.0


@dataclass(frozen=True)
class Phase:
    """`rate` is gold's events per second; `rows` is how many rows Power BI accepted meanwhile."""

    there: bool
    rate: float
    rows: int


@dataclass(frozen=True)
class Outage:
    """The observations: alternating phases, and the events delivered in the end, which equal gold's."""

    phases: tuple[Phase, ...]
    delivered: int
    failures: int

    def rate(self, *, there: bool) -> tuple[float, float, float]:
        """Median, minimum and maximum events per second of the phases with the service up, or down."""
        rates = sorted(p.rate for p in self.phases if p.there is there)
        return statistics.median(rates), rates[0], rates[-1]


def bench_outage(
    case: UseCase, settings: Settings, events: int, seconds: float, pairs: int, say: Callable[[str], None]
) -> Outage:
    """Publishes `events`, then stops the service `pairs` times for `seconds` each. Uses `<home>/bench-outage`.

    Raises CheckFailed if what was delivered differs from gold, or if the backlog did not last.
    """
    from livegold.streams.accounts import reconcile
    from livegold.streams.hub import Hub, ensure_topic, publish
    from livegold.streams.local import Broker

    if case.generator is None:
        raise WrongUse(f"use case {case.name} has no generator of events: bench needs one")
    home = settings.home / "bench-outage"
    shutil.rmtree(home, ignore_errors=True)
    service = LocalService(home)
    with Broker(home) as broker:
        own = load({}, Path("none"), home=str(home), hub__servers=broker.servers)
        hub = Hub.of(own, case.name)
        ensure_topic(hub, PARTITIONS)
        start = datetime.now(UTC) - timedelta(hours=1)
        done = publish(hub, case.generator(7, start, None, count=events))
        say(f"published {done.count:,} events")
        environment = {
            "LIVEGOLD_HOME": str(home),
            "LIVEGOLD_HUB_SERVERS": broker.servers,
            "LIVEGOLD_HUB_BATCH_EVENTS": str(BATCH_EVENTS),
        }
        fresh([sys.executable, "-P", "-m", "livegold", "train", case.name], environment)
        say("trained a model")
        service.__enter__()
        port = int(service.endpoint.api.rsplit(":", 1)[1])
        command = [sys.executable, "-P", "-m", "livegold", "run", case.name, "--switch", "stream"]
        run = Child(
            [*command, "--sink", "powerbi"], log=home / "logs" / "run.log", environment=without_settings() | environment
        )
        try:
            watch = _Gold(own, case, run)
            watch.wait_for(lambda: watch.events() > 0 and watch.rows() > 0, "the first rows in Power BI")
            say(f"first rows delivered; {WARM_SECONDS:.0f} s to get warm")
            time.sleep(WARM_SECONDS)
            phases = []
            for _ in range(pairs):
                phases.append(watch.phase(seconds, there=True))
                service.__exit__(None, None, None)
                phases.append(watch.phase(seconds, there=False))
                service = LocalService(home, port=port)
                service.__enter__()
                for phase in phases[-2:]:
                    state = "there" if phase.there else "gone"
                    say(f"service {state}: {phase.rate:,.0f} events a second, {phase.rows:,} rows accepted")
                if watch.events() >= events:
                    raise CheckFailed(
                        f"all {events:,} events were processed before the phases ended: give a larger --events"
                    )
            failures = watch.failures()
            run.stop(LONGEST_WAIT_SECONDS)
            # The rest of the backlog, in large batches, since nothing is timed any more.
            large = {**environment, "LIVEGOLD_HUB_BATCH_EVENTS": str(REST_EVENTS)}
            fresh([*command[:-1], "batch", "--sink", "powerbi"], large)
            found = reconcile(case, own)
            if not found.ok:
                raise CheckFailed(f"after the outages: {'; '.join(found.problems)}")
            accepted = next((s.accepted for name, s in found.delivered.items() if name == "events"), 0)
            return Outage(tuple(phases), int(accepted), failures)
        finally:
            run.stop()
            service.__exit__(None, None, None)


class _Gold:
    """Observes a run from outside."""

    def __init__(self, settings: Settings, case: UseCase, run: Child) -> None:
        self._status = StatusFile(settings.home, case.name)
        self._sink = inspector_of("powerbi", settings, case)
        self._run = run

    def events(self) -> int:
        return int(((self._status.read() or {}).get("gold") or {}).get("events", 0))

    def rows(self) -> int:
        return int(self._sink.status().get("rows_delivered", 0))

    def failures(self) -> int:
        return int(self._sink.status()["failures"])

    def wait_for(self, what: Callable[[], bool], name: str) -> None:
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while not what():
            if self._run.exit_code is not None:
                raise LivegoldError(f"the run ended with {self._run.exit_code} before {name}")
            if time.monotonic() > until:
                raise LivegoldError(f"{name} did not come within {LONGEST_WAIT_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)

    def phase(self, seconds: float, *, there: bool) -> Phase:
        """Measures from the end of one batch to the end of the last one that ends in time: complete batches only."""
        began, first, rows = self._next_end(), self.events(), self.rows()
        last, at = first, began
        until = began + seconds
        while time.monotonic() < until:
            time.sleep(LOOK_SECONDS / 5)
            now = self.events()
            if now != last:
                last, at = now, time.monotonic()
        return Phase(there, (last - first) / (at - began) if at > began else 0.0, self.rows() - rows)

    def _next_end(self) -> float:
        before = self.events()
        self.wait_for(lambda: self.events() != before, "the next batch")
        return time.monotonic()
