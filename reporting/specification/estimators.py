"""The estimators a use case can name, as frozen data validated on construction. Trains nothing itself.

`implementation` names an estimator's implementation: an entry point in the group `livegold.estimators`. It is loaded
only when a model is trained or applied, so a use case can be read without Spark or scikit-learn installed.

To add one from your own package, write a subclass of `Estimator`, a class that satisfies the `Learner` protocol of
`livegold.streams.models`, and an entry point that maps the name to that class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from livegold.reporting.errors import SpecificationError, choices

Answer = Literal["probability", "number"]
"""What a model outputs for an event: the probability of the positive outcome, or a number."""

CLASSIFIERS = (
    "DecisionTreeClassifier",
    "FMClassifier",
    "GBTClassifier",
    "LogisticRegression",
    "MultilayerPerceptronClassifier",
    "NaiveBayes",
    "RandomForestClassifier",
)
"""Spark ML classifiers that output a probability (LinearSVC does not)."""
REGRESSORS = (
    "DecisionTreeRegressor",
    "FMRegressor",
    "GBTRegressor",
    "GeneralizedLinearRegression",
    "LinearRegression",
    "RandomForestRegressor",
)
"""Spark ML regressors."""
_SCIKIT_LEARN_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.[A-Z][A-Za-z0-9]*")


@dataclass(frozen=True)
class Estimator:
    """Base class of estimators. `parameters` are passed to the algorithm under its own parameter names."""

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    implementation: ClassVar[str]
    """Name of the entry point in the group `livegold.estimators`."""
    in_spark: ClassVar[bool] = False
    """Whether it scores in Spark's own engine, as the switch `realtime` requires; otherwise rows go through Python."""

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The kinds of output it can produce, as far as its name tells."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.algorithm}"


@dataclass(frozen=True, init=False)
class SparkML(Estimator):
    """A Spark ML classifier or regressor by class name: `SparkML("DecisionTreeClassifier", maxDepth=5)`.

    Parameters are checked when it is fitted. If the algorithm is randomised, its seed defaults to 1.
    """

    implementation: ClassVar[str] = "spark_ml"
    in_spark: ClassVar[bool] = True

    def __init__(self, algorithm: str, **parameters: Any) -> None:
        valid = (*CLASSIFIERS, *REGRESSORS)
        if algorithm not in valid:
            raise SpecificationError(f"estimator SparkML: algorithm is {algorithm!r}: give {choices(valid)}")
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "parameters", parameters)

    @property
    def answers(self) -> tuple[Answer, ...]:
        return ("probability",) if self.algorithm in CLASSIFIERS else ("number",)


@dataclass(frozen=True, init=False)
class ScikitLearn(Estimator):
    """A scikit-learn class by its path: `ScikitLearn("ensemble.RandomForestClassifier", n_estimators=50)`.

    Features pass through Python as Arrow, so it works with the switches `batch` and `stream` only. Its random state
    defaults to 1.
    """

    implementation: ClassVar[str] = "scikit_learn"

    def __init__(self, algorithm: str, **parameters: Any) -> None:
        if not _SCIKIT_LEARN_NAME.fullmatch(algorithm):
            raise SpecificationError(
                f"estimator ScikitLearn: algorithm is {algorithm!r}: give the place of a class, "
                "like ensemble.RandomForestClassifier"
            )
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "parameters", parameters)

    @property
    def answers(self) -> tuple[Answer, ...]:
        if self.algorithm.endswith("Classifier"):
            return ("probability",)
        return ("number",) if self.algorithm.endswith("Regressor") else ("probability", "number")
