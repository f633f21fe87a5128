"""`livegold train`: shows the result of a training. Training itself is in reporting/library/training.py."""

from __future__ import annotations

import json
from pathlib import Path

import click

from livegold.reporting.cli.progress import say


@click.command()
@click.argument("usecase")
@click.option(
    "--events", "file", type=click.Path(path_type=Path), help="Learn from this CSV, JSON-lines or Parquet file."
)
@click.option("--from-raw", is_flag=True, help="Learn from the events in raw.")
@click.option("--promote", is_flag=True, help="Make the new model the champion whatever its quality.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write the evaluation to this file, as JSON.")
def train(usecase: str, file: Path | None, from_raw: bool, promote: bool, report: Path | None) -> None:
    """Trains a model, evaluates it on the newest fifth of its history, registers it, and promotes it if it is better.

    Without --events and --from-raw it learns from the history that the use case makes up.
    """
    from livegold.reporting.library import plan_training

    plan = plan_training(usecase, events=file, from_raw=from_raw, promote=promote)
    from livegold.streams.local import spark_session

    say("Spark starts")
    found = plan.start(spark_session(plan.settings), say)
    if report is not None:
        report.write_text(json.dumps(found, indent=1), encoding="utf-8")
    from livegold.reporting.cli.view import console, evaluation

    console().print(evaluation(found, plan.case.task))
