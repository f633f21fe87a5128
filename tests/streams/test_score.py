"""A model says in SQL what it says itself, and every estimator that can be named learns and scores."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyspark.sql import functions as F

from livegold.reporting.errors import WrongUse
from livegold.reporting.specification import ScikitLearn, SparkML
from livegold.reporting.specification.estimators import CLASSIFIERS, REGRESSORS, Estimator
from livegold.reporting.tasks import Binary, Regression, Task
from livegold.streams.models.estimators import Fitted, implementation
from livegold.streams.models.estimators.spark_ml import TransformedModel, TreeModel

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
NAMES = ["feature_a", "feature_b", "feature_c"]
BINARY, REGRESSION = Binary("yes", "no"), Regression(tolerance=1.0, edges=(0.0, 5.0))
GIVEN: dict[str, dict[str, Any]] = {
    "MultilayerPerceptronClassifier": {"layers": [3, 2, 2], "maxIter": 5},
    **{f"GBT{kind}": {"maxIter": 3} for kind in ("Classifier", "Regressor")},
    # With steps of its default size it has learnt nothing after as many as this.
    **{f"FM{kind}": {"maxIter": 60, "stepSize": 0.1} for kind in ("Classifier", "Regressor")},
}
"""Parameters that a class has no default for, or that make it quick."""


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    rng = random.Random(3)
    made = []
    for _ in range(600):
        a, b, c = rng.uniform(0, 5), float(rng.randrange(4)), rng.gauss(5, 1)
        made.append((a, b, c, a * b + c + rng.gauss(0, 2)))
    return spark.createDataFrame(made, [*NAMES, "amount"]).persist()


def labelled(rows: DataFrame, task: Task) -> DataFrame:
    return rows.selectExpr(*NAMES, "double(amount > 12) AS label" if task is BINARY else "amount AS label")


def fitted(estimator: Estimator, task: Task, rows: DataFrame) -> Fitted:
    return implementation(estimator.implementation)(estimator, task, NAMES).fit(labelled(rows, task))


def answers(model: Fitted, task: Task, rows: DataFrame) -> list[float]:
    scored = model.score(rows)
    assert scored.columns == [*rows.columns, task.answer]
    return [row[0] for row in scored.select(task.answer).collect()]


def assert_of_the_right_class(found: Sequence[float], task: Task, rows: DataFrame) -> None:
    """The answers rise with what came: those of the other class would fall with it."""
    labels = [row.label for row in labelled(rows, task).select("label").collect()]
    assert np.corrcoef(found, labels)[0, 1] > 0.3, "that of the wrong class"


@pytest.mark.parametrize(("task", "kind"), [(BINARY, "Classifier"), (REGRESSION, "Regressor")])
def test_a_tree_as_sql_gives_the_answers_of_its_own_transform(rows: DataFrame, task: Task, kind: str) -> None:
    model = fitted(SparkML(f"DecisionTree{kind}", maxDepth=5), task, rows)
    assert isinstance(model, TreeModel)
    assert model._model is not None
    found = answers(model, task, rows)
    assert found == answers(TransformedModel(model._model, task), task, rows)
    assert len(set(found)) > 10
    assert_of_the_right_class(found, task, rows)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_every_algorithm_of_spark_ml_that_can_be_named_learns_and_scores(rows: DataFrame, name: str) -> None:
    task: Task = BINARY if name in CLASSIFIERS else REGRESSION
    estimator = SparkML(name, **GIVEN.get(name, {}))
    assert estimator.in_spark
    found = answers(fitted(estimator, task, rows), task, rows)
    assert len(set(found)) > 1
    assert_of_the_right_class(found, task, rows)
    if task is BINARY:
        assert all(0 <= p <= 1 for p in found)


def test_a_logistic_regression_scores_by_its_own_formula(rows: DataFrame) -> None:
    model = fitted(SparkML("LogisticRegression"), BINARY, rows)
    assert isinstance(model, TransformedModel)
    regression = model.model.stages[-1]
    weights = [(name, float(weight)) for name, weight in zip(NAMES, regression.coefficients, strict=True)]
    wanted = [
        1 / (1 + math.exp(-regression.intercept - sum(w * row[name] for name, w in weights))) for row in rows.collect()
    ]
    found = answers(model, BINARY, rows)
    assert found == pytest.approx(wanted, abs=1e-9)
    assert min(found) < 0.1
    assert max(found) > 0.9


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (ScikitLearn("ensemble.RandomForestClassifier", n_estimators=10), BINARY),
        (ScikitLearn("linear_model.LogisticRegression", max_iter=500), BINARY),
        (ScikitLearn("ensemble.HistGradientBoostingRegressor", max_iter=10), REGRESSION),
        (ScikitLearn("linear_model.Ridge"), REGRESSION),
    ],
    ids=str,
)
def test_scikit_learn_scores_in_spark_as_it_does_itself(rows: DataFrame, estimator: Estimator, task: Task) -> None:
    model = fitted(estimator, task, rows)
    inputs = rows.select(*NAMES).toPandas().to_numpy()
    own = model.model.predict_proba(inputs)[:, 1] if task is BINARY else model.model.predict(inputs)  # type: ignore[attr-defined]
    assert answers(model, task, rows) == pytest.approx(list(own), abs=1e-12)
    assert len(set(own)) > 10


@pytest.mark.parametrize(
    "estimator",
    [
        SparkML("DecisionTreeClassifier"),
        SparkML("LogisticRegression"),
        ScikitLearn("linear_model.LogisticRegression", max_iter=500),
        ScikitLearn("ensemble.RandomForestClassifier", n_estimators=2),
    ],
    ids=str,
)
def test_a_feature_that_is_no_number_ends_no_batch_and_fields_may_have_any_name(
    rows: DataFrame, estimator: Estimator
) -> None:
    model = fitted(estimator, BINARY, rows)
    few = rows.limit(3).selectExpr(*NAMES, "'mine' AS prediction", "1 AS features", "2 AS probability")
    beside = few.unionByName(few.withColumns({"feature_a": F.lit(float("nan")), "feature_b": F.lit(float("inf"))}))
    said = answers(model, BINARY, beside)
    assert len(said) == 6
    assert said[:3] == answers(model, BINARY, few)


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (SparkML("DecisionTreeClassifier"), BINARY),
        (SparkML("DecisionTreeRegressor"), REGRESSION),
        (ScikitLearn("tree.DecisionTreeClassifier", max_depth=4), BINARY),
        (ScikitLearn("tree.DecisionTreeRegressor", max_depth=4), REGRESSION),
    ],
    ids=str,
)
def test_the_reasons_of_a_tree_add_up_to_its_answer(rows: DataFrame, estimator: Estimator, task: Task) -> None:
    model = fitted(estimator, task, rows)
    few = rows.limit(50).collect()
    said = answers(model, task, rows.limit(50))
    named = set()
    for row, answer in zip(few, said, strict=True):
        start, reasons = model.reasons({n: row[f"feature_{n}"] for n in ("a", "b", "c")})
        assert start + sum(r.amount for r in reasons) == pytest.approx(answer, abs=1e-9)
        assert [abs(r.amount) for r in reasons] == sorted((abs(r.amount) for r in reasons), reverse=True)
        named |= {r.feature for r in reasons}
    assert {"a", "b"} <= named <= {"a", "b", "c"}


@pytest.mark.parametrize(
    "estimator",
    [SparkML("LogisticRegression"), ScikitLearn("ensemble.RandomForestClassifier", n_estimators=2)],
    ids=str,
)
def test_a_model_that_cannot_be_explained_says_so(rows: DataFrame, estimator: Estimator) -> None:
    with pytest.raises(WrongUse, match="cannot explain single predictions: use a decision tree"):
        fitted(estimator, BINARY, rows).reasons({"a": 1.0, "b": 1.0, "c": 1.0})


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (SparkML("DecisionTreeClassifier", depth=5), "parameter is 'depth': give cacheNodeIds"),
        (SparkML("DecisionTreeClassifier", maxDepth="deep"), "maxDepth is 'deep'"),
        (ScikitLearn("tree.DecisionTreeClassifier", depth=5), "parameter is 'depth': give ccp_alpha"),
        (ScikitLearn("tree.DecisionTreeClassifier", max_depth="deep"), "cannot learn from this history"),
        (ScikitLearn("tree.Oak"), "scikit-learn has no tree.Oak"),
        (ScikitLearn("svm.LinearSVC"), "it has no predict_proba, which task Binary needs"),
    ],
    ids=str,
)
def test_what_an_estimator_does_not_know_is_refused(rows: DataFrame, estimator: Estimator, said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        fitted(estimator, BINARY, rows)


def test_an_estimator_that_nobody_has_installed_is_refused_with_those_that_are() -> None:
    with pytest.raises(WrongUse, match=r"'oracle' has no implementation here \(scikit_learn or spark_ml are installed"):
        implementation("oracle")
