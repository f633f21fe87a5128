"""Takes a new model from history to the registry: trains it, compares it with the champion, stores and promotes it.

Both models are evaluated on the same events. How a model is trained is in training.py; results are shown elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from livegold.reporting.errors import WrongUse
from livegold.reporting.lake import Lake
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase
from livegold.streams.models.history import GENERATED_EVENTS, generated_history, history_from_file, history_from_raw
from livegold.streams.models.registry import Registry
from livegold.streams.models.training import Evaluation, evaluate, train, training_rows


@dataclass(frozen=True)
class Verdict:
    """Whether the new model becomes champion, and why."""

    promote: bool
    why: str
    champion: Mapping[str, Any] | None = None


def check_history(case: UseCase, file: Path | None, from_raw: bool) -> None:
    """Raises WrongUse if there is no history to learn from, or more than one."""
    if file is not None and from_raw:
        raise WrongUse("give either a file of events or raw as history, not both")
    if file is None and not from_raw and case.history is None:
        raise WrongUse(f"use case {case.name} has no synthetic history: give a file of events, or train on raw")


def train_candidate(
    spark: SparkSession,
    settings: Settings,
    case: UseCase,
    *,
    file: Path | None = None,
    from_raw: bool = False,
    promote: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Trains on a file, on raw or on synthetic history, stores the model and promotes it if it is better.

    Returns the evaluation as JSON types. `promote` makes the model champion regardless of its quality.
    """
    check_history(case, file, from_raw)
    source, history = _history(spark, settings, case, file, from_raw)
    progress(f"learning from {source}")
    rows = training_rows(case, history)
    model, evaluation = train(case, rows)
    progress("comparing and storing the model")
    registry = Registry(settings)
    verdict = _verdict(registry, case, rows, evaluation, promote)
    parameters = {
        "history": source,
        "task": type(case.model.task).__name__,
        "estimator": str(case.model.estimator),
        **case.model.estimator.parameters,
        **{n: v for n, v in vars(case.model.task).items() if isinstance(v, str | int | float)},
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
        **evaluation.metrics(),
        "champion": verdict.champion,
    }


def _history(
    spark: SparkSession, settings: Settings, case: UseCase, file: Path | None, from_raw: bool
) -> tuple[str, DataFrame]:
    if file is not None:
        return f"file {file.name}", history_from_file(spark, case, file)
    if from_raw:
        return "raw", history_from_raw(spark, case, Lake.of(settings, case.name))
    return f"{GENERATED_EVENTS:,} made-up events", generated_history(spark, case)


def _verdict(registry: Registry, case: UseCase, rows: DataFrame, evaluation: Evaluation, promote: bool) -> Verdict:
    """Compares with the champion on the same newest part, if the champion has the same features."""
    champion = registry.champion(case)
    if champion is None:
        return Verdict(True, "the first model of its use case")
    if promote:
        return Verdict(True, f"--promote: instead of version {champion.version}")
    try:
        present = evaluate(case, registry.load_champion(case).model, rows, evaluation.newest_from)
    except WrongUse:
        return Verdict(
            False,
            f"champion {champion.version} has another task or features and cannot be compared: --promote replaces it",
        )
    described = {"version": champion.version, **present.metrics()}
    task = case.model.task
    compared = (
        f"{task.compared(evaluation.quality)}, champion {champion.version} on the same events "
        f"{task.compared(present.quality)}"
    )
    if task.better(evaluation.quality, present.quality):
        return Verdict(True, f"better: {compared}", described)
    return Verdict(False, f"not better: {compared}", described)
