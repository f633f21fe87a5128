"""Two use cases that differ from taxi_tips by their estimator, and by their task."""

from __future__ import annotations

from dataclasses import replace

from livegold.reporting.measures import ByBucket, Count, Measure, TrailingWindow, mean
from livegold.reporting.specification import ScikitLearn, SparkML, Spotlight, UseCase
from livegold.reporting.tasks import Regression
from livegold.reporting.usecases.taxi_tips import USECASE as TAXI_TIPS

BOOSTED: UseCase = replace(
    TAXI_TIPS,
    name="taxi_boosted",
    model=replace(
        TAXI_TIPS.model, estimator=ScikitLearn("ensemble.HistGradientBoostingClassifier", max_iter=20, max_depth=4)
    ),
)
"""The same question, answered by boosted trees of scikit-learn."""

DOLLARS = Regression(tolerance=1.0, edges=(1, 2, 3, 4, 6, 9), format="$#,0.00")
TIP: UseCase = replace(
    TAXI_TIPS,
    name="taxi_tip_dollars",
    question="How many dollars of tip will this trip leave?",
    model=replace(
        TAXI_TIPS.model,
        task=DOLLARS,
        estimator=SparkML("DecisionTreeRegressor", maxDepth=4, minInstancesPerNode=20),
        outcome="CASE WHEN paid_by_card THEN double(tip) END",
    ),
    measures=(
        Measure("Trips", Count(), format="#,0"),
        Measure("Trips a minute", 6 * Count(), ByBucket(), "#,0"),
        *DOLLARS.measures,
        DOLLARS.measure("MAE", 2),
        DOLLARS.measure("Within tolerance", 2),
        Measure("Mean fare", mean("fare"), TrailingWindow(2), "$0.00"),
    ),
    ratios=(),
    states=(),
    pages=(),
    spotlight=Spotlight(
        severity="CASE WHEN unknown THEN 0 ELSE absolute_error END",
        where="severity >= 3",
        columns=("fare", "tip", "error", "pickup_zone"),
    ),
)
"""The tip itself, in dollars; with the pages that its task gives a use case that declares none."""

VARIANTS = (BOOSTED, TIP)
