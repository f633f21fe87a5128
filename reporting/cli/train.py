"""`livegold train`: learns from history, evaluates, registers and promotes. Training itself: streams/models."""

from __future__ import annotations

import json
from pathlib import Path

import click

from livegold.reporting.cli.progress import say
from livegold.reporting.cli.requirements import MODELS, SPARK, require


@click.command()
@click.argument("usecase")
@click.option(
    "--events", "file", type=click.Path(path_type=Path), help="Learn from this CSV, JSON-lines or Parquet file."
)
@click.option("--from-raw", is_flag=True, help="Learn from the events of raw.")
@click.option("--promote", is_flag=True, help="Make the new model champion whatever its quality.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write the evaluation to this file, as JSON.")
def train(usecase: str, file: Path | None, from_raw: bool, promote: bool, report: Path | None) -> None:
    """Trains a model, evaluates it on the newest fifth of its history, registers it, promotes it if it is better.

    Without --events and --from-raw a shipped use case learns from made-up history.
    """
    from livegold.reporting.settings import load as load_settings
    from livegold.reporting.specification import load_use_case

    case = load_use_case(usecase)
    require(SPARK, MODELS)
    from livegold.streams.models import check_history, train_candidate

    check_history(case, file, from_raw)
    if file is not None:
        from livegold.streams.hub import EventFile

        EventFile(file, case)  # a wrong file is said before Spark takes its seconds to start
    settings = load_settings()
    from livegold.streams.local import spark_session

    say("Spark starts")
    spark = spark_session(settings)
    found = train_candidate(spark, settings, case, file=file, from_raw=from_raw, promote=promote, progress=say)
    if report is not None:
        report.write_text(json.dumps(found, indent=1), encoding="utf-8")
    from livegold.reporting.cli.view import console, evaluation

    console().print(evaluation(found, case.model.task))
