"""`livegold bench`: the benchmarks, side by side with plain Spark and with the naive push."""

from __future__ import annotations

import sys

import click

from livegold.reporting.cli.progress import say
from livegold.reporting.library import LOCAL, PAGE, SCREENSHOTS, require
from livegold.reporting.settings import load

DELIVERED = ("taxi_tips", "bench_parcels")
# Width of the tables in a file or a pipe.
PLAIN_WIDTH = 160


@click.group()
def bench() -> None:
    """Runs the benchmarks, side by side with plain Spark and with the naive push."""


@bench.command()
@click.argument("use_case", default="taxi_tips")
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(1_000), help="Events to publish.")
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1), help="Runs of each of the two.")
def pipeline(use_case: str, events: int, runs: int) -> None:
    """Runs the whole pipeline in `batch`, in turn with a bare Spark job that only parses and writes Delta."""
    from rich.console import Console
    from rich.table import Table

    from livegold.reporting.bench.pipeline import bench_pipeline, ratio, summary
    from livegold.reporting.specification import load_use_case

    console = Console()
    found = bench_pipeline(
        load_use_case(use_case), load(), events, runs, lambda line: console.print(line, markup=False)
    )
    table = Table(title=f"{events:,} events, {runs} runs each in a fresh process, medians")
    for column in ("", "rows a second", "seconds of its queries", "whole process, s", "peak memory, MB"):
        table.add_column(column, justify="left" if not column else "right")
    for line in summary(found, events):
        table.add_row(*line)
    console.print(table)
    console.print(f"livegold does all of its work at {ratio(found):.2f} of the bare job's rows a second")


@bench.command()
@click.argument("use_cases", nargs=-1, metavar="[USECASE]...")
@click.option("--hours", default=48.0, show_default=True, type=float, help="Simulated hours of each use case.")
@click.option("--rate", default=5_000.0, show_default=True, type=float, help="Events a second.")
@click.option(
    "--batch-seconds", default=30.0, show_default=True, type=float, help="Simulated seconds of a batch of gold."
)
@click.option(
    "--late-share", default=0.001, show_default=True, type=float, help="Share of events up to two hours late."
)
@click.option(
    "--naive-hours",
    default=2.0,
    show_default=True,
    type=float,
    help="Simulated hours of the naive push; 0 leaves it out.",
)
@click.option("--seed", default=2026, show_default=True, type=int, help="Another seed makes other rows.")
def delivery(
    use_cases: tuple[str, ...],
    hours: float,
    rate: float,
    batch_seconds: float,
    late_share: float,
    naive_hours: float,
    seed: int,
) -> None:
    """Delivers days of gold by the real powerbi sink to the local service in simulated time, beside the naive push.

    Compares every measure on the service's rows with gold; exit code 1 if anything differs, was lost or throttled.
    USECASE is taxi_tips and bench_parcels (the bench's own) where none is given.
    """
    require(LOCAL)
    from rich.console import Console

    from livegold.reporting.bench.demand import Demand
    from livegold.reporting.bench.run import bench_delivery
    from livegold.reporting.bench.shown import shown

    demand = Demand(hours=hours, rate=rate, batch_seconds=batch_seconds, late_share=late_share, seed=seed)
    folder = load().home / "bench-delivery"
    found, naive = bench_delivery(use_cases or DELIVERED, demand, naive_hours, folder, say)
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(shown(found, naive))
    for one in found:
        one.require()


@bench.command()
@click.argument("use_case", default="taxi_tips")
@click.option(
    "--events", default=3_000_000, show_default=True, type=click.IntRange(1_000), help="Events to publish beforehand."
)
@click.option("--seconds", default=30.0, show_default=True, type=float, help="Seconds of each phase.")
@click.option("--pairs", default=3, show_default=True, type=click.IntRange(1), help="How often the service goes away.")
def outage(use_case: str, events: int, seconds: float, pairs: int) -> None:
    """Measures gold's rate with Power BI there and gone, in turn.

    Exit code 1 if anything was not delivered in the end.
    """
    require(LOCAL)
    from livegold.reporting.bench.outage import bench_outage
    from livegold.reporting.specification import load_use_case

    found = bench_outage(load_use_case(use_case), load(), events, seconds, pairs, say)
    for there, name in ((True, "there"), (False, "gone")):
        median, least, most = found.rate(there=there)
        click.echo(f"Power BI {name}: gold takes {median:,.0f} events a second ({least:,.0f} to {most:,.0f})")
    click.echo(f"delivered in the end: {found.delivered:,} events, as gold has; {found.failures} failed calls")


@bench.command()
@click.argument("use_case", default="taxi_tips")
@click.option(
    "--stored",
    default=200_000,
    show_default=True,
    type=click.IntRange(0),
    help="Rows of Pulse, and of Totals, to begin with.",
)
@click.option(
    "--rounds", default=60, show_default=True, type=click.IntRange(5), help="Rounds of two POSTs, 1.1 s each."
)
def preview(use_case: str, stored: int, rounds: int) -> None:
    """Measures how soon the live preview shows what was stored, at 50 rows a second, with few rows and with many."""
    require(LOCAL, PAGE, SCREENSHOTS)
    from rich.console import Console
    from rich.table import Table

    from livegold.reporting.bench.preview import bench_preview
    from livegold.reporting.specification import load_use_case

    found = bench_preview(load_use_case(use_case), stored, rounds, say)
    table = Table(title="from stored row to changed tile, milliseconds")
    for column in ("rows stored", "rows a second", "rounds", "never shown", "median", "95 of 100", "longest"):
        table.add_column(column, justify="right")
    for delays in found:
        figures = (delays.median, delays.p95, delays.longest)
        table.add_row(
            f"{delays.stored:,}",
            f"{delays.rows_a_second:.0f}",
            f"{delays.rounds}",
            f"{delays.missed}",
            *(f"{figure:,.0f}" for figure in figures),
        )
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)
