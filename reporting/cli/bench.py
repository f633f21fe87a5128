"""`livegold bench`: the benchmarks, side by side with plain Spark."""

from __future__ import annotations

import click

from reporting.settings import load


@click.group()
def bench() -> None:
    """Benchmarks, side by side with plain Spark."""


@bench.command()
@click.argument("use_case", default="taxi_tips")
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(1_000), help="events to publish")
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1), help="runs of each of the two")
def pipeline(use_case: str, events: int, runs: int) -> None:
    """The whole pipeline in `batch`, in turn with a bare Spark job that only parses and writes Delta."""
    from rich.console import Console
    from rich.table import Table

    from reporting.usecase import load_use_case
    from streams.bench import bench_pipeline, ratio, summary

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
