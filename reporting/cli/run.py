"""`livegold run`: a pipeline until its end or a signal. The pipeline itself is streams/switch.py."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click

from livegold.reporting.cli.progress import say
from livegold.reporting.cli.requirements import MODELS, SPARK, require
from livegold.reporting.errors import WrongUse


@click.command()
@click.argument("usecase")
@click.option("--switch", required=True, help="batch: to the end of what is there; stream: until Ctrl-C.")
@click.option(
    "--from",
    "source",
    type=click.Choice(["hub", "raw"]),
    default="hub",
    show_default=True,
    help="raw: score history again into a fresh gold, which takes the old one's place when it is whole.",
)
@click.option(
    "--old",
    type=click.Choice(["keep", "delete"]),
    default="keep",
    show_default=True,
    help="With --from raw: what becomes of the old gold; kept, it stays in its tables' history.",
)
@click.option("--sink", "sinks", multiple=True, help="powerbi or eventstream; may be given several times.")
@click.option(
    "--warm-up", is_flag=True, help="Let made-up events through first, into nowhere: the first batch is quick."
)
def run(usecase: str, switch: str, source: str, old: str, sinks: tuple[str, ...], warm_up: bool) -> None:
    """Runs the pipeline: hub to raw and gold, gold to the sinks; or raw to a gold that is made anew."""
    from livegold.reporting.cli.sinks import check_names, make_sinks
    from livegold.reporting.settings import load as load_settings
    from livegold.reporting.specification import load_use_case

    case = load_use_case(usecase)
    if source == "raw" and switch != "batch":
        raise WrongUse("--from raw ends when all of raw is scored: give --switch batch, and run stream afterwards")
    check_names(sinks)
    require(SPARK, MODELS)
    from livegold.streams.hub import Hub
    from livegold.streams.local import stop_on_signals
    from livegold.streams.rebuild import Rebuild
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
            if warm_up and not stop.is_set():
                from livegold.streams.local import warm_up as first_run

                say("made-up events warm it up")
                first_run(spark, case, settings)
                started = time.monotonic()
            pipeline: Pipeline | Rebuild
            if source == "raw":
                say(f"all of raw of {case.name} is scored again")
                pipeline = Rebuild(spark, case, settings, made)
                if not pipeline.run(stop, keep=old == "keep"):
                    say("cut off: the same command goes on from here; gold is as it was")
            else:
                pipeline = Pipeline(spark, case, settings, made)
                if not stop.is_set():
                    say(f"the queries of {case.name} start, switch {switch}")
                    pipeline.run(switch, stop)
            click.echo(_result(case.name, switch, pipeline.counts, time.monotonic() - started))


def _result(case: str, switch: str, gold: Mapping[str, int], seconds: float) -> str:
    return (
        f"{case} {switch}: {gold['events']:,} events in {seconds:.1f} s: {gold['predictions']:,} scored, "
        f"{gold['quarantined']:,} quarantined, {gold['duplicates']:,} duplicates"
    )
