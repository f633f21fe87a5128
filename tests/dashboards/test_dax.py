"""Every measure of a template's model, evaluated by an independent DAX engine, says what SQL says over predictions.

The SQL is written here from what a measure is said to mean, not from its DAX: a use case's own measures by
`measure_sql`, a cut-off by classifying every prediction anew at that score, the rest by division and CASE over those.
Tables, columns and relationships are those of the template's own model. Filters sit where visuals put them: on the
label of a dimension and on Pulse[bucket].
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pbix_mcp.dax import engine

from livegold.dashboards.model.semantic_model import semantic_model
from livegold.reporting.blocks import Trend
from livegold.reporting.measures.context import Among, Between, Filter
from livegold.reporting.measures.measure import ByBucket, Count, CountIf, Measure, TrailingWindow, mean
from livegold.reporting.measures.sql import sql_over_predictions
from livegold.reporting.palette import NO_COLOUR, SHAPES, STATE_COLOURS
from livegold.reporting.powerbi.dataset import push_dataset
from livegold.reporting.schema import COMPLETE_TICK, TICK
from livegold.reporting.semantic.derived import (
    NO_DATA,
    CompleteBuckets,
    Freshness,
    LastUpdate,
    Ratio,
    StateColour,
    StateText,
)
from livegold.reporting.semantic.model import Source, model_measures
from livegold.reporting.specification.pages import Page, Row, State
from livegold.reporting.specification.usecase import UseCase
from livegold.reporting.tasks.binary import CUT_OFFS, AtCutOff
from livegold.reporting.usecases.taxi_tips import USECASE as TAXI
from model_cases import bucket_numbers, first_bucket, gold_pulse, prediction_rows, use_cases, values_of, with_cut_offs

SOURCES: tuple[Source, ...] = ("push", "databricks", "directlake", "delta", "sample")
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@dataclass(frozen=True)
class Asked:
    """A place on a page: slicers (each of one or several values), a time range, and what the axes point at."""

    slicers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    axis: Mapping[str, str] = field(default_factory=dict)
    span: tuple[int, int] | None = None
    bucket: int | None = None
    cut_offs: tuple[int, ...] = ()

    def values(self, dimension: str) -> tuple[str, ...] | None:
        """What is left of a dimension; None for all."""
        sets = [set(self.slicers[dimension])] if dimension in self.slicers else []
        sets += [{self.axis[dimension]}] if dimension in self.axis else []
        return tuple(sorted(set.intersection(*sets))) if sets else None

    @property
    def filters(self) -> list[Filter]:
        named = {*self.slicers, *self.axis}
        found: list[Filter] = [Among(d, self.values(d) or ()) for d in sorted(named)]
        found += [Between(*self.span)] if self.span else []
        return found + ([Between(self.bucket, self.bucket)] if self.bucket is not None else [])


@st.composite
def asked(draw: st.DrawFn, case: UseCase) -> Asked:
    values = values_of(case)
    slicers = {}
    for dimension in draw(st.lists(st.sampled_from(list(values)), max_size=2, unique=True)):
        some = st.lists(st.sampled_from(values[dimension]), min_size=1, max_size=3, unique=True)
        slicers[dimension] = tuple(draw(some))
    axis = {}
    if draw(st.booleans()):
        dimension = draw(st.sampled_from([*values, "score_band"]))
        axis[dimension] = draw(st.sampled_from(values[dimension]))
    numbers = st.sampled_from(bucket_numbers(case))
    span = draw(st.none() | st.tuples(numbers, numbers).map(sorted).map(tuple))
    bucket = draw(st.none() | numbers)
    one = st.sampled_from(CUT_OFFS).map(lambda c: (c,))
    cut_offs = draw(
        one | st.just(()) | st.lists(st.sampled_from(CUT_OFFS), min_size=1, max_size=3, unique=True).map(tuple)
    )
    return Asked(slicers, axis, span, bucket, cut_offs if case.model.task.parameters else ())


# ---- DAX -------------------------------------------------------------------------------------------------------------


class Dax:
    """A template's model with rows, as Power BI would have it."""

    def __init__(
        self,
        case: UseCase,
        source: Source,
        rows: Sequence[dict],
        rejected: Sequence[dict] = (),
        changed: Mapping[str, str] | None = None,
    ) -> None:
        self.case = case
        self.measures = {m.name: m.dax for m in model_measures(case, source)} | dict(changed or {})
        pulse = [*gold_pulse(case, rows), *rejected]
        self.buckets = sorted({r["bucket"] for r in pulse})
        filled = {"Pulse": pulse, "Spotlight": []} | {
            d.table: [{"key": v, "label": v, "order": n} for n, v in enumerate(values_of(case)[d.name])]
            for d in case.all_dimensions
        }
        filled |= {p.table: p.rows() for p in case.model.task.parameters}
        if source == "push":
            filled["Totals"] = _ticks(case, pulse)
            columns, related = _of_dataset(case)
        else:
            columns, related = _of_model(case, source)
        self.tables = {
            table: {"columns": list(columns[table]), "rows": [[_cell(r[c]) for c in columns[table]] for r in rows]}
            for table, rows in filled.items()
        }
        money = {table: {c for c, kind in columns[table].items() if kind.lower() == "decimal"} for table in self.tables}
        engine.mark_currency_columns(self.tables, money)
        self.relationships = [r for r in related if r["FromTable"] in self.tables]

    def values(self, names: Sequence[str], at: Asked) -> dict[str, Any]:
        context: dict[str, list] = {}
        for dimension in self.case.all_dimensions:
            kept = at.values(dimension.name)
            if kept is not None:
                context[f"{dimension.table}.label"] = list(kept) or ["no such value"]
            if kept and dimension.name in at.axis:
                # An axis is grouped by the column that its labels are sorted by, too.
                context[f"{dimension.table}.order"] = [values_of(self.case)[dimension.name].index(v) for v in kept]
        seconds = self.case.bucket_seconds
        if at.span or at.bucket is not None:
            number = {b: int((b - datetime(1970, 1, 1)).total_seconds()) // seconds for b in self.buckets}
            spans = [Between(*at.span)] if at.span else []
            spans += [Between(at.bucket, at.bucket)] if at.bucket is not None else []
            kept_times = [b for b in self.buckets if all(number[b] in s for s in spans)]
            context["Pulse.bucket"] = kept_times or [datetime(1999, 1, 1)]
        if at.cut_offs:
            context["Cut Off.label"] = [f"{c}%" for c in at.cut_offs]
        found = engine.evaluate_measures_batch(
            list(names), self.tables, self.measures, context, relationships=self.relationships
        )
        return {name: found[name] for name in names}


def _cell(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _of_model(case: UseCase, source: Source) -> tuple[dict[str, dict[str, str]], list[dict[str, Any]]]:
    """Data types by table and column, and relationships, of the model that is written as TMDL."""
    from livegold.dashboards.sample_rows import SampleRows

    model = semantic_model(case, source, rows=SampleRows.none(case))
    columns = {t.name: {c.name: c.data_type for c in t.columns} for t in model.tables}
    return columns, [_related(r.table, r.column, r.to_table, r.to_column) for r in model.relationships]


def _of_dataset(case: UseCase) -> tuple[dict[str, dict[str, str]], list[dict[str, Any]]]:
    definition = push_dataset(case)
    columns = {t["name"]: {c["name"]: c["dataType"] for c in t["columns"]} for t in definition["tables"]}
    related = definition["relationships"]
    return columns, [_related(r["fromTable"], r["fromColumn"], r["toTable"], r["toColumn"]) for r in related]


def _related(table: str, column: str, to_table: str, to_column: str) -> dict[str, Any]:
    return {"FromTable": table, "FromColumn": column, "ToTable": to_table, "ToColumn": to_column, "IsActive": 1}


def _ticks(case: UseCase, pulse: Sequence[dict]) -> list[dict[str, Any]]:
    """Totals: a whole tick of half of the rows, a whole one of all, and one that was cut."""
    dimensions = [d.name for d in case.all_dimensions]
    additive = [a.name for a in case.aggregates if a.additive]
    ticks = []
    for tick, rows in ((1, pulse[::2]), (2, pulse), (3, pulse)):
        sums: dict[tuple, dict[str, Any]] = {}
        for row in rows:
            total = sums.setdefault(tuple(row[d] for d in dimensions), dict.fromkeys(additive, 0))
            for name in additive:
                total[name] += row[name]
        of_tick = [
            {TICK: tick, COMPLETE_TICK: 0, "spotlight_left_out": 0} | dict(zip(dimensions, key, strict=True)) | total
            for key, total in sums.items()
        ]
        if of_tick and tick < 3:
            of_tick[-1][COMPLETE_TICK] = tick
        ticks += of_tick
    return ticks


# ---- SQL -------------------------------------------------------------------------------------------------------------

_ARROW = {"string": pa.string(), "int": pa.int64(), "bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}


class Sql:
    """The same measures over the same predictions, by DuckDB."""

    def __init__(self, case: UseCase, rows: Sequence[dict]) -> None:
        self.case = case
        self.db = duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False})
        there = set(rows[0])
        columns = {c.name: _arrow(c.type) for c in case.prediction_columns if c.name in there}
        table = pa.table({n: pa.array([r[n] for r in rows], kind) for n, kind in columns.items()})
        self.db.register("predictions", table)

    def values(self, at: Asked) -> dict[str, Any]:
        """Every measure of the model but Freshness."""
        own = self._asked("predictions", self.case.measures, at.filters)
        task = self.case.model.task
        start = task.parameters[0].start if task.parameters else 50
        cut = at.cut_offs[0] if len(at.cut_offs) == 1 else start
        self.db.execute(
            f"""
            CREATE OR REPLACE TEMP VIEW reclassified AS SELECT * REPLACE (
                score >= {cut / 100!r} AND outcome AS tp, score >= {cut / 100!r} AND NOT outcome AS fp,
                score < {cut / 100!r} AND NOT outcome AS tn, score < {cut / 100!r} AND outcome AS fn) FROM predictions
            """
        )
        as_measures = [Measure(c.name, c.expression) for c in task.derived_measures if isinstance(c, AtCutOff)]
        own |= self._asked("reclassified", as_measures, at.filters) if as_measures else {}
        times = " AND ".join(["true", *(_between(f) for f in at.filters if isinstance(f, Between))])
        newest, newest_here = self._row(
            f"SELECT max(bucket), max(CASE WHEN {times} THEN bucket END) AS here FROM predictions"
        ).values()
        self.db.register("own", _one_row(own))
        found = dict(own)
        for m in model_measures(self.case, "delta"):
            if isinstance(m.of, CompleteBuckets):
                closed = newest_here is not None and newest_here < newest
                if closed and m.of.buckets is not None:
                    reach = timedelta(seconds=m.of.buckets * self.case.bucket_seconds)
                    closed = newest_here >= newest - reach
                found[m.name] = own[m.of.of] if closed else None
            elif isinstance(m.of, LastUpdate):
                found[m.name] = newest
            elif isinstance(m.of, Ratio):
                found[m.name] = self._one(f"SELECT {_ratio(m.of)} AS v FROM own")
        self.db.register("own", _one_row(found))
        for m in model_measures(self.case, "delta"):
            if isinstance(m.of, StateText | StateColour):
                found[m.name] = self._one(f"SELECT {_state(m.of)} AS v FROM own")
        return found

    def _asked(self, table: str, measures: Sequence[Measure], filters: Sequence[Filter]) -> dict[str, Any]:
        return self._row(sql_over_predictions(measures, table, (), filters, bucket_seconds=self.case.bucket_seconds))

    def _row(self, query: str) -> dict[str, Any]:
        cursor = self.db.execute(query)
        names = [d[0] for d in cursor.description or ()]
        (row,) = cursor.fetchall()
        return dict(zip(names, row, strict=True))

    def _one(self, query: str) -> Any:
        return self._row(query)["v"]


def _arrow(kind: str) -> pa.DataType:
    if kind.startswith("decimal"):
        digits, scale = kind[len("decimal(") : -1].split(",")
        return pa.decimal128(int(digits), int(scale))
    return _ARROW.get(kind, pa.timestamp("us"))


def _one_row(values: Mapping[str, Any]) -> pa.Table:
    def typed(value: Any) -> pa.Array:
        return pa.array([value], pa.float64() if value is None else None)

    return pa.table({name: typed(value) for name, value in values.items()})


def _d(name: str) -> str:
    return f'CAST("{name}" AS DOUBLE)'


def _ratio(of: Ratio) -> str:
    divided = f"{_d(of.of)} / nullif({_d(of.to)} * CAST({of.factor!r} AS DOUBLE), 0)"
    if of.most is None:
        return divided
    return f"CASE WHEN {divided} > {of.most!r} THEN {of.most!r} ELSE {divided} END"


def _between(span: Between) -> str:
    return f"bucket_no BETWEEN {span.first} AND {span.last}"


def _state(of: StateText | StateColour) -> str:
    state = of.state
    if isinstance(of, StateText):
        said = [f"{shape} {word}" for shape, word in zip(SHAPES, state.words, strict=True)]
        blank = NO_DATA
    else:
        said, blank = list(STATE_COLOURS), NO_COLOUR
    value = _d(state.measure)
    good, bad = (">=", "<=") if state.good > state.bad else ("<=", ">=")
    return (
        f"CASE WHEN {value} IS NULL THEN '{blank}' WHEN {value} {good} CAST({state.good!r} AS DOUBLE) THEN '{said[0]}' "
        f"WHEN {value} {bad} CAST({state.bad!r} AS DOUBLE) THEN '{said[2]}' ELSE '{said[1]}' END"
    )


# ---- both ------------------------------------------------------------------------------------------------------------


def same(found: Any, expected: Any) -> bool:
    if found is None or expected is None or isinstance(expected, str | datetime):
        return found == expected
    return math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1e-9)


def differences(case: UseCase, dax: Dax, sql: Sql, at: Asked) -> list[str]:
    """What the two say differently, a line for each measure."""
    expected = sql.values(at)
    found = dax.values(list(expected), at)
    return [
        f"{name}: DAX says {found[name]!r}, SQL {value!r}, at {at}:\n{dax.measures[name]}"
        for name, value in expected.items()
        if not same(found[name], value)
    ]


def check(case: UseCase, source: Source, rows: Sequence[dict], contexts: Sequence[Asked]) -> None:
    dax, sql = Dax(case, source, rows), Sql(case, rows)
    for at in contexts:
        assert not differences(case, dax, sql, at)


@pytest.mark.parametrize("source", ["push", "delta"])
@settings(SLOW, max_examples=15)
@given(data=st.data())
def test_every_measure_of_taxi_tips_says_what_sql_says(source: Source, data: st.DataObject) -> None:
    rows = data.draw(prediction_rows(TAXI))
    check(TAXI, source, rows, data.draw(st.lists(asked(TAXI), min_size=2, max_size=4)))


@pytest.mark.parametrize("source", ["push", "delta"])
@settings(SLOW, max_examples=60)
@given(data=st.data())
def test_every_measure_of_any_use_case_says_what_sql_says(source: Source, data: st.DataObject) -> None:
    case = data.draw(use_cases())
    rows = data.draw(prediction_rows(case))
    check(case, source, rows, data.draw(st.lists(asked(case), min_size=2, max_size=4)))


@settings(SLOW, max_examples=40)
@given(case=use_cases())
def test_all_models_over_gold_have_the_same_measures(case: UseCase) -> None:
    def said(source: Source) -> dict[str, str]:
        return {m.name: m.dax for m in model_measures(case, source)}

    assert said("databricks") == said("directlake") == said("delta")
    different = {name for name, dax in said("sample").items() if dax != said("delta")[name]}
    assert different == {Freshness(0).name}


# ---- what is told from the clock and from quarantine ----------------------------------------------------------------


def test_freshness_is_stale_from_the_second_after() -> None:
    (freshness,) = [m.of for m in model_measures(TAXI, "delta") if isinstance(m.of, Freshness)]
    newest = datetime(2026, 1, 5, 23, 59, 50)
    row = _row(TAXI, newest)
    for source in ("push", "delta"):
        dax = {m.name: m.dax for m in model_measures(TAXI, source)}["Freshness"]
        for age in (0, 1, freshness.stale_after_seconds, freshness.stale_after_seconds + 1, 90_000):
            now = newest + timedelta(seconds=age)
            pinned = f"(DATE({now.year}, {now.month}, {now.day}) + TIME({now.hour}, {now.minute}, {now.second}))"
            assert "UTCNOW()" in dax
            found = Dax(TAXI, source, [row], changed={"Freshness": dax.replace("UTCNOW()", pinned)})
            wanted = freshness.value(newest, now)
            for at in (Asked(), Asked(slicers={"borough": ("Bronx",)}), Asked(span=(0, 1))):
                assert found.values(["Freshness"], at) == {"Freshness": wanted}, (source, age)
            assert wanted == ("▼ stale" if age > freshness.stale_after_seconds else "● live")
        assert Dax(TAXI, source, []).values(["Freshness"], Asked()) == {"Freshness": NO_DATA}
    assert Dax(TAXI, "sample", [row]).values(["Freshness"], Asked()) == {"Freshness": "○ sample rows"}


@pytest.mark.parametrize("source", ["push", "delta"])
def test_rejected_events_are_counted_in_time_and_belong_to_no_borough(source: Source) -> None:
    first = first_bucket(TAXI)
    good = [_row(TAXI, _start(TAXI, first + n)) for n in (0, 5, 20, 20)]
    empty = {a.name: 0 for a in TAXI.aggregates} | {d.name: "unknown" for d in TAXI.all_dimensions}
    bad = [
        empty | {"bucket": _start(TAXI, n), "bucket_no": n, "rejected": count}
        for n, count in ((first, 2), (first + 12, 1), (first + 20, 4))
    ]
    dax = Dax(TAXI, source, good, rejected=bad)

    def rejected(at: Asked) -> tuple[Any, Any]:
        found = dax.values(["Events rejected", "Rejected, last 2 min"], at)
        return found["Events rejected"], found["Rejected, last 2 min"]

    # The last 2 minutes are 12 buckets: 9 to 20, with 2 of 4 good events and 5 of 7 bad ones.
    assert rejected(Asked()) == (7, pytest.approx(5 / 7))
    assert rejected(Asked(span=(first, first + 12))) == (7, pytest.approx(1 / 2))
    assert rejected(Asked(slicers={"borough": ("Manhattan",)})) == (0, 0)
    assert rejected(Asked(slicers={"borough": ("unknown",)})) == (7, 1)


# ---- a wrong formula is caught --------------------------------------------------------------------------------------

_TP, _FP, _TN, _FN = (CountIf(cell) for cell in ("tp", "fp", "tn", "fn"))
_ACCURACY = (_TP + _TN) / (_TP + _FP + _TN + _FN)
FEW = dataclasses.replace(
    TAXI,
    measures=(
        Measure("Trips", Count()),
        Measure("Trips, last minute", Count(), TrailingWindow(1)),
        Measure("Trips, last 3 min", Count(), TrailingWindow(3)),
        Measure("Trips a minute", 6 * Count(), ByBucket()),
        Measure("Accuracy", _ACCURACY),
        Measure("Mean fare", mean("fare")),
    ),
    ratios=(Ratio("Pace", "Trips, last minute", "Trips, last 3 min", 1.25, most=0.5),),
    model=with_cut_offs(
        TAXI, AtCutOff("Recall at cut-off", _TP / (_TP + _FN)), AtCutOff("Earned at cut-off", 3 * _TP - 2 * _FP)
    ),
    states=(State("Pace", 0.4, 0.2),),
    pages=(Page("Page", (Row((Trend(("Trips a minute",)),)),)),),
)


@pytest.fixture(scope="module")
def examples() -> list[tuple[list[dict], list[Asked], list[dict[str, Any]]]]:
    """Predictions of FEW, what is asked of them, and what SQL says to each: always the same."""
    found: list[tuple[list[dict], list[Asked], list[dict[str, Any]]]] = []

    @settings(SLOW, max_examples=40, database=None, derandomize=True, phases=[Phase.generate])
    @given(rows=prediction_rows(FEW), contexts=st.lists(asked(FEW), min_size=3, max_size=3))
    def collect(rows: list[dict], contexts: list[Asked]) -> None:
        sql = Sql(FEW, rows)
        found.append((rows, contexts, [sql.values(at) for at in contexts]))

    collect()
    return found


WRONG = [
    ("Accuracy", "push", " + _tn", " - _tn"),
    ("Accuracy", "delta", "REMOVEFILTERS(Pulse[bucket]),", ""),
    ("Trips, last minute", "delta", "__newest - 6", "__newest - 5"),
    ("Trips, last minute", "delta", "ALLEXCEPT(Pulse, Pulse[bucket], Pulse[bucket_no])", "REMOVEFILTERS(Pulse)"),
    ("Trips, last 3 min", "push", "<= __newest", "< __newest"),
    ("Trips a minute", "delta", "6 *", "60 *"),
    ("Trips", "push", "Totals[tick] = __tick", "Totals[tick] >= __tick"),
    ("Mean fare", "push", "_fare_count, DOUBLE", "_fare_count + 1, DOUBLE"),
    ("Pace", "delta", "* 1.25", "* 1.26"),
    ("Pace", "push", "__ratio > 0.5", "__ratio > 0.9"),
    ("Pace, state", "delta", ">= 0.4", "> 0.4"),
    ("Pace, colour", "push", "<= 0.2", "< 0.2"),
    ("Trips a minute, closed", "push", "__here < __newest", "__here <= __newest"),
    # Where a borough has no row of the newest bucket, that bucket is open all the same.
    ("Trips a minute, closed", "delta", "CALCULATE(MAX(Pulse[bucket_no]), ALLEXCEPT", "MAX(Pulse[bucket_no]) // "),
    ("Recall at cut-off", "delta", "* 10 >= __cut", "* 10 > __cut"),
    ("Recall at cut-off", "push", "[order], 50)", "[order], 60)"),
    ("Earned at cut-off", "delta", "REMOVEFILTERS(Pulse[bucket]), ", ""),
    ("Earned at cut-off", "push", "SUM(Totals[fp]) + SUM(Totals[tn])", "SUM(Totals[fp])"),
    ("Last update", "delta", ", REMOVEFILTERS(Pulse)", ""),
]


@pytest.mark.parametrize(("measure", "source", "right", "wrong"), WRONG, ids=[f"{w[0]} {w[1]} {w[2]}" for w in WRONG])
def test_a_changed_formula_is_caught(examples: list, measure: str, source: Source, right: str, wrong: str) -> None:
    dax = {m.name: m.dax for m in model_measures(FEW, source)}[measure]
    assert right in dax, dax
    for formula, is_wrong in ((dax, False), (dax.replace(right, wrong), True)):
        caught = False
        for rows, contexts, expected in examples:
            model = Dax(FEW, source, rows, changed={measure: formula})
            for at, values in zip(contexts, expected, strict=True):
                caught |= not same(model.values([measure], at)[measure], values[measure])
        assert caught is is_wrong, formula


def _start(case: UseCase, bucket_no: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=bucket_no * case.bucket_seconds)


def _row(case: UseCase, bucket: datetime) -> dict[str, Any]:
    """A prediction of that bucket: no outcome yet, in Manhattan."""
    number = int((bucket - datetime(1970, 1, 1)).total_seconds()) // case.bucket_seconds
    row: dict[str, Any] = dict.fromkeys(c.name for c in case.prediction_columns)
    row |= {d.name: values_of(case)[d.name][0] for d in case.all_dimensions}
    return row | {"bucket": bucket, "bucket_no": number, "score": 0.25, "unknown": True}
