"""`livegold train`: learns from history, evaluates, registers and promotes. Training itself: streams/models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livegold.reporting.cli.progress import say
from livegold.reporting.cli.requirements import MODELS, SPARK, require
from livegold.reporting.errors import WrongUse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from livegold.reporting.settings import Settings
    from livegold.reporting.specification import UseCase
    from livegold.streams.models import Evaluation, Registry


@dataclass(frozen=True)
class Verdict:
    """Whether the new model becomes champion, and why."""

    promote: bool
    why: str
    champion: Mapping[str, Any] | None = None


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
    if file is not None and from_raw:
        raise WrongUse("--events and --from-raw are two histories: give one of them")
    if file is None and not from_raw and case.history is None:
        raise WrongUse(f"use case {case.name} has no made-up history: give a file with --events, or --from-raw")
    require(SPARK, MODELS)
    if file is not None:
        from livegold.streams.hub import EventFile

        EventFile(file, case)  # a wrong file is said before Spark takes its seconds to start
    settings = load_settings()
    from livegold.streams.local import spark_session

    say("Spark starts")
    found = _train(spark_session(settings), settings, case, file, from_raw, promote)
    if report is not None:
        report.write_text(json.dumps(found, indent=1), encoding="utf-8")
    from livegold.reporting.cli.view import console, evaluation

    console().print(evaluation(found))


def _train(
    spark: SparkSession, settings: Settings, case: UseCase, file: Path | None, from_raw: bool, promote: bool
) -> dict[str, Any]:
    from livegold.streams.models import Registry, training_rows
    from livegold.streams.models import train as fit

    source, history = _history(spark, settings, case, file, from_raw)
    say(f"learning from {source}")
    rows = training_rows(case, history)
    model, evaluation = fit(case, rows)
    say("comparing and storing the model")
    registry = Registry(settings)
    verdict = _verdict(registry, case, rows, evaluation, promote)
    parameters = {
        "history": source,
        "max_depth": case.model.max_depth,
        "threshold": case.model.threshold,
        "use_case_digest": case.digest,
    }
    registered = registry.register(case, model, evaluation.metrics(), parameters)
    if verdict.promote:
        registry.promote(case, registered.version)
    return {
        "use_case": case.name,
        "version": registered.version,
        "promoted": verdict.promote,
        "why": verdict.why,
        "history": source,
        "positive": case.model.positive,
        "negative": case.model.negative,
        **evaluation.metrics(),
        "champion": verdict.champion,
    }


def _history(
    spark: SparkSession, settings: Settings, case: UseCase, file: Path | None, from_raw: bool
) -> tuple[str, DataFrame]:
    from livegold.reporting.lake import Lake
    from livegold.streams.models import GENERATED_EVENTS, generated_history, history_from_file, history_from_raw

    if file is not None:
        return f"file {file.name}", history_from_file(spark, case, file)
    if from_raw:
        return "raw", history_from_raw(spark, case, Lake.of(settings, case.name))
    return f"{GENERATED_EVENTS:,} made-up events", generated_history(spark, case)


def _verdict(registry: Registry, case: UseCase, rows: DataFrame, evaluation: Evaluation, promote: bool) -> Verdict:
    """Compares with the champion on the same newest part, where the champion has the same features."""
    from livegold.streams.models import evaluate

    champion = registry.champion(case)
    if champion is None:
        return Verdict(True, "the first model of its use case")
    if promote:
        return Verdict(True, f"--promote: instead of version {champion.version}")
    try:
        present = evaluate(case, registry.load_champion(case), rows, evaluation.newest_from)
    except WrongUse:
        return Verdict(
            False, f"champion {champion.version} has other features and cannot be compared: --promote replaces it"
        )
    described = {"version": champion.version, **present.metrics()}
    compared = (
        f"accuracy {evaluation.accuracy:.2%}, champion {champion.version} on the same events {present.accuracy:.2%}"
    )
    if evaluation.accuracy > present.accuracy:
        return Verdict(True, f"better: {compared}", described)
    return Verdict(False, f"not better: {compared}", described)
