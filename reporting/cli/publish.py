"""`livegold publish`: shows the progress of publishing. Publishing itself is in reporting/library/publication.py."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from livegold.streams.hub import Published

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
    from livegold.reporting.library import plan_publication

    plan = plan_publication(usecase, events=file, rate=rate, count=count, loop=loop, keep_times=keep_times, seed=seed)
    from livegold.streams.local import stop_on_signals

    with stop_on_signals() as stop, _progress(plan.case.entity, plan.total) as show:
        done = plan.send(show, stop)
    click.echo(f"published {done.count:,} events to {plan.hub.where} in {done.seconds:.1f} s ({done.rate:,.0f}/s)")
    if report is not None:
        report.write_text(json.dumps(dataclasses.asdict(done)), encoding="utf-8")


@contextmanager
def _progress(entity: str, total: int | None) -> Iterator[Callable[[Published], None]]:
    """A progress bar on a terminal, a line every few seconds elsewhere; both on standard error."""
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
