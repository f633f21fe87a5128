"""The interface of an estimator's implementation, and how it is found. Contains no particular estimator.

An implementation is a class registered as an entry point in the group `livegold.estimators`, under the name that the
use case's estimator gives as its `implementation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pyspark.sql import DataFrame

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.pipeline import feature_columns
from livegold.reporting.plugins import loaded, registered
from livegold.reporting.specification import UseCase
from livegold.reporting.tasks import Task

GROUP = "livegold.estimators"


@dataclass(frozen=True)
class Contribution:
    """How much a feature moved one answer, in the answer's unit; `feature` is its name in the use case."""

    feature: str
    amount: float


class Fitted(Protocol):
    """A fitted model."""

    def score(self, frame: DataFrame) -> DataFrame:
        """`frame`, which has the feature columns, with the task's answer (double) appended as the last column."""
        ...

    def reasons(self, features: Mapping[str, float]) -> tuple[float, tuple[Contribution, ...]]:
        """Why one prediction is what it is: the answer before anything is known about the event, and what each feature
        adds to it; together they sum to the answer. `features` are values by feature name.

        Raises WrongUse if the model cannot be explained.
        """
        ...

    def log(self, name: str, scratch: str | None) -> None:
        """Stores the model in the open MLflow run: through an MLflow flavour that registers it as `name`, or as
        artifacts of the run.

        `scratch` is a place for temporary files, if the registry needs one.
        """
        ...


class Learner(Protocol):
    """Fits and loads the models of one kind of estimator. `features` are column names, in the use case's order."""

    def __init__(self, estimator: Any, task: Task, features: Sequence[str]) -> None: ...

    def fit(self, rows: DataFrame) -> Fitted:
        """Learns from rows with the feature columns and `label` (double), in row order. Raises WrongUse for invalid
        parameters."""
        ...

    @classmethod
    def load(cls, task: Task, features: Sequence[str], model: str, run: str, scratch: str | None) -> Fitted:
        """A model stored by `log`: `model` is its MLflow URI, `run` the id of the run it was stored in."""
        ...


def learner_of(case: UseCase) -> Learner:
    """The learner of a use case's models. Raises WrongUse if its estimator's implementation is not installed."""
    estimator = case.model.estimator
    return implementation(estimator.implementation)(estimator, case.model.task, feature_columns(case))


def implementation(name: str) -> type[Learner]:
    """The implementation registered under a name; WrongUse if there is none."""
    installed = registered(GROUP, "estimator")
    if name not in installed:
        raise WrongUse(
            f"estimator {name!r} has no implementation here ({choices(installed)} are installed): "
            "install the package that brings it"
        )
    found: type[Learner] = loaded(installed[name], "estimator")
    return found
