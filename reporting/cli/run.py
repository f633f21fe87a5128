"""`livegold run`: a pipeline until its end or a signal. The pipeline itself is streams/switch.py."""

from __future__ import annotations

import time

import click

from livegold.reporting.cli.progress import say
from livegold.reporting.cli.requirements import MODELS, SPARK, require
from livegold.reporting.errors import WrongUse


@click.command()
@click.argument("usecase")
@click.option("--switch", required=True, help="batch runs to the end of what is there; stream runs until Ctrl-C.")
@click.option("--from", "source", type=click.Choice(["hub", "raw"]), default="hub", show_default=True)
@click.option("--sink", "sinks", multiple=True, help="powerbi or eventstream; may be given several times.")
@click.option(
    "--warm-up", is_flag=True, help="Score made-up events first and throw them away, so that the first batch is quick."
)
def run(usecase: str, switch: str, source: str, sinks: tuple[str, ...], warm_up: bool) -> None:
    """Runs the pipeline: from the hub to raw and gold, and from gold to the sinks."""
    from livegold.reporting.cli.sinks import check_names, make_sinks
    from livegold.reporting.settings import load as load_settings
    from livegold.reporting.specification import load_use_case

    case = load_use_case(usecase)
    if source == "raw":
        raise WrongUse("--from raw is not there yet: leave it out to read the hub")
    check_names(sinks)
    require(SPARK, MODELS)
    from livegold.streams.hub import Hub
    from livegold.streams.local import stop_on_signals
    from livegold.streams.switch import Pipeline, check_switch

    check_switch(switch)
    settings = load_settings()
    Hub.of(settings, case.name)  # a setting that cannot work is said before Spark takes its seconds to start
    made = make_sinks(sinks, settings, case)
    from livegold.streams.local import spark_session
    from livegold.streams.models import import_early

    import_early()
    with stop_on_signals() as stop:
        say("Spark starts")
        spark = spark_session(settings)
        # Spark takes SIGINT for itself when it starts.
        with stop_on_signals(stop):
            started = time.monotonic()
            pipeline = Pipeline(spark, case, settings, made)
            if warm_up and not stop.is_set():
                from livegold.streams.local import warm_up as first_run

                say("made-up events warm it up")
                first_run(spark, case, settings)
                started = time.monotonic()
            if not stop.is_set():
                say(f"the queries of {case.name} start, switch {switch}")
                pipeline.run(switch, stop)
            click.echo(_result(settings.home, case.name, switch, time.monotonic() - started))


def _result(home: object, case: str, switch: str, seconds: float) -> str:
    from pathlib import Path

    from livegold.reporting.home import StatusFile

    status = StatusFile(Path(str(home)), case).read() or {}
    gold = status.get("gold", {})
    return (
        f"{case} {switch}: {gold.get('events', 0):,} events in {seconds:.1f} s: {gold.get('predictions', 0):,} scored, "
        f"{gold.get('quarantined', 0):,} quarantined, {gold.get('duplicates', 0):,} duplicates"
    )
