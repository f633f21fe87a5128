"""Gold in simulated time: each batch's partial sums and spotlight rows, seeded, without generating any events.

A batch of 150,000 events is a few hundred rows of pulse: the number of events for each combination of bucket and
dimension values is drawn from their shares, and the sums from that number. A batch's sums are those of its events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from livegold.reporting.bench.demand import LATEST_SECONDS, Demand, Spell
from livegold.reporting.bench.population import Mixture, Population
from livegold.reporting.measures import Aggregate
from livegold.reporting.schema import (
    BUCKET,
    BUCKET_NO,
    EVENT_ID,
    EVENT_TIME,
    SEVERITY,
    TIME_COLUMNS,
    WRITTEN_BY_GOLD,
)
from livegold.reporting.specification import Column, UseCase

# One in this many usual batches has values that Power BI rejects or that must be cut.
BAD_EVERY = 25
LONG_TEXT = 5_000
WORST_SEVERITY = 1e6
REFUSED_INTEGER = 2**63 - 1
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_TYPES = {
    "string": pa.string(),
    "int": pa.int64(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class GoldBatch:
    """What gold wrote at `ends` (seconds since the epoch).

    `refused_sums` counts cells of pulse, `refused_values` and `long_texts` cells of spotlight that Power BI rejects.
    """

    ends: float
    spell: str
    events: int
    late: int
    pulse: pa.Table
    spotlight: pa.Table
    refused_sums: int = 0
    refused_values: int = 0
    long_texts: int = 0


class Simulation:
    """The batches of one use case from `start` (seconds since the epoch) on. The same seed gives the same rows."""

    def __init__(self, case: UseCase, demand: Demand, start: float) -> None:
        self._case = case
        self._demand = demand
        self._start = start
        self._population = Population(case)
        self._random = np.random.default_rng(demand.seed)
        names = [d.name for d in case.all_dimensions]
        fixed = (*TIME_COLUMNS, *names, *WRITTEN_BY_GOLD)
        self._sums = {c.name: c for c in case.pulse_columns if c.name not in fixed}
        self._types = {c.name: c.type for c in case.prediction_columns}
        self._spotlight = [c for c in case.spotlight_columns if c.name not in WRITTEN_BY_GOLD]
        self._least_late = float(case.late_after_seconds + case.bucket_seconds)
        self._usual = 0

    @property
    def bounds(self) -> dict[str, int]:
        """Row count of each dimension's table at its bound."""
        return self._population.bounds

    def dimensions(self, at: float) -> dict[str, pa.Table]:
        """The dimensions' tables as gold has them at a time."""
        return self._population.tables((at - self._start) / self._demand.seconds)

    def batches(self) -> Iterator[GoldBatch]:
        """All batches in chronological order; none during silence."""
        second = 0.0
        while second < self._demand.seconds:
            spell = self._demand.at(second)
            ends = min(second + spell.batch_seconds, self._demand.seconds)
            if spell.rate:
                yield self._batch(spell, second, ends)
            else:
                ends = spell.last
            second = ends

    def _batch(self, spell: Spell, begins: float, ends: float) -> GoldBatch:
        events = round(spell.rate * (ends - begins))
        # Nothing is older than the start, since there was no stream before it.
        longest = max(self._least_late, min(LATEST_SECONDS, ends))
        late = int(self._random.binomial(events, spell.late_share)) if longest > self._least_late else 0
        mixture = self._population.mixture(ends / self._demand.seconds)
        begin, end = self._start + begins, self._start + ends
        delays = self._random.uniform(self._least_late, longest, late)
        bucket_nos, places, counts, tardy = self._counted(mixture, begin, end, events - late, delays)
        pulse = self._pulse(mixture, bucket_nos, places, counts, tardy)
        spotlight = self._spots(mixture, begin, end, spell.spotlight)
        sums = values = long_texts = 0
        if spell.name == "usual":
            self._usual += 1
            if self._usual % BAD_EVERY == 0:
                pulse, sums = self._refused_sums(pulse)
                spotlight, values, long_texts = self._refused_values(spotlight)
        return GoldBatch(end, spell.name, events, late, pulse, spotlight, sums, values, long_texts)

    def _counted(
        self, mixture: Mixture, begin: float, end: float, punctual: int, delays: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """For each row: bucket, index in the mixture, number of events, and whether they are late."""
        length = self._case.bucket_seconds
        first, last = int(begin // length), int(np.nextafter(end, 0) // length)
        borders = [begin, *(n * length for n in range(first + 1, last + 1)), end]
        parts = self._random.multinomial(punctual, np.diff(borders) / (end - begin))
        numbers, places, counts = [], [], []
        for number, part in zip(range(first, last + 1), parts, strict=True):
            drawn = self._random.multinomial(part, mixture.shares)
            met = np.flatnonzero(drawn)
            numbers.append(np.full(len(met), number))
            places.append(met)
            counts.append(drawn[met])
        fresh = sum(len(n) for n in numbers)
        held_up = ((end - delays) // length).astype(np.int64)
        combinations = self._random.choice(len(mixture.shares), len(delays), p=mixture.shares)
        keys, drawn = np.unique(held_up * len(mixture.shares) + combinations, return_counts=True)
        numbers.append(keys // len(mixture.shares))
        places.append(keys % len(mixture.shares))
        counts.append(drawn)
        tardy = np.arange(fresh + len(keys)) >= fresh
        return np.concatenate(numbers), np.concatenate(places), np.concatenate(counts), tardy

    def _pulse(
        self, mixture: Mixture, bucket_nos: np.ndarray, places: np.ndarray, counts: np.ndarray, tardy: np.ndarray
    ) -> pa.Table:
        columns = {
            BUCKET: _times(bucket_nos * self._case.bucket_seconds * 1_000_000),
            BUCKET_NO: pa.array(bucket_nos, pa.int64()),
            **{name: values.take(pa.array(places)) for name, values in mixture.columns.items()},
        }
        flags = self._case.model.task.simulated(counts, self._random) | {"late": np.where(tardy, counts, 0)}
        for aggregate in self._case.aggregates:
            columns[aggregate.name] = self._sum(aggregate, counts, flags)
        return pa.table(columns)

    def _sum(self, aggregate: Aggregate, counts: np.ndarray, flags: dict[str, np.ndarray]) -> pa.Array:
        draw = self._random
        if aggregate.counts_rejected:
            return pa.array(np.zeros(len(counts), dtype=np.int64))
        if aggregate.counts_events:
            if not aggregate.columns:
                return pa.array(counts, pa.int64())
            read = aggregate.columns[0]
            share = 0.3 if self._types[read] == "boolean" else 0.98
            return pa.array(flags[read] if read in flags else draw.binomial(counts, share), pa.int64())
        column = self._sums[aggregate.name]
        if not aggregate.additive:
            return _numbers(column, draw.gamma(2.0, 10.0, len(counts)))
        return _numbers(column, np.maximum(0.0, counts * 15.0 + draw.normal(0.0, 6.0, len(counts)) * np.sqrt(counts)))

    def _spots(self, mixture: Mixture, begin: float, end: float, number: int) -> pa.Table:
        draw, length = self._random, self._case.bucket_seconds
        micros = np.sort(draw.integers(int(begin * 1e6), int(end * 1e6), number))
        bucket_nos = micros // (length * 1_000_000)
        places = pa.array(draw.choice(len(mixture.shares), number, p=mixture.shares))
        given = {
            EVENT_ID: pa.array([f"e{int(begin)}-{i}" for i in range(number)], pa.string()),
            EVENT_TIME: _times(micros),
            BUCKET: _times(bucket_nos * length * 1_000_000),
            BUCKET_NO: pa.array(bucket_nos, pa.int64()),
            self._case.model.task.answer: pa.array(draw.uniform(0, 1, number)),
            SEVERITY: pa.array(draw.gamma(2.0, 10.0, number)),
            **{name: values.take(places) for name, values in mixture.columns.items()},
        }
        return pa.table({c.name: given.get(c.name, self._any(c, number)) for c in self._spotlight})

    def _any(self, column: Column, number: int) -> pa.Array:
        if column.type == "string":
            return pa.array(["as it came"] * number, pa.string())
        if column.type == "boolean":
            return pa.array(self._random.random(number) < 0.5)
        if column.type == "timestamp":
            return pa.nulls(number, _TYPES["timestamp"])
        return _numbers(column, self._random.gamma(2.0, 10.0, number))

    def _refused_sums(self, pulse: pa.Table) -> tuple[pa.Table, int]:
        """Makes two of the first row's sums invalid for any service: one double, one integer."""
        refused = 0
        for type_, value in (("double", float("nan")), ("bigint", REFUSED_INTEGER)):
            name = next((n for n, c in self._sums.items() if c.type == type_ and n.endswith("_sum")), None)
            if name:
                pulse, refused = _first_cell(pulse, name, value), refused + 1
        return pulse, refused

    def _refused_values(self, spotlight: pa.Table) -> tuple[pa.Table, int, int]:
        """Makes the first row's values invalid, and the row severe enough to be sent before all others."""
        if not spotlight.num_rows:
            return spotlight, 0, 0
        refused = long_texts = 0
        own = {c.name: c for c in self._spotlight if c.name in self._case.spotlight.columns}
        bad = {"double": float("inf"), "int": -REFUSED_INTEGER - 1, "string": "é" * LONG_TEXT}
        for type_, value in bad.items():
            name = next((n for n, c in own.items() if c.type == type_), None)
            if name is None:
                continue
            spotlight = _first_cell(spotlight, name, value)
            long_texts += type_ == "string"
            refused += type_ != "string"
        return _first_cell(spotlight, SEVERITY, WORST_SEVERITY), refused, long_texts


def _times(micros: np.ndarray) -> pa.Array:
    return pa.array(micros.astype(np.int64), pa.int64()).cast(_TYPES["timestamp"])


def _numbers(column: Column, values: np.ndarray) -> pa.Array:
    """Values in the column's type; decimals are built from integers in units of the last place."""
    decimal = _DECIMAL.fullmatch(column.type)
    if decimal is None:
        whole = column.type != "double"
        return pa.array(np.round(values).astype(np.int64) if whole else values, _TYPES[column.type])
    precision, scale = int(decimal[1]), int(decimal[2])
    low = np.round(values * 10**scale).astype(np.int64)
    words = np.column_stack([low, low >> 63])  # 128 bits, low word first
    return pa.Array.from_buffers(
        pa.decimal128(precision, scale), len(low), [None, pa.py_buffer(np.ascontiguousarray(words).tobytes())]
    )


def _first_cell(table: pa.Table, name: str, value: object) -> pa.Table:
    place = table.column_names.index(name)
    column = table.column(name)
    changed = pa.concat_arrays([pa.array([value], column.type), *column.slice(1).chunks])
    return table.set_column(place, name, changed)
