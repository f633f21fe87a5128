"""`livegold publish`: a file or a generator into the hub, with progress. Publishing itself: streams/hub."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from livegold.reporting.errors import WrongUse

if TYPE_CHECKING:
    from livegold.reporting.specification import UseCase
    from livegold.streams.hub import Event, Published

ENDLESS_RATE = 200.0
"""Events a second of a generator that nobody ends: as fast as possible would fill the disk."""
LINE_SECONDS = 5.0


@click.command()
@click.argument("usecase")
@click.option("--events", "file", type=click.Path(path_type=Path), help="Replay this CSV, JSON-lines or Parquet file.")
@click.option("--rate", type=float, help="Events a second; without it, as fast as the hub accepts them.")
@click.option("--count", type=int, help="Stop after this many events.")
@click.option("--loop", is_flag=True, help="Start the file again when it ends.")
@click.option(
    "--keep-times", is_flag=True, help="Keep the times of a file instead of replaying it as if it happened now."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed makes up other events.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write what was published to this file, as JSON.")
def publish(
    usecase: str,
    file: Path | None,
    rate: float | None,
    count: int | None,
    loop: bool,
    keep_times: bool,
    seed: int,
    report: Path | None,
) -> None:
    """Publishes a file, or events that the use case makes up, to the hub.

    Without --rate and --count, made-up events are published at 200 a second until Ctrl-C.
    """
    from livegold.reporting.settings import load as load_settings
    from livegold.reporting.specification import load_use_case

    case = load_use_case(usecase)
    if file is None and (loop or keep_times):
        raise WrongUse(f"--{'loop' if loop else 'keep-times'} is for a file: give --events, or leave it out")
    if file is None and rate is None and count is None:
        rate = ENDLESS_RATE
    from livegold.streams.hub import Hub, ensure_topic
    from livegold.streams.hub import publish as send
    from livegold.streams.local import DEFAULT_PARTITIONS, stop_on_signals

    settings = load_settings()
    hub = Hub.of(settings, case.name)
    total, events = _from_file(case, file, rate, loop, keep_times) if file else (None, _generated(case, seed, rate))
    total = count if total is None else min(total, count) if count is not None else total
    ensure_topic(hub, DEFAULT_PARTITIONS)
    with stop_on_signals() as stop, _progress(case.entity, total) as show:
        done = send(hub, events, rate=rate, count=count, progress=show, stop=stop)
    click.echo(f"published {done.count:,} events to {hub.where} in {done.seconds:.1f} s ({done.rate:,.0f}/s)")
    if report is not None:
        report.write_text(json.dumps(dataclasses.asdict(done)), encoding="utf-8")


def _from_file(
    case: UseCase, path: Path, rate: float | None, loop: bool, keep_times: bool
) -> tuple[int | None, Iterator[Event]]:
    from livegold.streams.hub import EventFile, replay

    file = EventFile(path, case)
    return None if loop else file.count, replay(file, rate=rate, loop=loop, keep_times=keep_times)


def _generated(case: UseCase, seed: int, rate: float | None) -> Iterator[Event]:
    if case.generator is None:
        raise WrongUse(f"use case {case.name} has no generator: give a file with --events")

    def now() -> datetime:
        return datetime.now(UTC)

    events: Iterator[Event] = case.generator(seed, now(), rate, now=now)
    return events


@contextmanager
def _progress(entity: str, total: int | None) -> Iterator[Callable[[Published], None]]:
    """A bar on a terminal, a line every few seconds elsewhere; both on standard error."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def line(done: Published) -> None:
            nonlocal last
            if time.monotonic() - last >= LINE_SECONDS:
                last = time.monotonic()
                of = f" of {total:,}" if total else ""
                click.echo(f"published {done.count:,}{of} events ({done.rate:,.0f}/s)", err=True)

        yield line
        return
    from livegold.reporting.cli.view import publishing

    with publishing(entity, total) as bar:
        yield lambda done: bar(done.count, done.rate)
