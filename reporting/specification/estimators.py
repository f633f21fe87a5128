"""What learns and scores, as a use case names it: frozen data, validated when it is built. Learns nothing itself.

The implementation of an estimator is found by `implementation`, an entry point of the group `livegold.estimators`; it
is loaded when a model is trained or applied, so that a use case needs neither Spark nor scikit-learn to be read.

To add one from a package of your own: a subclass of `Estimator` here described, a class that has what `Learner` of
`livegold.streams.models` asks for, and an entry point that leads from the name to that class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from livegold.reporting.errors import SpecificationError, choices

Answer = Literal["probability", "number"]
"""What a model answers for an event: the probability of the positive outcome, or a number."""

CLASSIFIERS = (
    "DecisionTreeClassifier",
    "FMClassifier",
    "GBTClassifier",
    "LogisticRegression",
    "MultilayerPerceptronClassifier",
    "NaiveBayes",
    "RandomForestClassifier",
)
"""Classifiers of Spark ML that give a probability (LinearSVC gives none)."""
REGRESSORS = (
    "DecisionTreeRegressor",
    "FMRegressor",
    "GBTRegressor",
    "GeneralizedLinearRegression",
    "LinearRegression",
    "RandomForestRegressor",
)
"""Regressors of Spark ML."""
_SCIKIT_LEARN_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.[A-Z][A-Za-z0-9]*")


@dataclass(frozen=True)
class Estimator:
    """Base of what a use case can name. `parameters` are those of the algorithm, by its own names for them."""

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    implementation: ClassVar[str]
    """Name of the entry point, in the group `livegold.estimators`."""
    in_spark: ClassVar[bool] = False
    """Whether it scores in Spark's own engine, as the switch `realtime` needs; otherwise rows pass through Python."""

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What it can answer, as far as can be told from its name."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.algorithm}"


@dataclass(frozen=True, init=False)
class SparkML(Estimator):
    """A classifier or regressor of Spark ML by the name of its class: `SparkML("DecisionTreeClassifier", maxDepth=5)`.

    Parameters are checked when it is fitted. Where it draws at random its seed is 1 unless another is given.
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
    """A class of scikit-learn by its place in it: `ScikitLearn("ensemble.RandomForestClassifier", n_estimators=50)`.

    Features pass through Python as Arrow, so it is for the switches `batch` and `stream`. Its random state is 1 unless
    another is given.
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
