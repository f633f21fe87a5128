"""Spark ML: any of its classifiers and regressors, by class name.

A decision tree becomes one SQL expression, which gives the same numbers as the model's own `transform` in less time,
works wherever Spark SQL runs, and can be explained. Any other model is applied through `transform`.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import DecisionTreeClassificationModel
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.ml.regression import DecisionTreeRegressionModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.specification import SparkML
from livegold.reporting.tasks import Task
from livegold.streams.models.estimators.learner import Contribution, Fitted
from livegold.streams.models.estimators.tree import Tree, TreeNode

TREE = "tree.json"
"""Artifact of a run with the model as a tree, if it is one: it loads in one second instead of eight."""
_OWN = {
    "featuresCol": "livegold_features",
    "predictionCol": "livegold_prediction",
    "probabilityCol": "livegold_probability",
    "rawPredictionCol": "livegold_raw",
}
"""Names of the columns a pipeline adds; an event may have fields with the default names."""


class SparkMLLearner:
    """Fits a pipeline of an assembler and the estimator."""

    def __init__(self, estimator: SparkML, task: Task, features: Sequence[str]) -> None:
        self._estimator, self._task, self._features = estimator, task, list(features)

    def fit(self, rows: DataFrame) -> Fitted:
        """Raises WrongUse for a parameter that the class does not have, or a value that it rejects."""
        # An invalid event may have features that are not numbers; whatever its score, it must not fail the batch.
        assembler = VectorAssembler(inputCols=self._features, outputCol=_OWN["featuresCol"], handleInvalid="keep")
        model = Pipeline(stages=[assembler, self._made()]).fit(rows.coalesce(1))
        tree = _tree(model, self._features)
        return TransformedModel(model, self._task) if tree is None else TreeModel(tree, self._task, model)

    @classmethod
    def load(cls, task: Task, features: Sequence[str], model: str, run: str, scratch: str | None) -> Fitted:
        from mlflow import MlflowClient

        client = MlflowClient()
        if any(artifact.path == TREE for artifact in client.list_artifacts(run)):
            with tempfile.TemporaryDirectory() as folder:
                text = Path(client.download_artifacts(run, TREE, folder)).read_text(encoding="utf-8")
            return TreeModel(Tree.from_json(text), task)
        import mlflow.spark

        return TransformedModel(mlflow.spark.load_model(model, dfs_tmpdir=scratch), task)

    def _made(self) -> Any:
        name = self._estimator.algorithm
        kind = "classification" if self._task.answers == "probability" else "regression"
        made = getattr(importlib.import_module(f"pyspark.ml.{kind}"), name)()
        valid = {param.name for param in made.params}
        unknown = [p for p in self._estimator.parameters if p not in valid]
        if unknown:
            raise WrongUse(f"estimator {self._estimator}: parameter is {unknown[0]!r}: give {choices(sorted(valid))}")
        # So that the same history gives the same model.
        own = ({"seed": 1} if "seed" in valid else {}) | dict(self._estimator.parameters)
        own |= {parameter: column for parameter, column in _OWN.items() if parameter in valid}
        for parameter, value in own.items():
            try:
                made.set(made.getParam(parameter), value)
            except (TypeError, ValueError) as error:
                raise WrongUse(f"estimator {self._estimator}: {parameter} is {value!r}: {error}") from error
        return made


class TransformedModel:
    """Any Spark ML model, through its own `transform`."""

    def __init__(self, model: PipelineModel, task: Task) -> None:
        self.model, self._task = model, task

    def score(self, frame: DataFrame) -> DataFrame:
        own, answer = frame.columns, self._task.answer
        scored = self.model.transform(frame)
        probable = self._task.answers == "probability"
        column = vector_to_array(F.col(_OWN["probabilityCol"]))[1] if probable else F.col(_OWN["predictionCol"])
        return scored.select(*[F.col(c) for c in own], column.alias(answer))

    def reasons(self, features: Mapping[str, float]) -> tuple[float, tuple[Contribution, ...]]:
        kind = type(self.model.stages[-1]).__name__
        raise WrongUse(f"a {kind} cannot explain single predictions: use a decision tree")

    def log(self, name: str, scratch: str | None) -> None:
        _log(self.model, name, scratch)


class TreeModel:
    """A decision tree, applied as SQL. `model` is the pipeline it was made from, or None if it was loaded."""

    def __init__(self, tree: Tree, task: Task, model: PipelineModel | None = None) -> None:
        self.tree, self._task, self._model = tree, task, model

    def score(self, frame: DataFrame) -> DataFrame:
        return frame.withColumn(self._task.answer, F.expr(self.tree.sql()))

    def reasons(self, features: Mapping[str, float]) -> tuple[float, tuple[Contribution, ...]]:
        return self.tree.reasons(features)

    def log(self, name: str, scratch: str | None) -> None:
        import mlflow

        if self._model is None:
            raise WrongUse(f"a model that was loaded cannot be stored again as {name}: train one")
        _log(self._model, name, scratch)
        mlflow.log_text(self.tree.to_json(), TREE)


def _log(model: PipelineModel, name: str, scratch: str | None) -> None:
    import mlflow.spark

    # Naming the requirements saves MLflow a minute of inferring them by loading the model elsewhere.
    mlflow.spark.log_model(
        model, artifact_path="model", pip_requirements=["pyspark"], registered_model_name=name, dfs_tmpdir=scratch
    )


def _tree(model: PipelineModel, features: list[str]) -> Tree | None:
    """A fitted pipeline of assembler and decision tree as data; None for any other pipeline."""
    last = model.stages[-1]
    if not isinstance(last, DecisionTreeClassificationModel | DecisionTreeRegressionModel):
        return None
    classifies = isinstance(last, DecisionTreeClassificationModel)

    def read(node: Any) -> TreeNode:
        value = float(node.prediction())
        if classifies:
            counts = list(node.impurityStats().stats())
            value = counts[1] / sum(counts) if len(counts) > 1 else 0.0
        if node.subtreeDepth() == 0:
            return TreeNode(value)
        split = node.split()
        column, threshold = features[split.featureIndex()], split.threshold()
        return TreeNode(value, column, threshold, read(node.leftChild()), read(node.rightChild()))

    return Tree(read(last._call_java("rootNode")))
