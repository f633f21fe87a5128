"""Spark on a batch and DuckDB on the same events say the same, for the texts are the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from livegold.reporting.bench.cases import PARCELS
from livegold.reporting.lake import Lake, open_table
from livegold.reporting.measures import ByBucket, Measure, Rejected
from livegold.reporting.pipeline import Database, EventReader, LocalPipeline, written_columns
from livegold.reporting.specification import Dimension, UseCase
from livegold.reporting.usecases.taxi_events import generate_labelled
from livegold.reporting.usecases.taxi_tips import USECASE as TAXI
from stream_cases import BAD, VALID, changed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

START = datetime(2026, 5, 4, 17, tzinfo=UTC)
# A dimension that is not declared, with less room than there are values, and one whose values are awkward to quote.
ZONES = Dimension("zone", "pickup_zone", None, 5)
COLORS = Dimension("colour", "color", ("Yellow", "it's \\green\\"))
CASE = replace(TAXI, dimensions=(*TAXI.dimensions, ZONES, COLORS))
# No business key, and pulse with rows for what was rejected beside a maximum.
KEYLESS = replace(
    PARCELS, name="keyless", event_id=None, measures=(*PARCELS.measures, Measure("Rejected", Rejected(), ByBucket()))
)
SCORE = "least(feature_distance / 10D, 1D)"


def events() -> list[tuple[datetime, bytes]]:
    """Arrivals and values: made ones, each kind of valid and bad one, some from the future and some from long ago."""
    made = [value for _, (_, value) in generate_labelled(5, START, 2.0, count=3_000, dirty=0.1, late=0.05)]
    made += [*VALID.values(), *(value for value, _ in BAD.values())]
    for hours in (-1, 0, 1, 1_000):
        ends = START + timedelta(hours=hours)
        for i in range(5):
            times = {
                "pickup": f"{ends - timedelta(minutes=3):%Y-%m-%dT%H:%M:%SZ}",
                "dropoff": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
            }
            made.append(
                changed(trip_id=f"at {hours} {i}", color=("Yellow", "yellow ", "IT'S \\GREEN\\", "", "red")[i], **times)
            )
    made.append(changed(trip_id="early", pickup="2009-01-01 00:00:00", dropoff="2008-12-31 23:59:59"))
    made.append(changed(trip_id="a replay", replay_time=f"{START:%Y-%m-%dT%H:%M:%SZ}"))
    made.append(changed(trip_id="a replay of tomorrow", replay_time=f"{START + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"))
    return [(START + timedelta(seconds=0.5 * i), value) for i, value in enumerate(made)]


@pytest.mark.parametrize("name", VALID)
def test_a_valid_event_is_valid_to_both(name: str) -> None:
    assert accepted(VALID[name])


@pytest.mark.parametrize("name", BAD)
def test_a_bad_event_is_bad_to_both(name: str) -> None:
    assert not accepted(BAD[name][0])


def accepted(value: bytes) -> bool:
    # `test_cleanse` has what Spark says of the same events.
    now = datetime.now(UTC)
    with duckdb.connect() as connection:
        readable, _ = EventReader(TAXI).tables([(now, value)], "made")
        found: list[bool] = LocalPipeline(TAXI, connection).validated(readable).column("ok").to_pylist()
    return found == [True]


class Local:
    """What DuckDB makes of events: the tables of gold, and the places of what is valid and what is not."""

    def __init__(self, case: UseCase, made: Sequence[tuple[datetime, bytes]], score: str) -> None:
        with duckdb.connect() as connection:
            pipeline, database = LocalPipeline(case, connection), Database(connection)
            readable, unreadable = EventReader(case).tables(made, "made")
            validated = pipeline.validated(readable)
            valid = validated.filter(validated.column("ok"))
            bad = validated.filter(pc.invert(validated.column("ok"))).select(unreadable.column_names)
            self.rejected = pa.concat_tables([unreadable, bad])
            first = {key: i for i, key in reversed(list(enumerate(valid.column("event_id").to_pylist())))}
            valid = valid.take(sorted(first.values()))
            scored = database.with_columns(database.rows(valid), {"score": score}).to_arrow_table()
            labelled = pipeline.labelled(scored)
            self.admitted = pipeline.admitted(labelled, {"model_version": {"1": "1"}})
            self.predictions = pipeline.predictions(labelled, self.admitted, "1", written_columns("q", 0))
            self.pulse = pipeline.pulse(self.predictions, self.rejected)
            self.spotlight = pipeline.spotlight(self.predictions)


@dataclass(frozen=True)
class FixedAnswer:
    """A model whose answer is a text of SQL."""

    answer: str
    sql: str

    def score(self, frame: DataFrame) -> DataFrame:
        return frame.selectExpr("*", f"{self.sql} AS {self.answer}")


@pytest.fixture(scope="module")
def by_spark(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Lake]:
    from livegold.streams.gold import GoldWriter, create_tables
    from livegold.streams.models import Scorer

    def run(case: UseCase, made: Sequence[tuple[datetime, bytes]], score: str) -> Lake:
        folder = tmp_path_factory.mktemp("both")
        lake = Lake(str(folder), case.name)
        create_tables(spark, case, lake)
        write_batch(folder / "batch.parquet", made)
        batch = spark.read.parquet(str(folder / "batch.parquet"))
        GoldWriter(case, lake, lambda: Scorer("1", FixedAnswer(case.task.answer, score)), lambda: "q")(batch, 0)
        return lake

    return run


def write_batch(path: Path, made: Sequence[tuple[datetime, bytes]]) -> None:
    """Events as rows of the Kafka source."""
    count = len(made)
    table = pa.table(
        {
            "key": pa.nulls(count, pa.binary()),
            "value": pa.array([value for _, value in made], pa.binary()),
            "topic": pa.array(["made"] * count),
            "partition": pa.array([0] * count, pa.int32()),
            "offset": pa.array(range(count), pa.int64()),
            "timestamp": pa.array([at for at, _ in made], pa.timestamp("us", "UTC")),
        }
    )
    pq.write_table(table, path)


def rows_of(table: pa.Table, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows in some order, doubles to twelve digits: sums of them depend on the order of what was added."""

    def plain(value: Any) -> Any:
        return float(f"{value:.12g}") if isinstance(value, float) and math.isfinite(value) else value

    rows = [tuple(plain(row[c]) for c in columns) for row in table.select(columns).to_pylist()]
    return sorted(rows, key=repr)


@pytest.mark.spark
@pytest.mark.parametrize("case", [CASE, PARCELS, KEYLESS], ids=lambda c: c.name)
def test_spark_and_duckdb_make_the_same_gold_of_the_same_events(case: UseCase, by_spark: Callable[..., Lake]) -> None:
    made = events() if case is CASE else drawn(case)
    score = SCORE if case is CASE else "0.25D"
    local, lake = Local(case, made, score), by_spark(case, made, score)
    gold = {
        t: open_table(getattr(lake, t)).to_pyarrow_table() for t in ("predictions", "pulse", "spotlight", "quarantine")
    }
    assert local.predictions.num_rows > 100
    assert local.rejected.num_rows > 10
    assert sorted(gold["quarantine"]["offset"].to_pylist()) == sorted(local.rejected["offset"].to_pylist())
    for table in ("predictions", "pulse", "spotlight"):
        mine = getattr(local, table)
        columns = [c for c in gold[table].column_names if c not in ("query_id", "batch_id")]
        assert rows_of(mine, columns) == rows_of(gold[table], columns), table
    for dimension in case.all_dimensions:
        kept = open_table(lake.dimension(dimension.name)).to_pyarrow_table().sort_by("order")["key"].to_pylist()
        assert [*local.admitted[dimension.name].values(), "other", "unknown"] == kept


def drawn(case: UseCase) -> list[tuple[datetime, bytes]]:
    from livegold.dashboards.sample_events import live_events

    return list(live_events(case, START, 1_800, 1_500))


@pytest.mark.spark
def test_events_of_the_future_and_of_long_ago_go_to_quarantine_with_the_reason(by_spark: Callable[..., Lake]) -> None:
    lake = by_spark(CASE, events(), SCORE)
    quarantine = open_table(lake.quarantine).to_pyarrow_table().to_pylist()
    said = [reason for row in quarantine for reason in row["reasons"]]
    assert said.count("event time is more than 300 s after arrival") > 5
    assert said.count("event time is before 2009-01-01") >= 1
