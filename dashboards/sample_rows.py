"""Sample rows for a template that opens with data: synthetic, but computed by the pipeline's own SQL, in DuckDB.

Events (sample_events.py) are read, validated, labelled and summed as in livegold, and scored by a regression fitted on
older events. So that there is something to see, a second model, fitted on few events, scores the last third, and in the
last sixth most events of one value of the first dimension are missing. The same use case gives the same rows.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from livegold.dashboards.sample_events import live_events, older_events
from livegold.dashboards.sample_model import FITTED, Matrix
from livegold.reporting.errors import SpecificationError
from livegold.reporting.pipeline import (
    EventReader,
    LocalPipeline,
    NotForDuckDB,
    feature_columns,
    written_columns,
)
from livegold.reporting.schema import (
    BUCKET_NO,
    EVENT_ID,
    EVENT_TIME,
    KEY,
    LABEL,
    LAST_ORDER,
    MODEL_VERSION,
    ORDER,
    SEVERITY,
    SOURCE,
)
from livegold.reporting.specification import UseCase

SAMPLE_NOTE = (
    "These rows are made up: half an hour of events that never were, scored by a real model. In the last third a model "
    "scores that was fitted on few events; in the last sixth most events of one kind are missing"
)

START = datetime(2026, 5, 4, 17, 0, tzinfo=UTC)
SPAN_SECONDS = 1_800
MIN_BUCKETS = 30
EVENTS = 3_600
FEW_EVENTS = 20
"""Number of events the second model is fitted on."""
MAX_SPOTLIGHT = 300
MISSING_SHARE = 0.85
_SEED = 20_260_504

Row = dict[str, Any]
Rows = tuple[Row, ...]


@dataclass(frozen=True)
class SampleRows:
    """Rows of the tables of a model, as gold has them."""

    pulse: Rows
    spotlight: Rows
    dimensions: Mapping[str, Rows]

    @classmethod
    def none(cls, case: UseCase) -> SampleRows:
        return cls((), (), {d.name: () for d in case.all_dimensions})


def sample_rows(case: UseCase, events: int = EVENTS) -> SampleRows:
    """The rows of a use case's sample. Raises SpecificationError if DuckDB does not accept its SQL."""
    with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as db, _placed(case):
        return _Sample(case, events, db).rows()


class _Sample:
    def __init__(self, case: UseCase, events: int, db: duckdb.DuckDBPyConnection) -> None:
        self.case = case
        self.events = events
        self.seconds = max(SPAN_SECONDS, MIN_BUCKETS * case.bucket_seconds)
        self.end = START + timedelta(seconds=self.seconds)
        self._reader = EventReader(case)
        self._pipeline = LocalPipeline(case, db)

    def rows(self) -> SampleRows:
        older, _ = self._cleansed(older_events(self.case, START, self.seconds, self.events))
        live, rejected = self._cleansed(live_events(self.case, START, self.seconds, self.events))
        live = live.filter(_between(live.column(EVENT_TIME), START, self.end))
        labelled = self._pipeline.labelled(self._scored(older, live))
        admitted = self._pipeline.admitted(labelled, {})
        predicted = self._pipeline.predictions(labelled, admitted, None, written_columns("sample", 0))
        predicted = self._thinned(predicted)
        pulse = _rows(self._pipeline.pulse(predicted, rejected))
        pulse.sort(key=lambda row: (row[BUCKET_NO], *(row[d.name] for d in self.case.all_dimensions)))
        spotlight = _rows(self._pipeline.spotlight(predicted, MAX_SPOTLIGHT))
        dimensions = {name: _dimension_rows([*values.values()]) for name, values in admitted.items()}
        return SampleRows(tuple(pulse), tuple(spotlight), dimensions)

    def _cleansed(self, events: Iterable[tuple[datetime, bytes]]) -> tuple[pa.Table, pa.Table]:
        """Valid events, one for each key, and the SOURCE columns of the rejected ones."""
        readable, unreadable = self._reader.tables(events, "sample")
        validated = self._pipeline.validated(readable)
        ok = validated.column("ok")
        bad = validated.filter(pc.invert(ok)).select([*SOURCE])
        valid = validated.filter(ok)
        first = dict(reversed([(key, place) for place, key in enumerate(valid.column(EVENT_ID).to_pylist())]))
        return valid.take(pa.array(sorted(first.values()), pa.int64())), pa.concat_tables([unreadable, bad])

    def _scored(self, older: pa.Table, live: pa.Table) -> pa.Table:
        task = self.case.model.task
        fitted = FITTED[task.answers]
        known = self._pipeline.labelled(older.append_column(task.answer, pa.array(np.zeros(older.num_rows))))
        known = known.filter(known.column("outcome").is_valid())
        x, y = self._features(known), np.array(known.column("outcome").to_pylist(), dtype=float)
        first_model, second_model = fitted(x, y), fitted(x[:FEW_EVENTS], y[:FEW_EVENTS])
        # Split by time, not by rows: arrivals are not spread evenly.
        second = np.array(_between(live.column(EVENT_TIME), START + timedelta(seconds=self.seconds * 2 / 3), self.end))
        features = self._features(live)
        scores = np.where(second, second_model(features), first_model(features)) if len(features) else np.zeros(0)
        # Rounded, because machines differ in the last digits of their results.
        live = live.append_column(task.answer, pa.array(np.round(scores, 4), pa.float64()))
        return live.append_column(MODEL_VERSION, pa.array(np.where(second, "2", "1").tolist(), pa.string()))

    def _features(self, table: pa.Table) -> Matrix:
        names = feature_columns(self.case)
        columns = [table.column(n).to_pylist() for n in names]
        return np.array(columns, dtype=float).T.reshape(table.num_rows, len(names))

    def _thinned(self, table: pa.Table) -> pa.Table:
        """Drops most events in the last sixth that have the second most frequent value of the first dimension."""
        if not self.case.dimensions or not table.num_rows:
            return table
        values = table.column(self.case.dimensions[0].name).to_pylist()
        frequent = [v for v, _ in Counter(v for v in values if v not in LAST_ORDER).most_common(2)]
        if len(frequent) < 2:
            return table
        rng = random.Random(_SEED)
        early = _between(table.column(EVENT_TIME), START, START + timedelta(seconds=self.seconds * 5 / 6))
        kept = [
            is_early or value != frequent[1] or rng.random() > MISSING_SHARE
            for is_early, value in zip(early, values, strict=True)
        ]
        return table.filter(pa.array(kept, pa.bool_()))


@contextmanager
def _placed(case: UseCase) -> Iterator[None]:
    """Adds the part of the use case whose SQL DuckDB rejects to the error."""
    places = {d.name: f"derived column {d.name}" for d in case.derived}
    places |= {n: f"feature {f.name}" for n, f in zip(feature_columns(case), case.model.features, strict=True)}
    places |= {"ok": "checks", "outcome": "model outcome", SEVERITY: "spotlight severity", "where": "spotlight where"}
    try:
        yield
    except NotForDuckDB as error:
        raise SpecificationError(
            f"use case {case.name}: {places.get(error.column, error.column)}: a sample cannot be made, because DuckDB "
            f"rejects it ({error.said}): use SQL that both Spark and DuckDB accept, or choose another source"
        ) from error


def _between(times: pa.ChunkedArray, begin: datetime, end: datetime) -> pa.ChunkedArray:
    first, last = (pa.scalar(t, times.type) for t in (begin, end))
    return pc.and_(pc.greater_equal(times, first), pc.less(times, last))


def _dimension_rows(values: Sequence[str]) -> Rows:
    return tuple({KEY: v, LABEL: v, ORDER: LAST_ORDER.get(v, place)} for place, v in enumerate((*values, *LAST_ORDER)))


def _rows(table: pa.Table) -> list[Row]:
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]


def _plain(value: Any) -> Any:
    """A value as stored in a template: times in UTC without a zone, doubles with nine digits."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    # Sums of doubles in a different order differ in their last digits, and so would the file.
    return float(f"{value:.9g}") if isinstance(value, float) else value
