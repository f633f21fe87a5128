"""Publishes events for a use case: the rows of a file, or generated events. Sending itself is in streams/hub."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from livegold.reporting.errors import WrongUse
from livegold.reporting.library.cases import Case, load
from livegold.reporting.library.cases import settings as settings_in_force
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase

if TYPE_CHECKING:
    from livegold.streams.hub import Event, Hub, Published

ENDLESS_RATE = 200.0
"""Events per second of an endless generator: as fast as possible would fill the disk."""


def publish(
    case: Case,
    *,
    events: str | Path | None = None,
    rate: float | None = None,
    count: int | None = None,
    loop: bool = False,
    keep_times: bool = False,
    seed: int = 1,
    settings: Settings | None = None,
    progress: Callable[[Published], None] | None = None,
    stop: threading.Event | None = None,
) -> Published:
    """Publishes a CSV, JSON-lines or Parquet file, or generated events, and returns what the hub acknowledged.

    `rate` is in events per second; None is as fast as the hub accepts them. A generator ends after `count` events or
    when `stop` is set, and without `rate` and `count` publishes 200 per second. With `loop` a file starts again at its
    end; it is replayed as if it happened now unless `keep_times`. The topic or folder is created if it does not exist.
    Raises WrongUse, SettingsError, and the hub's errors: Unauthorized, NotFound, ServiceUnavailable.
    """
    plan = plan_publication(
        case, events=events, rate=rate, count=count, loop=loop, keep_times=keep_times, seed=seed, settings=settings
    )
    return plan.send(progress, stop)


def plan_publication(
    case: Case,
    *,
    events: str | Path | None = None,
    rate: float | None = None,
    count: int | None = None,
    loop: bool = False,
    keep_times: bool = False,
    seed: int = 1,
    settings: Settings | None = None,
) -> Publication:
    """Plans what to publish and where, validated without contacting the hub."""
    case = load(case)
    if events is None and (loop or keep_times):
        raise WrongUse(f"{'loop' if loop else 'keep-times'} requires a file: give one as events, or omit it")
    if events is None and rate is None and count is None:
        rate = ENDLESS_RATE
    from livegold.streams.hub import Hub

    hub = Hub.of(settings or settings_in_force(), case.name)
    if events is None:
        total, source = count, _generated(case, seed, rate)
    else:
        held, source = _from_file(case, Path(events), rate, loop, keep_times)
        total = count if held is None else held if count is None else min(held, count)
    return Publication(case, hub, source, rate, count, total)


@dataclass(frozen=True)
class Publication:
    """Events to be published to a hub, once; `total` is how many there will be, None if unknown."""

    case: UseCase
    hub: Hub
    events: Iterator[Event]
    rate: float | None
    count: int | None
    total: int | None

    def send(
        self, progress: Callable[[Published], None] | None = None, stop: threading.Event | None = None
    ) -> Published:
        """Publishes all events, or until `stop` is set."""
        from livegold.streams.hub import ensure_topic
        from livegold.streams.hub import publish as send
        from livegold.streams.local import DEFAULT_PARTITIONS

        ensure_topic(self.hub, DEFAULT_PARTITIONS)
        return send(self.hub, self.events, rate=self.rate, count=self.count, progress=progress, stop=stop)


def _from_file(
    case: UseCase, path: Path, rate: float | None, loop: bool, keep_times: bool
) -> tuple[int | None, Iterator[Event]]:
    from livegold.streams.hub import EventFile, replay

    file = EventFile(path, case)
    return None if loop else file.count, replay(file, rate=rate, loop=loop, keep_times=keep_times)


def _generated(case: UseCase, seed: int, rate: float | None) -> Iterator[Event]:
    if case.generator is None:
        raise WrongUse(f"use case {case.name} has no generator: give a file as events")

    def now() -> datetime:
        return datetime.now(UTC)

    events: Iterator[Event] = case.generator(seed, now(), rate, now=now)
    return events
