"""The pipeline's texts: they mean in DuckDB what they mean in Spark, and say what they cannot.

That both engines make the same of the same events is in tests/streams/test_local_pipeline.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures import (
    Aggregate,
    ByBucket,
    Count,
    CountIf,
    Max,
    Measure,
    Min,
    Rejected,
    Sum,
    sql_over_pulse,
)
from livegold.reporting.pipeline import (
    FIELD_TEXTS,
    Columns,
    Database,
    EventReader,
    LocalPipeline,
    NotForDuckDB,
    Order,
    Query,
    bucket_columns,
    dimension_value,
    for_duckdb,
    missing_reason,
    read_time,
    rule_reasons,
    text_literal,
    written_columns,
)
from livegold.reporting.pipeline.query import in_steps
from livegold.reporting.specification import Dimension
from livegold.reporting.tasks.binary import SCORE_BANDS
from livegold.reporting.usecases.taxi_tips import USECASE as TAXI

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with duckdb.connect() as connection:
        yield Database(connection)


def values(database: Database, columns: Columns, **given: Any) -> dict[str, Any]:
    """What texts make of one row."""
    rows = database.rows(
        pa.table({name: value if isinstance(value, pa.Array) else [value] for name, value in given.items()})
    )
    made: dict[str, Any] = database.with_columns(rows, columns).to_arrow_table().to_pylist()[0]
    return made


def at(moment: datetime) -> pa.Array:
    return pa.array([moment], pa.timestamp("us", "UTC"))


# Texts.


@pytest.mark.parametrize(
    ("spark", "value"),
    [
        ("CAST(2.7D AS int)", 2),
        ("int(-2.7D)", -2),
        ("CAST('12' AS int)", 12),
        ("CAST(-2.7D AS bigint)", -2),
        ("CAST(9007199254740993 AS bigint)", 9007199254740993),
        ("CAST(true AS int)", 1),
        ("unix_seconds(TIMESTAMP'1970-01-01 00:00:07.9')", 7),
        ("unix_seconds(TIMESTAMP'1969-12-31 23:59:59.5')", -1),
        ("get(array('a', 'b'), 1)", "b"),
        ("get(array('a', 'b'), 2)", None),
    ],
)
def test_what_sqlglot_alone_would_change_means_what_spark_means(database: Database, spark: str, value: object) -> None:
    assert values(database, {"found": spark}, x=1)["found"] == value


@settings(deadline=None)  # a machine that does other work beside it
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_a_text_is_the_same_text_in_sql(text: str) -> None:
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {for_duckdb(text_literal(text))}").fetchone() == (text,)


def test_a_bucket_begins_with_its_first_microsecond_and_ends_before_the_next(database: Database) -> None:
    case = replace(TAXI, bucket_seconds=60)
    for moment, start in (
        (NOON, NOON),
        (NOON + timedelta(seconds=59.999999), NOON),
        (NOON - timedelta(microseconds=1), NOON - timedelta(minutes=1)),
        (datetime(1969, 12, 31, 23, 59, 30, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, tzinfo=UTC)),
    ):
        found = values(database, bucket_columns(case), event_time=at(moment))
        assert (found["bucket"], found["bucket_no"]) == (start, start.timestamp() // 60)


def test_scores_fall_into_bands_of_ten_points(database: Database) -> None:
    for score, band in ((0.0, "0-10%"), (0.0999, "0-10%"), (0.1, "10-20%"), (0.95, "90-100%"), (1.0, "90-100%")):
        assert values(database, {"band": TAXI.task.comparisons["score_band"]}, score=score)["band"] == band
    assert len(SCORE_BANDS) == 10


def test_a_dimension_has_the_admitted_value_other_or_unknown(database: Database) -> None:
    sql = dimension_value(Dimension("d", "x"), {"o'hare": "O'Hare", "back\\slash": "Back\\slash", "other": "other"})
    for text, value in {
        "O'Hare": "O'Hare",
        " o'HARE ": "O'Hare",
        "BACK\\SLASH": "Back\\slash",
        "Kennedy": "other",
        "Other": "other",
        "  ": "unknown",
    }.items():
        assert values(database, {"d": sql}, x=text)["d"] == value, text
    assert values(database, {"d": sql}, x=pa.array([None], pa.string()))["d"] == "unknown"


def test_columns_come_in_as_few_steps_as_their_uses_take() -> None:
    steps = in_steps([("a", "x + 1"), ("b", "x + 2"), ("c", "a + b"), ("x", "x * 2"), ("d", "c + a")])
    assert [list(s) for s in steps] == [["a", "b", "x"], ["c"], ["d"]]


def test_rows_are_sorted_with_nulls_as_spark_has_them_and_cut(database: Database) -> None:
    rows = database.rows(pa.table({"n": pa.array([1, None, 3], pa.int64())}))
    query = Query({"m": "n * 2"}, "n IS NULL OR n > 0", (), (Order("n"),), 2)
    assert database.select(rows, query).to_arrow_table().column("m").to_pylist() == [None, 2]
    downwards = replace(query, order_by=(Order("n", descending=True),), limit=None)
    assert database.select(rows, downwards).to_arrow_table().column("m").to_pylist() == [6, 2, None]


def test_the_column_is_named_whose_text_duckdb_does_not_take(database: Database) -> None:
    with pytest.raises(NotForDuckDB, match="column odd: DuckDB does not take") as caught:
        values(database, {"good": "x + 1", "odd": "soundex_of_spark(x)"}, x=1)
    assert caught.value.column == "odd"


# Reasons.


def reasons(**changed: Any) -> list[str]:
    """The reasons, in DuckDB, of a trip that is valid but for what is changed; fields that are None are not there."""
    fields: dict[str, Any] = {f.name: None for f in TAXI.fields} | {
        "trip_id": "t",
        "pickup": "2026-05-04 11:40:00",
        "dropoff": "2026-05-04 11:50:00",
        "distance": 1.0,
        "fare": 9,
    }
    fields |= changed
    event = ", ".join(
        f'"{k}": "{v}"' if isinstance(v, str) else f'"{k}": {v}' for k, v in fields.items() if v is not None
    )
    with duckdb.connect() as connection:
        readable, unreadable = EventReader(replace(TAXI, time_zone="UTC")).tables(
            [(NOON, f"{{{event}}}".encode())], "t"
        )
        assert unreadable.num_rows == 0
        texts = [[(k, str(v)) for k, v in fields.items() if v is not None]]
        readable = readable.append_column(FIELD_TEXTS, pa.array(texts, pa.map_(pa.string(), pa.string())))
        validated = LocalPipeline(TAXI, connection).validated(readable)
        database = Database(connection)
        all_reasons = [*(missing_reason(TAXI, f) for f in TAXI.fields if f.required), *rule_reasons(TAXI)]
        columns = {f"r{i}": sql for i, sql in enumerate(all_reasons)}
        row = database.with_columns(database.rows(validated), columns).to_arrow_table().to_pylist()[0]
    found = [row[name] for name in columns if row[name] is not None]
    assert row["ok"] == (not found)
    return found


def test_an_event_is_valid_or_has_a_reason_for_each_rule_it_breaks() -> None:
    assert reasons() == []
    assert reasons(trip_id=" ") == ["trip_id is missing"]
    assert reasons(fare=None) == ["fare is missing"]
    assert reasons(fare=0, distance=501.0) == ["distance is above 500 miles", "fare is not above 0"]
    assert reasons(dropoff="2026-05-04 12:05:01") == ["event time is more than 300 s after arrival"]
    assert reasons(dropoff="2026-05-04 12:05:00") == []
    early = reasons(pickup="2008-12-31 23:00:00", dropoff="2008-12-31 23:59:59")
    assert early == ["pickup is before 2009", "event time is before 2009-01-01"]


# Reading.


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-05-04 08:00:00", NOON),
        ("2026-5-4T8:0:0", NOON),
        (" 2026-05-04 08:00 ", NOON),
        ("2026-05-04T12:00:00Z", NOON),
        ("2026-05-04T14:00:00.000001+02:00", NOON + timedelta(microseconds=1)),
        ("2026-05-04 07:00:00 -0500", NOON),
        ("2026-05-04", datetime(2026, 5, 4, 4, tzinfo=UTC)),
        # The hour that comes twice is the first one, the hour that is not there counts on.
        ("2026-11-01 01:30:00", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("2026-03-08 02:30:00", datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_by_its_zone_or_by_the_clock_of_the_use_case(text: str, read: datetime) -> None:
    assert read_time(text, NEW_YORK) == read


@pytest.mark.parametrize("text", ["", "08:00:00", "2026-05", "20260504", "2026-13-01", "2026-05-04 25:00:00", "soon"])
def test_what_is_no_time_with_a_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_time(text, NEW_YORK)


def test_events_that_cannot_be_read_are_told_from_the_others_by_their_place() -> None:
    good = b'{"trip_id": "a", "fare": 2.345, "color": 7, "color2": {"a": 1, "a": 2}}'
    readable, unreadable = EventReader(TAXI).tables(
        [(NOON, b"?"), (NOON, good), (NOON, b'{"fare": 1, "fare": 2}')], "t"
    )
    assert unreadable.column("offset").to_pylist() == [0, 2]
    row = readable.to_pylist()[0]
    assert (row["offset"], str(row["fare"]), row["color"], row["tip"]) == (1, "2.35", "7", None)


# A new aggregate is one class.


@dataclass(frozen=True)
class CountOther(Aggregate):
    """The number of events in the open values of a dimension."""

    column: str
    name: str = "others"
    merge: ClassVar[str] = "sum"
    counts_events: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def problem_with(self, types: Mapping[str, str]) -> str:
        return "" if types[self.column] == "string" else f"counts others of {self.column!r}: give a text"

    @property
    def sql(self) -> str:
        return f"count(CASE WHEN `{self.column}` = 'other' THEN 1 END)"


def test_an_aggregate_of_a_new_kind_is_typed_checked_summed_and_rendered_with_no_other_change() -> None:
    measure = Measure("Others a bucket", CountOther("borough"), ByBucket())
    case = replace(TAXI, measures=(*TAXI.measures, measure))
    assert {c.name: c.type for c in case.pulse_columns}["others"] == "bigint"
    with pytest.raises(SpecificationError, match="counts others of 'fare': give a text"):
        replace(TAXI, measures=(*TAXI.measures, Measure("Others", CountOther("fare"), ByBucket())))
    event = (
        '{"trip_id": "%d", "pickup": "2026-05-04 07:40:00", "dropoff": "2026-05-04 07:50:00", "distance": 1.0,'
        ' "fare": 9, "pickup_borough": "%s"}'
    )
    made = [(NOON, (event % (i, b)).encode()) for i, b in enumerate(("Queens", "Utopia", "utopia"))]
    with duckdb.connect() as connection:
        pipeline = LocalPipeline(case, connection)
        readable, unreadable = EventReader(case).tables([*made, (NOON, b"bad")], "t")
        scored = pipeline.validated(readable).append_column("score", pa.array([0.2] * 3))
        labelled = pipeline.labelled(scored)
        predicted = pipeline.predictions(labelled, pipeline.admitted(labelled, {}), "1", written_columns("q", 1))
        pulse = pipeline.pulse(predicted, unreadable)
        connection.register("pulse", pulse)
        answer = connection.execute(sql_over_pulse([measure], "pulse", ["bucket_no"])).fetchall()
    assert sorted(pulse.column("others").to_pylist()) == [0, 0, 2]
    assert sum(pulse.column("rejected").to_pylist()) == 1
    assert sorted(n for _, n in answer) == [0, 2]


def test_aggregates_say_what_they_are_of_nothing_and_of_what_was_rejected() -> None:
    types = {"a": "decimal(10,2)", "n": "int", "d": "double", "b": "boolean", "t": "timestamp"}
    found = [
        (a.of_nothing, a.sql_of_rejected, a.type_over(types)) for a in (Count(), CountIf("b"), Rejected(), Min("a"))
    ]
    assert found == [(0, "0", "bigint"), (0, "0", "bigint"), (0, "count(*)", "bigint"), (None, "NULL", "decimal(10,2)")]
    sums = [Sum(c).type_over(types) for c in ("a", "n", "d")]
    assert sums == ["decimal(20,2)", "bigint", "double"]
    assert Max("t").problem_with(types) == "takes the max of 't', which is not a number: give a number"
    assert CountIf("n").problem_with(types) == "counts where 'n': give a boolean column, b"
    assert Sum("a").problem_with(types) == CountIf("b").problem_with(types) == ""
