"""A champion model applied inside Spark SQL. Not for training or for finding the champion.

A Spark ML decision tree becomes one SQL expression, nested CASEs with the splits and the shares of its leaves: the same
numbers as the model's own `transform` for less of its time, wherever Spark SQL runs. Any other Spark ML classifier is
applied through `transform`.
"""

from __future__ import annotations

from typing import Any, Protocol

from pyspark.ml import PipelineModel
from pyspark.ml.classification import DecisionTreeClassificationModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from livegold.reporting.pipeline import labelled_columns
from livegold.reporting.schema import SCORE
from livegold.reporting.specification import UseCase
from livegold.streams.plan import with_steps


class Scorer(Protocol):
    """Adds `score` (double, probability of the positive outcome) from the feature columns."""

    version: str

    def score(self, frame: DataFrame) -> DataFrame: ...


class ExpressionScorer:
    """A model as a SQL expression over feature columns, as `expression_of` makes it of a decision tree."""

    def __init__(self, expression: str, version: str) -> None:
        self.version = version
        self.expression = expression

    def score(self, frame: DataFrame) -> DataFrame:
        return frame.withColumn(SCORE, F.expr(self.expression))


class TransformScorer:
    """Any Spark ML model with a `probability` column, through its own `transform`."""

    def __init__(self, model: PipelineModel, version: str) -> None:
        self.version = version
        self.model = model

    def score(self, frame: DataFrame) -> DataFrame:
        own = set(frame.columns)
        scored = self.model.transform(frame).withColumn(SCORE, vector_to_array(F.col("probability"))[1])
        return scored.select(*[c for c in scored.columns if c in own], SCORE)


def expression_of(model: PipelineModel, features: list[str]) -> str | None:
    """A fitted pipeline of assembler and decision tree as SQL over the columns `features`; None for any other."""
    last = model.stages[-1]
    if isinstance(last, DecisionTreeClassificationModel) and len(model.stages) == 2:
        return _case(last._call_java("rootNode"), features)
    return None


def scorer(model: PipelineModel, features: list[str], version: str) -> Scorer:
    """The quickest scorer for a fitted pipeline whose inputs are the columns `features`, in the assembler's order."""
    expression = expression_of(model, features)
    return TransformScorer(model, version) if expression is None else ExpressionScorer(expression, version)


def _case(node: Any, features: list[str]) -> str:
    if node.subtreeDepth() == 0:
        counts = list(node.impurityStats().stats())
        share = counts[1] / sum(counts) if len(counts) > 1 else 0.0
        return f"{share!r}D"
    split = node.split()
    condition = f"`{features[split.featureIndex()]}` <= {split.threshold()!r}D"
    left, right = _case(node.leftChild(), features), _case(node.rightChild(), features)
    return f"CASE WHEN {condition} THEN {left} ELSE {right} END"


def labelled(case: UseCase, frame: DataFrame) -> DataFrame:
    """`frame` (with `score`, event columns, event_time, arrival) and the columns SCORED of the specification.

    The outcome stands beside the prediction where it is known, and each cell of the confusion matrix is a boolean.
    """
    return with_steps(frame, labelled_columns(case))
