"""The bench's second use case: measures and a dimension that taxi_tips does not have. Not shipped to users."""

from __future__ import annotations

from livegold.reporting.measures import ByBucket, Count, CountIf, Max, Measure, Min, Sum, TrailingWindow, mean, sqrt
from livegold.reporting.specification import Dimension, Feature, Field, Model, SparkML, Spotlight, UseCase
from livegold.reporting.tasks import Binary

PARCELS = UseCase(
    name="bench_parcels",
    question="Will this parcel be late?",
    entity="parcel",
    event_id="parcel",
    event_time="scanned",
    fields=(
        Field("parcel", "string", required=True),
        Field("scanned", "timestamp", required=True),
        Field("hub", "string"),
        Field("speed", "string"),
        Field("price", "decimal(10,2)"),
        Field("weight", "double"),
        Field("units", "int"),
        Field("note", "string"),
        Field("delayed", "boolean"),
    ),
    model=Model(
        task=Binary(positive="late", negative="on time"),
        estimator=SparkML("DecisionTreeClassifier"),
        features=(Feature("weight", "weight"),),
        outcome="delayed",
    ),
    dimensions=(
        Dimension("site", "hub", limit=8),
        Dimension("speed", "speed", ("express",)),
    ),
    measures=(
        Measure("Parcels", Count()),
        Measure("Parcels, last 30 min", Count(), TrailingWindow(30)),
        Measure("Parcels a bucket", Count(), ByBucket()),
        Measure("Revenue", Sum("price")),
        Measure("Revenue, last 5 min", Sum("price"), TrailingWindow(5)),
        Measure("Revenue a bucket", Sum("price"), ByBucket()),
        Measure("Twice the revenue, less parcels", 2 * Sum("price") - Count()),
        Measure("Dearest a bucket", Max("price"), ByBucket()),
        Measure("Dearest, last 60 min", Max("price"), TrailingWindow(60)),
        Measure("Lightest, last 15 min", Min("weight"), TrailingWindow(15)),
        Measure("Mean weight", mean("weight")),
        Measure("Mean weight, last 15 min", mean("weight"), TrailingWindow(15)),
        Measure("Units", Sum("units")),
        Measure("Units a parcel, last 60 min", Sum("units") / Count(), TrailingWindow(60)),
        Measure("Called late, share a bucket", CountIf("predicted") / Count(), ByBucket()),
        Measure("Late beyond chance", Binary.TP / sqrt(Count() * CountIf("predicted"))),
    ),
    spotlight=Spotlight(
        severity="double(price)", where="severity > 0", columns=("price", "weight", "units", "note"), limit=2_000
    ),
)
