"""taxi_tips: will this New York taxi trip leave a generous tip? Declared here, run by `livegold demo taxi_tips`.

Tips are recorded for card payments only, so the outcome of any other trip is unknown: it is scored, but neither trained
on nor counted in the quality of the model. No feature may know the tip; `total` includes it.
"""

from __future__ import annotations

from reporting.measures import Count, CountIf, Last, Measure, Sum, mean, sqrt
from reporting.usecase import (
    Check,
    Derived,
    Dimension,
    Feature,
    Field,
    Model,
    Spotlight,
    UseCase,
)
from reporting.usecases import taxi_events, tlc

MONEY = "decimal(10,2)"
BOROUGHS = ("Manhattan", "Queens", "Brooklyn", "Bronx", "Staten Island", "EWR")
GENEROUS_SHARE = "0.25"

TP, FP, TN, FN = CountIf("tp"), CountIf("fp"), CountIf("tn"), CountIf("fn")
KNOWN = TP + FP + TN + FN
ACCURACY = (TP + TN) / KNOWN
PRECISION = TP / (TP + FP)
RECALL = TP / (TP + FN)
F1 = 2 * TP / (2 * TP + FP + FN)

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
        positive="generous",
        negative="not generous",
        max_depth=5,
    ),
    dimensions=(
        Dimension("borough", "pickup_borough", BOROUGHS, description="where the trip began"),
        Dimension("payment", "payment", ("credit card", "cash", "no charge", "dispute"), description="how it was paid"),
    ),
    measures=(
        Measure("Trips", Count(), format="#,0", description="trips scored so far"),
        Measure("Trips, last 15 min", Count(), scope=Last(15), format="#,0"),
        Measure("Generous expected", CountIf("predicted"), format="#,0", description="trips the model calls generous"),
        Measure("Generous share expected", CountIf("predicted") / Count(), format="0.0%"),
        Measure("Accuracy", ACCURACY, format="0.0%", description="of the trips whose tip is known"),
        Measure("Accuracy, last 15 min", ACCURACY, scope=Last(15), format="0.0%"),
        Measure("Precision", PRECISION, format="0.0%", description="generous, of those called generous"),
        Measure("Recall", RECALL, format="0.0%", description="called generous, of those that were"),
        Measure("F1", F1, format="0.000"),
        Measure(
            "Always yes or no", (TP + FN) / KNOWN, format="0.0%", description="share of generous trips: the baseline"
        ),
        Measure("Outcome unknown", CountIf("unknown"), format="#,0", description="trips whose tip is not recorded"),
        Measure("Late trips", CountIf("late"), format="#,0", description="arrived later than punctual"),
        Measure("Fares", Sum("fare"), format="$#,0.00", description="US dollars"),
        Measure("Mean fare", mean("fare"), format="$0.00"),
        Measure("Mean score", mean("score"), format="0.000"),
        Measure("Quality (geometric)", sqrt(PRECISION * RECALL), format="0.000", description="Fowlkes-Mallows index"),
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
