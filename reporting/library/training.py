"""Training for a use case, from whatever history it is given. Training itself is streams/models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livegold.reporting.library.cases import Case, load
from livegold.reporting.library.cases import settings as settings_in_force
from livegold.reporting.library.requirements import MODELS, SPARK, require
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def train(
    case: Case,
    *,
    events: str | Path | None = None,
    from_raw: bool = False,
    promote: bool = False,
    spark: SparkSession | None = None,
    settings: Settings | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """Trains a model, evaluates it on the newest fifth of its history, registers it, promotes it if it is better.

    History is a file of `events`, raw, or else what the use case makes up. Returns the evaluation as JSON types, with
    `version`, `promoted` and `why`. `promote` makes the model champion whatever its quality. `spark` is as for `run`.
    Raises WrongUse for a history that is not there, is too little or one-sided.
    """
    plan = plan_training(case, events=events, from_raw=from_raw, promote=promote, settings=settings)
    from livegold.streams.local import spark_session

    return plan.start(spark_session(plan.settings, given=spark), progress)


def plan_training(
    case: Case,
    *,
    events: str | Path | None = None,
    from_raw: bool = False,
    promote: bool = False,
    settings: Settings | None = None,
) -> Training:
    """What is to be learnt from, checked without Spark, which takes its seconds to start."""
    case = load(case)
    require(SPARK, MODELS)
    from livegold.streams.hub import EventFile
    from livegold.streams.models import check_history

    file = None if events is None else Path(events)
    check_history(case, file, from_raw)
    if file is not None:
        EventFile(file, case)
    return Training(case, file, from_raw, promote, settings or settings_in_force())


@dataclass(frozen=True)
class Training:
    """A training that may start."""

    case: UseCase
    file: Path | None
    from_raw: bool
    promote: bool
    settings: Settings

    def start(self, spark: SparkSession, progress: Callable[[str], None] = lambda what: None) -> dict[str, Any]:
        """Trains, and returns when the model is stored: see `train`."""
        from livegold.streams.models import train_candidate

        return train_candidate(
            spark,
            self.settings,
            self.case,
            file=self.file,
            from_raw=self.from_raw,
            promote=self.promote,
            progress=progress,
        )
