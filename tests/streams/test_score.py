"""The SQL of a tree says what the model says."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest
from pyspark.ml import Pipeline
from pyspark.ml.classification import DecisionTreeClassifier, LogisticRegression
from pyspark.ml.feature import VectorAssembler

from livegold.streams.models.score import ExpressionScorer, TransformScorer, scorer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
NAMES = ["feature_a", "feature_b", "feature_c"]


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    rng = random.Random(3)
    made = []
    for _ in range(2_000):
        a, b, c = rng.uniform(-5, 5), float(rng.randrange(4)), rng.gauss(0, 1)
        made.append((a, b, c, float(a * b + c + rng.gauss(0, 2) > 1)))
    return spark.createDataFrame(made, [*NAMES, "label"])


def test_a_tree_as_sql_gives_the_probabilities_of_its_own_transform(rows: DataFrame) -> None:
    tree = DecisionTreeClassifier(maxDepth=6, seed=1)
    model = Pipeline(stages=[VectorAssembler(inputCols=NAMES, outputCol="features"), tree]).fit(rows)
    as_sql = scorer(model, NAMES, "1")
    assert isinstance(as_sql, ExpressionScorer)
    both = as_sql.score(rows).withColumnRenamed("score", "sql").transform(TransformScorer(model, "1").score).collect()
    assert [row.sql for row in both] == [row.score for row in both]
    assert len({row.sql for row in both}) > 10
    of_ones = [row.sql for row in both if row.label == 1.0]
    of_noughts = [row.sql for row in both if row.label == 0.0]
    assert sum(of_ones) / len(of_ones) > 0.7 > 0.3 > sum(of_noughts) / len(of_noughts), "that of the wrong class"


def test_another_classifier_scores_through_its_own_transform(rows: DataFrame) -> None:
    stages = [VectorAssembler(inputCols=NAMES, outputCol="features"), LogisticRegression()]
    model = Pipeline(stages=stages).fit(rows)
    other = scorer(model, NAMES, "2")
    assert isinstance(other, TransformScorer)
    scored = other.score(rows)
    assert scored.columns == [*rows.columns, "score"]
    # The probability that the label is 1, by the formula of the regression and not by Spark.
    regression = model.stages[-1]
    weights = zip(NAMES, regression.coefficients, strict=True)
    weights = [(name, float(weight)) for name, weight in weights]
    found, wanted = [], []
    for row in scored.collect():
        found.append(row.score)
        wanted.append(1 / (1 + math.exp(-regression.intercept - sum(w * row[name] for name, w in weights))))
    assert found == pytest.approx(wanted, abs=1e-9)
    assert min(found) < 0.1
    assert max(found) > 0.9
