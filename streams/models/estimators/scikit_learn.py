"""scikit-learn: any of its classifiers with probabilities, and its regressors. An optional extra of the installation.

It learns on the driver, from the whole history at once. It scores in Python, one Arrow batch of features at a time.
Only a single decision tree can be explained.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.specification import ScikitLearn
from livegold.reporting.tasks import Task
from livegold.streams.models.estimators.learner import Contribution, Fitted
from livegold.streams.models.estimators.tree import Tree, TreeNode

LARGEST = 1e38
"""Features are clipped to this magnitude, because many estimators read them in single precision."""


class ScikitLearnLearner:
    """Fits an estimator on the feature columns, in the order of the use case."""

    def __init__(self, estimator: ScikitLearn, task: Task, features: Sequence[str]) -> None:
        self._estimator, self._task, self._features = estimator, task, list(features)

    def fit(self, rows: DataFrame) -> Fitted:
        """Raises WrongUse if scikit-learn is missing, has no such class, or rejects a parameter or a value."""
        made = self._made()
        table = rows.select(*self._features, "label").toArrow()
        label = table.column("label").to_numpy()
        if self._task.answers == "probability":
            label = label > 0.5
        try:
            made.fit(_matrix(table.column(n) for n in self._features), label)
        except (TypeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise WrongUse(f"estimator {self._estimator} cannot learn from this history: {said}") from error
        return ScikitLearnModel(made, self._task, self._features)

    @classmethod
    def load(cls, task: Task, features: Sequence[str], model: str, run: str, scratch: str | None) -> Fitted:
        _require_scikit_learn()
        import mlflow.sklearn

        return ScikitLearnModel(mlflow.sklearn.load_model(model), task, features)

    def _made(self) -> Any:
        _require_scikit_learn()
        place, _, name = self._estimator.algorithm.rpartition(".")
        try:
            kind = getattr(importlib.import_module(f"sklearn.{place}"), name)
        except (ImportError, AttributeError) as error:
            raise WrongUse(f"estimator {self._estimator}: scikit-learn has no {self._estimator.algorithm}") from error
        method = "predict_proba" if self._task.answers == "probability" else "predict"
        if not hasattr(kind, "fit") or not hasattr(kind, method):
            task = type(self._task).__name__
            raise WrongUse(f"estimator {self._estimator}: it has no {method}, which task {task} needs")
        valid = kind().get_params()
        unknown = [p for p in self._estimator.parameters if p not in valid]
        if unknown:
            raise WrongUse(f"estimator {self._estimator}: parameter is {unknown[0]!r}: give {choices(sorted(valid))}")
        # So that the same history gives the same model.
        own = {"random_state": 1} if "random_state" in valid else {}
        return kind(**own | dict(self._estimator.parameters))


class ScikitLearnModel:
    """A fitted estimator."""

    def __init__(self, model: Any, task: Task, features: Sequence[str]) -> None:
        self.model, self._task, self._features = model, task, list(features)

    def score(self, frame: DataFrame) -> DataFrame:
        model, probable, largest = self.model, self._task.answers == "probability", LARGEST

        # A local function that captures nothing from livegold: workers need only scikit-learn.
        def answers(*columns: pa.Array) -> pa.Array:
            inputs = np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])
            if not len(inputs):
                return pa.array([], pa.float64())
            # An invalid event may have features that are not numbers; it must not fail the batch it is in.
            inputs = np.clip(np.nan_to_num(inputs), -largest, largest)
            found = model.predict_proba(inputs)[:, 1] if probable else model.predict(inputs)
            return pa.array(found, pa.float64())

        # The function's type hints determine the kind of UDF, which the type stubs of `arrow_udf` do not cover.
        scored = F.arrow_udf(answers, "double")(*self._features)  # type: ignore[call-overload]
        return frame.withColumn(self._task.answer, scored)

    def reasons(self, features: Mapping[str, float]) -> tuple[float, tuple[Contribution, ...]]:
        from sklearn.tree import BaseDecisionTree

        if not isinstance(self.model, BaseDecisionTree):
            raise WrongUse(f"a {type(self.model).__name__} cannot explain single predictions: use a decision tree")
        # Like scikit-learn itself, which compares in single precision.
        single = {name: float(np.float32(value)) for name, value in features.items()}
        return _tree(self.model, self._features).reasons(single)

    def log(self, name: str, scratch: str | None) -> None:
        import mlflow.sklearn

        mlflow.sklearn.log_model(
            self.model,
            name="model",
            pip_requirements=["scikit-learn"],
            registered_model_name=name,
            serialization_format="cloudpickle",
        )


def _require_scikit_learn() -> None:
    if importlib.util.find_spec("sklearn") is None:
        raise WrongUse("scikit-learn is not installed: run `pip install 'livegold[scikit-learn]'`")


def _matrix(columns: Any) -> Any:
    return np.clip(np.column_stack([column.to_numpy() for column in columns]), -LARGEST, LARGEST)


def _tree(model: Any, features: list[str]) -> Tree:
    tree = model.tree_

    def read(node: int) -> TreeNode:
        values = tree.value[node][0]
        value = float(values[1] / values.sum()) if len(values) > 1 else float(values[0])
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            return TreeNode(value)
        column, split = features[int(tree.feature[node])], float(tree.threshold[node])
        return TreeNode(value, column, split, read(left), read(right))

    return Tree(read(0))
