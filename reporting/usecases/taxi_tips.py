"""taxi_tips: will this New York taxi trip leave a generous tip? Declared here, run by `livegold demo taxi_tips`.

Tips are recorded for card payments only, so the outcome of any other trip is unknown: it is scored, but neither trained
on nor counted in the model's quality. No feature may depend on the tip, hence not on `total`, which includes it.
"""

from __future__ import annotations

from livegold.reporting.blocks import (
    Chart,
    CutOffSlider,
    Exceptions,
    Header,
    Ranking,
    Slicer,
    Tile,
    TimeRange,
    Trend,
)
from livegold.reporting.measures import ByBucket, Count, CountIf, Measure, Rejected, Sum, TrailingWindow, mean, sqrt
from livegold.reporting.semantic import Ratio
from livegold.reporting.specification import (
    Check,
    Derived,
    Dimension,
    Feature,
    Field,
    Model,
    Page,
    Row,
    SparkML,
    Spotlight,
    State,
    UseCase,
)
from livegold.reporting.tasks import AtCutOff, Binary
from livegold.reporting.usecases import taxi_events, tlc

MONEY = "decimal(10,2)"
BOROUGHS = ("Manhattan", "Queens", "Brooklyn", "Bronx", "Staten Island", "EWR")
GENEROUS_SHARE = "0.25"

ALL_EVENTS = Count() + Rejected()
# A driver prefers a trip that is predicted to be generous: this earns 3 dollars if it is generous, and loses 2 if not.
EARNED = 3 * Binary.TP - 2 * Binary.FP
EARNED_WITHOUT = 3 * (Binary.TP + Binary.FN) - 2 * (Binary.FP + Binary.TN)
TASK = Binary(
    positive="generous",
    negative="not generous",
    threshold=0.5,
    cut_offs=(
        AtCutOff(
            "Precision at cut-off", Binary.PRECISION, description="generous, of those that would be called generous"
        ),
        AtCutOff("Recall at cut-off", Binary.RECALL, description="would be called generous, of those that were"),
        AtCutOff("Accuracy at cut-off", Binary.ACCURACY),
        AtCutOff("Earned at cut-off", EARNED, "$#,0"),
    ),
)

USECASE = UseCase(
    name="taxi_tips",
    question="Will this trip leave a generous tip (25% of the fare or more)?",
    description="New York taxi trips as they end, with the model's word on the tip to come",
    entity="trip",
    time_zone="America/New_York",
    event_id="trip_id",
    event_time="dropoff",
    earliest="2009-01-01",
    fields=(
        Field("trip_id", "string", required=True, description="key of the trip"),
        Field(
            "pickup",
            "timestamp",
            required=True,
            description="the meter was switched on",
            aliases=("tpep_pickup_datetime", "lpep_pickup_datetime"),
        ),
        Field(
            "dropoff",
            "timestamp",
            required=True,
            description="the meter was switched off",
            aliases=("tpep_dropoff_datetime", "lpep_dropoff_datetime"),
        ),
        Field("passengers", "int", description="as the driver entered it", aliases=("passenger_count",)),
        Field("distance", "double", required=True, description="miles", aliases=("trip_distance",)),
        Field("fare", MONEY, required=True, description="US dollars on the meter", aliases=("fare_amount",)),
        Field("tip", MONEY, description="US dollars; recorded for card payments", aliases=("tip_amount",)),
        Field("tolls", MONEY, description="US dollars", aliases=("tolls_amount",)),
        Field("total", MONEY, description="US dollars, the tip included", aliases=("total_amount",)),
        Field("color", "string", description="yellow or green"),
        Field("payment", "string", description="how it was paid", aliases=("payment_type",), codes=tlc.PAYMENT_TYPES),
        Field("pickup_zone", "string", description="taxi zone"),
        Field("dropoff_zone", "string", description="taxi zone"),
        Field("pickup_borough", "string", description="borough of the pickup"),
        Field("dropoff_borough", "string", description="borough of the dropoff"),
    ),
    derived=(
        Derived(
            "minutes",
            "double",
            "(unix_micros(dropoff) - unix_micros(pickup)) / 60000000D",
            "length of the trip in minutes",
        ),
        Derived(
            "pickup_local", "timestamp", "from_utc_timestamp(pickup, 'America/New_York')", "pickup by the local clock"
        ),
        Derived(
            "paid_by_card", "boolean", "coalesce(lower(trim(payment)) = 'credit card', false)", "the tip is recorded"
        ),
    ),
    checks=(
        Check("dropoff_after_pickup", "dropoff >= pickup", "dropoff is before pickup"),
        Check("at_most_a_day", "minutes <= 1440", "trip is longer than a day"),
        Check("distance_above_zero", "distance > 0", "distance is not above 0"),
        Check("distance_in_reach", "distance <= 500", "distance is above 500 miles"),
        Check("fare_above_zero", "fare > 0", "fare is not above 0"),
        Check("fare_plausible", "fare <= 5000", "fare is above 5000 dollars"),
        Check("tip_not_negative", "tip >= 0", "tip is negative"),
        Check("tolls_not_negative", "tolls >= 0", "tolls are negative"),
        Check("passengers_plausible", "passengers BETWEEN 0 AND 20", "passengers are not 0 to 20"),
        Check("pickup_not_absurd", "pickup >= DATE'2009-01-01'", "pickup is before 2009"),
    ),
    model=Model(
        task=TASK,
        estimator=SparkML("DecisionTreeClassifier", maxDepth=5, minInstancesPerNode=20),
        features=(
            Feature("distance", "distance"),
            Feature("minutes", "minutes"),
            Feature("fare", "double(fare)"),
            Feature("tolls", "double(coalesce(tolls, 0))"),
            Feature("hour", "double(hour(pickup_local))"),
            Feature("weekday", "double(weekday(pickup_local))"),
            Feature("is_green", "double(coalesce(lower(trim(color)) = 'green', false))"),
            Feature("from_manhattan", "double(coalesce(pickup_borough = 'Manhattan', false))"),
            Feature("from_queens", "double(coalesce(pickup_borough = 'Queens', false))"),
            Feature("from_brooklyn", "double(coalesce(pickup_borough = 'Brooklyn', false))"),
            Feature("from_bronx", "double(coalesce(pickup_borough = 'Bronx', false))"),
        ),
        outcome=f"CASE WHEN paid_by_card AND tip IS NOT NULL THEN tip >= {GENEROUS_SHARE} * fare END",
    ),
    dimensions=(
        Dimension("borough", "pickup_borough", BOROUGHS, description="where the trip began"),
        Dimension("payment", "payment", ("credit card", "cash", "no charge", "dispute"), description="how it was paid"),
    ),
    bucket_seconds=10,
    trend_minutes=15,
    measures=(
        Measure("Trips", Count(), format="#,0", description="trips scored so far"),
        Measure("Trips, last 15 min", Count(), TrailingWindow(15), "#,0"),
        Measure("Trips, last 30 min", Count(), TrailingWindow(30), "#,0"),
        Measure("Trips, last 2 min", Count(), TrailingWindow(2), "#,0"),
        Measure("Trips a minute", 6 * Count(), ByBucket(), "#,0", "trips of the bucket, times its length in minutes"),
        Measure("Generous expected", CountIf("predicted"), format="#,0", description="trips the model calls generous"),
        Measure("Generous share expected", CountIf("predicted") / Count(), format="0.0%"),
        TASK.measure("Accuracy", description="of the trips whose tip is known"),
        TASK.measure("Accuracy", 15, ""),
        TASK.measure("Accuracy", 2, "of the trips whose tip is known"),
        TASK.measure("Baseline"),
        TASK.measure("Baseline", 2),
        TASK.measure("Precision"),
        TASK.measure("Recall"),
        TASK.measure("F1"),
        Measure(
            "Generous share", Binary.POSITIVES, TrailingWindow(2), "0.0%", "generous trips, of those whose tip is known"
        ),
        Measure(
            "Expected, low",
            (Binary.EXPECTED - 3 * Binary.DEVIATION) / Binary.KNOWN,
            TrailingWindow(2),
            "0.0%",
            "3 deviations below expected",
        ),
        Measure(
            "Expected, high",
            (Binary.EXPECTED + 3 * Binary.DEVIATION) / Binary.KNOWN,
            TrailingWindow(2),
            "0.0%",
            "3 deviations above expected",
        ),
        TASK.measure("True positives"),
        TASK.measure("False positives"),
        TASK.measure("False negatives"),
        TASK.measure("True negatives"),
        TASK.measure("Outcome unknown", description="trips whose tip is not recorded"),
        Measure("Late trips", CountIf("late"), format="#,0", description="arrived later than punctual"),
        Measure("Events rejected", Rejected(), format="#,0", description="events in quarantine"),
        Measure(
            "Rejected, last 2 min", Rejected() / ALL_EVENTS, TrailingWindow(2), "0.0%", "events in quarantine, of all"
        ),
        Measure(
            "Earned", EARNED, format="$#,0", description="3 for each generous trip that was called so, less 2 if not"
        ),
        Measure(
            "Earned without a model", EARNED_WITHOUT, format="$#,0", description="if every trip were called generous"
        ),
        Measure("Earned with the model, more", EARNED - EARNED_WITHOUT, format="$#,0"),
        Measure("Fares", Sum("fare"), format="$#,0.00", description="US dollars"),
        Measure("Mean fare", mean("fare"), format="$0.00"),
        TASK.measure("Mean score"),
        TASK.measure("Was generous", description="generous trips, of those whose tip is known"),
        Measure(
            "Quality (geometric)",
            sqrt(Binary.PRECISION * Binary.RECALL),
            format="0.000",
            description="Fowlkes-Mallows index",
        ),
    ),
    ratios=(
        Ratio(
            "Pace",
            "Trips, last 2 min",
            "Trips, last 30 min",
            2 / 30,
            format="0%",
            description="trips of the last 2 minutes beside those of the last 30: 100% is as usual, or more",
            most=1.0,
        ),
    ),
    states=(
        State("Accuracy, last 2 min", 0.70, 0.60),
        State("Pace", 0.7, 0.3, ("as usual", "slow", "silent")),
        State("Rejected, last 2 min", 0.08, 0.15, ("clean", "watch", "flood")),
        State("Earned with the model, more", 0.0, -1.0, ("pays", "even", "costs")),
    ),
    pages=(
        Page(
            "Live",
            (
                Row((Header(width=8), Slicer("borough", width=2), TimeRange(width=2)), 0.7),
                Row(
                    (
                        Tile("Trips", "Trips, last 2 min", width=3, title="Trips scored so far"),
                        Tile("Accuracy, last 2 min", "Baseline, last 2 min", width=3),
                        Tile("Pace", width=3, title="Pace, last 2 min beside last 30"),
                        Tile("Rejected, last 2 min", width=3, title="Events rejected, last 2 min"),
                    ),
                    1.3,
                ),
                Row(
                    (
                        Trend(("Trips a minute",), tooltip="Trips", width=4, title="Trips a minute"),
                        Trend(
                            ("Generous share",),
                            ("Expected, low", "Expected, high"),
                            width=4,
                            title="Generous trips: what came, and what the model expects",
                        ),
                        Ranking(
                            "borough",
                            ("Pace", "Trips, last 2 min", "Trips"),
                            tooltip="Trips",
                            width=4,
                            title="Boroughs now: is one silent?",
                        ),
                    ),
                    2.4,
                ),
                Row(
                    (
                        Exceptions(
                            ("event_time", "borough", "pickup_zone", "fare", "tip", "score", "outcome", "severity"),
                            title="Worst misses",
                        ),
                    ),
                    1.8,
                ),
            ),
            description="to read from across the room",
        ),
        Page(
            "Model",
            (
                Row((Header(width=8), Slicer("model_version", width=2), Slicer("borough", width=2)), 0.7),
                Row(
                    (
                        Trend(
                            ("Accuracy, last 2 min", "Baseline, last 2 min"),
                            width=6,
                            title="Accuracy, and that of the majority-class baseline",
                        ),
                        TASK.confusion_matrix(width=3),
                        Chart(
                            "score_band",
                            ("Mean score", "Was generous"),
                            "line",
                            width=3,
                            title="Calibration: what was said, what came",
                        ),
                    ),
                    2.2,
                ),
                Row(
                    (
                        CutOffSlider(width=3),
                        Tile("Precision at cut-off", width=2),
                        Tile("Recall at cut-off", width=2),
                        Tile("Earned at cut-off", width=2),
                        Tile("Earned with the model, more", width=3, title="Earned more than with no model"),
                    ),
                    1.2,
                ),
                Row(
                    (
                        Chart("cut_off", ("Earned at cut-off",), "line", width=4, title="Earned by cut-off"),
                        Chart("model_version", ("Trips",), "columns", width=4, title="Trips by model version"),
                        Ranking(
                            "model_version",
                            ("Accuracy, last 2 min", "Accuracy", "Trips"),
                            width=4,
                            title="Accuracy by model version",
                        ),
                    ),
                    1.9,
                ),
            ),
            description="how good the model is, and what it earns",
        ),
        Page(
            "Borough",
            (
                Row((Header(),), 0.6),
                Row(tuple(Tile(m, width=3) for m in ("Trips", "Accuracy", "Pace", "Mean fare")), 1.2),
                Row(
                    (
                        Trend(("Trips a minute",), width=6),
                        Chart("score_band", ("Mean score", "Was generous"), width=6, title="Calibration by score band"),
                    ),
                    2.2,
                ),
                Row(
                    (Exceptions(("event_time", "pickup_zone", "dropoff_zone", "fare", "tip", "score", "severity")),), 2
                ),
            ),
            kind="drillthrough",
            dimension="borough",
            description="one borough",
        ),
        Page(
            "Trips",
            (
                Row((Tile("Trips, last 2 min", width=6), Tile("Mean fare", width=6))),
                Row((Tile("Accuracy, last 2 min"),)),
            ),
            kind="tooltip",
        ),
    ),
    spotlight=Spotlight(
        severity="CASE WHEN fp OR fn THEN abs(score - 0.5) * 2 ELSE 0 END * double(fare)",
        where="severity >= 10",
        columns=("fare", "tip", "distance", "minutes", "pickup_zone", "dropoff_zone"),
        limit=50,
    ),
    generator=taxi_events.generate,
    history=taxi_events.history,
    file_row=tlc.complete,
)
