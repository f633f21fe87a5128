"""`livegold run`: runs a pipeline until its end or a signal. Running it is in reporting/library/runs.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from livegold.reporting.cli.progress import say


@click.command()
@click.argument("usecase")
@click.option("--switch", required=True, help="batch runs to the end of what is there; stream runs until Ctrl-C.")
@click.option(
    "--from",
    "source",
    type=click.Choice(["hub", "raw"]),
    default="hub",
    show_default=True,
    help="raw scores history again into a fresh gold, which replaces the old one once it is complete and reconciled.",
)
@click.option(
    "--old",
    type=click.Choice(["keep", "delete"]),
    default="keep",
    show_default=True,
    help="With --from raw: keep the old gold in its tables' history, or delete its files.",
)
@click.option("--sink", "sinks", multiple=True, help="powerbi, eventstream or a package's own; may be repeated.")
@click.option(
    "--warm-up", is_flag=True, help="Score made-up events first and throw them away, so that the first batch is quick."
)
def run(usecase: str, switch: str, source: str, old: str, sinks: tuple[str, ...], warm_up: bool) -> None:
    """Runs the pipeline: from the hub to raw and gold, and from gold to the sinks."""
    from livegold.reporting.library import plan_run

    plan = plan_run(usecase, switch=switch, sinks=sinks, source=source, keep_old=old == "keep")
    from livegold.streams.local import spark_session, stop_on_signals

    with stop_on_signals() as stop:
        say("Spark starts")
        spark = spark_session(plan.settings)
        # Spark installs its own SIGINT handler when it starts.
        with stop_on_signals(stop):
            run = plan.start(spark, warm_up=warm_up, progress=say, stop=stop)
            status = run.wait()
            if source == "raw" and stop.is_set():
                say("interrupted: the same command resumes it; a gold that is not complete replaces nothing")
            click.echo(_result(plan.case.name, switch, status, run.seconds))


def _result(case: str, switch: str, status: Mapping[str, Any], seconds: float) -> str:
    gold = status["gold"]
    return (
        f"{case} {switch}: {gold.get('events', 0):,} events in {seconds:.1f} s: {gold.get('predictions', 0):,} scored, "
        f"{gold.get('quarantined', 0):,} quarantined, {gold.get('duplicates', 0):,} duplicates"
    )
