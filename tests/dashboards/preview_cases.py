"""What tests of the preview share: rows of taxi_tips in the local service, by the real sink, with no Spark.

`LiveService` starts the service in a home of its own and delivers batches of made-up predictions.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from livegold.dashboards.preview.engine import Engine
from livegold.dashboards.preview.plan import plan_of
from livegold.dashboards.preview.tables import Tables
from livegold.dashboards.preview.template import read_files
from livegold.dashboards.template import template_files
from livegold.reporting.drawing import Question
from livegold.reporting.measures.python import partial_rows
from livegold.reporting.powerbi.dataset import dataset_name
from livegold.reporting.service.local_client import client_of
from livegold.reporting.service.server import LocalService
from livegold.reporting.sinks import FeedBatch, PowerBISink
from livegold.reporting.specification import UseCase, load_use_case
from livegold.reporting.tasks.binary import SCORE_BANDS
from livegold.reporting.usecases.taxi_tips import TASK

CASE = load_use_case("taxi_tips")
LAST_ORDER = {"other": 1_000_000, "unknown": 1_000_001}
ZONED = pa.timestamp("us", tz="UTC")
_ARROW = {"string": pa.string(), "int": pa.int64(), "bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}
ZONES = (
    "Astoria",
    "JFK Airport",
    "Midtown Center",
    "Upper East Side North",
    "Williamsburg (North Side)",
    "Alphabet City",
)


def prediction(draw: random.Random, at: dt.datetime, number: int, **given: Any) -> dict[str, Any]:
    """A made-up row of predictions with all that measures, dimensions and spotlight of taxi_tips read."""
    score = min(0.999, max(0.001, draw.betavariate(2, 3)))
    paid = draw.choices(("credit card", "cash", "no charge", "dispute"), (70, 26, 3, 1))[0]
    fare = Decimal(draw.randrange(400, 9_000)) / 100
    known = paid == "credit card"
    outcome = draw.random() < score if known else None
    row: dict[str, Any] = {
        "event_id": f"trip-{number:07d}",
        "event_time": at,
        "borough": draw.choices(
            ("Manhattan", "Queens", "Brooklyn", "Bronx", "Staten Island", "EWR", "unknown"), (60, 18, 15, 4, 1, 1, 1)
        )[0],
        "payment": paid,
        "model_version": "1",
        "score": score,
        "outcome": outcome,
        "fare": fare,
        "tip": (fare * Decimal(draw.randrange(25, 40) if outcome else draw.randrange(0, 25)) / 100).quantize(
            Decimal("0.01")
        )
        if known
        else Decimal("0.00"),
        "distance": draw.uniform(0.4, 18.0),
        "minutes": draw.uniform(3, 55),
        "pickup_zone": draw.choice(ZONES),
        "dropoff_zone": draw.choice(ZONES),
        "late": draw.random() < 0.01,
        **given,
    }
    return completed(row)


def completed(row: Mapping[str, Any], case: UseCase = CASE) -> dict[str, Any]:
    """With what follows from the score, the outcome and the time."""
    score, outcome = row["score"], row["outcome"]
    predicted = score >= TASK.threshold
    number = int(row["event_time"].timestamp()) // case.bucket_seconds
    known = outcome is not None
    miss = known and predicted != outcome
    return {
        **row,
        "bucket_no": number,
        "bucket": dt.datetime.fromtimestamp(number * case.bucket_seconds, dt.UTC),
        "score_band": SCORE_BANDS[min(9, int(score * 10))],
        "predicted": predicted,
        "tp": known and predicted and outcome,
        "fp": known and predicted and not outcome,
        "tn": known and not predicted and not outcome,
        "fn": known and not predicted and outcome,
        "expected": score if known else None,
        "expected_variance": score * (1 - score) if known else None,
        "unknown": not known,
        "severity": abs(score - 0.5) * 2 * float(row["fare"]) if miss else 0.0,
    }


def predictions(
    draw: random.Random, first: dt.datetime, seconds: float, number: int, start: int = 0, **given: Any
) -> list[dict[str, Any]]:
    """`number` predictions over some seconds, in the order of their time."""
    at = sorted(draw.uniform(0, seconds) for _ in range(number))
    return [prediction(draw, first + dt.timedelta(seconds=s), start + i, **given) for i, s in enumerate(at)]


def gold_batch(number: int, rows: Sequence[Mapping[str, Any]], case: UseCase = CASE, feed: str = "feed-1") -> FeedBatch:
    """What gold hands over for predictions: partial sums, the rows worth seeing, the dimensions."""
    dimensions = [d.name for d in case.all_dimensions]
    pulse = partial_rows(case.aggregates, rows, dimensions)
    spots = sorted((r for r in rows if r["severity"] >= 10), key=lambda r: -r["severity"])[: case.spotlight.limit]
    return FeedBatch(
        number,
        _table(case.pulse_columns, pulse),
        _table(case.spotlight_columns, spots),
        {d.name: _dimension(d.values, [r[d.name] for r in rows]) for d in case.all_dimensions},
        feed,
    )


def rejected_batch(number: int, at: dt.datetime, events: int, case: UseCase = CASE, feed: str = "feed-1") -> FeedBatch:
    """What gold hands over when bad events came: a row of pulse that is unknown in every dimension."""
    bucket_no = int(at.timestamp()) // case.bucket_seconds
    row = {
        "bucket_no": bucket_no,
        "bucket": dt.datetime.fromtimestamp(bucket_no * case.bucket_seconds, dt.UTC),
        **{d.name: "unknown" for d in case.all_dimensions},
        **{a.name: 0 for a in case.aggregates},
        "rejected": events,
    }
    empty = _table(case.spotlight_columns, [])
    dimensions = {d.name: _dimension(d.values, ["unknown"]) for d in case.all_dimensions}
    return FeedBatch(number, _table(case.pulse_columns, [row]), empty, dimensions, feed)


def _dimension(declared: Iterable[str] | None, met: Iterable[str]) -> pa.Table:
    keys = list(dict.fromkeys([*(declared or SCORE_BANDS if declared is not None else ()), *met]))
    ordinary = [k for k in keys if k not in LAST_ORDER]
    kept = [*ordinary, *(k for k in keys if k in LAST_ORDER)]
    orders = [LAST_ORDER.get(k, i) for i, k in enumerate(kept)]
    return pa.table({"key": kept, "label": kept, "order": orders})


def _table(columns: Iterable[Any], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    made = {}
    for column in columns:
        if column.name in ("query_id", "batch_id"):
            continue
        made[column.name] = pa.array([r.get(column.name) for r in rows], _type(column.type))
    return pa.table(made)


def _type(spark: str) -> pa.DataType:
    if spark.startswith("decimal"):
        precision, scale = spark[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return ZONED if spark == "timestamp" else _ARROW[spark]


class LiveService:
    """The local service in `home` with the push dataset of `case`, fed by the real sink; for a `with` block."""

    def __init__(self, home: Path, case: UseCase = CASE, **options: Any) -> None:
        self.home = home
        self.case = case
        self.service = LocalService(home, **options)
        self._number = 0

    def __enter__(self) -> LiveService:
        self.service.__enter__()
        self._client = client_of(self.service)
        self.sink = PowerBISink(self.case, client_of(self.service), self.home / "sinks" / self.case.name / "powerbi")
        self.sink.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sink.close()
        self._client.close()
        self.service.__exit__(kind, error, trace)

    def deliver(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Predictions as the next batch."""
        self.write(gold_batch(self._number, rows, self.case))

    def reject(self, at: dt.datetime, events: int) -> None:
        """Bad events as the next batch."""
        self.write(rejected_batch(self._number, at, events, self.case))

    def empty(self, table: str) -> None:
        """Deletes the rows of a table, as anybody with a token can."""
        self._client.delete_rows(self.dataset, table)

    def delete(self) -> None:
        """Deletes the dataset."""
        self._client.delete_dataset(self.dataset)

    @property
    def dataset(self) -> str:
        """Id of the dataset; the sink makes it when it is opened."""
        return self._client.find_dataset(dataset_name(self.case)).id

    def write(self, batch: FeedBatch) -> None:
        self.sink.write(batch)
        self._number += 1


def tables_of(case: UseCase, filled: Mapping[str, Sequence[Mapping[str, Any]]], *, over_gold: bool = False) -> Tables:
    """What a preview computes from, with these rows by table; rows are numbered from 1."""
    tables = Tables(case, over_gold=over_gold)
    for table, rows in filled.items():
        if table in tables.names:
            tables.add(table, arrow_rows(tables, table, rows), 1)
    tables.commit()
    return tables


def arrow_rows(tables: Tables, table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = tables.schema(table)
    columns = {f.name: pa.array([_fitting(r.get(f.name), f.type) for r in rows], f.type) for f in schema}
    return pa.table(columns)


def _fitting(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, float) and pa.types.is_decimal(kind):
        return Decimal(repr(value)).quantize(Decimal("0.0001"))
    return value


def questions_of(case: UseCase) -> list[Question]:
    """What every visual of the case's template asks."""
    tables = Tables(case)
    vocabulary = Engine(tables).vocabulary
    pages = read_files(template_files(case, "push")).pages
    plans = [plan_of(v, vocabulary) for page in pages for v in page.visuals]
    tables.close()
    return [p.question for p in plans if p.question is not None]
