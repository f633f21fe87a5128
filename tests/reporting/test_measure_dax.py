"""The DAX renderings of random measures, evaluated by an independent engine, say what plain Python says.

The model is the one that Power BI has: dimension tables related many-to-one, in one direction, to Pulse and Totals, and
for models over gold a table of buckets related to Pulse. Filters and axes sit on the dimension tables, as slicers do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pbix_mcp.dax import engine

from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures.context import Among, Between, Filter
from livegold.reporting.measures.dax import dax_for_delta, dax_for_push, dax_of_tick
from livegold.reporting.measures.measure import (
    AllTime,
    ByBucket,
    Count,
    CountIf,
    Max,
    Measure,
    Min,
    Sum,
    TrailingWindow,
    distinct_aggregates,
    mean,
)
from livegold.reporting.measures.python import evaluate
from measure_cases import (
    BUCKET_SECONDS,
    BUCKETS,
    DIMENSIONS,
    FIRST_BUCKET,
    assert_same_value,
    batches,
    bucket_rows,
    filters,
    groupings,
    measures,
    pulse_of,
    totals_of,
)

NO_SUCH_BUCKET = -1


def _table(columns: Sequence[str], rows: Iterable[dict]) -> dict[str, list]:
    def cell(value: Any) -> Any:
        return float(value) if isinstance(value, Decimal) else value

    return {"columns": list(columns), "rows": [[cell(row[c]) for c in columns] for row in rows]}


def _related(fact: str, column: str, table: str, key: str) -> dict[str, Any]:
    return {"FromTable": fact, "FromColumn": column, "ToTable": table, "ToColumn": key, "IsActive": 1}


class Model:
    """Tables and relationships as a dataset has them, with measures to be evaluated in a filter context."""

    def __init__(
        self,
        asked: Sequence[Measure],
        pulse: Sequence[dict],
        totals: Sequence[dict] | None = None,
        buckets: Sequence[dict] | None = None,
    ) -> None:
        self.time_table = "Pulse" if buckets is None else "Buckets"
        aggregates = distinct_aggregates(asked)
        self.tables = {
            name.title(): _table(["key"], [{"key": v} for v in values]) for name, values in DIMENSIONS.items()
        }
        self.tables["Pulse"] = _table(["bucket", "bucket_no", *DIMENSIONS, *(a.name for a in aggregates)], pulse)
        self.relationships = [_related("Pulse", d, d.title(), "key") for d in DIMENSIONS]
        if totals is not None:
            additive = [a.name for a in aggregates if a.additive]
            self.tables["Totals"] = _table(["tick", "complete_tick", *DIMENSIONS, *additive], totals)
            self.relationships += [_related("Totals", d, d.title(), "key") for d in DIMENSIONS]
        if buckets is not None:
            self.tables["Buckets"] = _table(["bucket", "bucket_no"], buckets)
            self.relationships.append(_related("Pulse", "bucket_no", "Buckets", "bucket_no"))
        money = {a.name for a in aggregates if a.columns == ("fare",) and not a.name.endswith("_count")}
        engine.mark_currency_columns(
            self.tables, {t: money & set(self.tables[t]["columns"]) for t in ("Pulse", "Totals") if t in self.tables}
        )

    def value(self, dax: str, where: Sequence[Filter], group: dict[str, Any]) -> Any:
        column = self.tables[self.time_table]["columns"].index("bucket_no")
        there = {row[column] for row in self.tables[self.time_table]["rows"]}
        context: dict[str, list] = {}
        for dimension in DIMENSIONS:
            allowed = [set(f.values) for f in where if isinstance(f, Among) and f.column == dimension]
            allowed += [{group[dimension]}] if dimension in group else []
            if allowed:
                context[f"{dimension.title()}.key"] = sorted(set.intersection(*allowed)) or ["no such value"]
        spans = [f for f in where if isinstance(f, Between)]
        if spans or "bucket_no" in group:
            kept = {n for n in there if all(n in f for f in spans)}
            kept &= {group["bucket_no"]} if "bucket_no" in group else kept
            context[f"{self.time_table}.bucket_no"] = sorted(kept) or [NO_SUCH_BUCKET]
        if "bucket" in group:
            context[f"{self.time_table}.bucket"] = [group["bucket"]]
        result = engine.evaluate_measures_batch(
            ["m"], self.tables, {"m": dax}, context, relationships=self.relationships
        )
        return result["m"]


def _assert_dax_says_what_python_says(model: Model, rendered, expected, asked, by, where) -> None:
    for row in expected:
        group = {b: row[b] for b in by}
        for measure, dax in zip(asked, rendered, strict=True):
            found = model.value(dax, where, group)
            assert_same_value(found, row[measure.name], exact=False, place=f"{measure} in {group}:\n{dax}\n")


@settings(max_examples=40, deadline=None)
@given(batches=batches, asked=measures(push=True), by=groupings, where=filters)
def test_dax_of_a_push_dataset_says_what_python_says(batches, asked, by, where):
    rows = [row for batch in batches for row in batch]
    model = Model(asked, pulse_of(batches, asked), totals_of(batches, asked))
    rendered = [dax_for_push(m, BUCKET_SECONDS) for m in asked]
    _assert_dax_says_what_python_says(model, rendered, evaluate(asked, rows, by, where), asked, by, where)


@settings(max_examples=40, deadline=None)
@given(batches=batches, asked=measures(), by=groupings, where=filters)
def test_dax_over_delta_says_what_python_says(batches, asked, by, where):
    rows = [row for batch in batches for row in batch]
    model = Model(asked, pulse_of(batches, asked))
    rendered = [dax_for_delta(m, BUCKET_SECONDS) for m in asked]
    _assert_dax_says_what_python_says(model, rendered, evaluate(asked, rows, by, where), asked, by, where)


@settings(max_examples=25, deadline=None)
@given(batches=batches, asked=measures(), by=groupings, where=filters, silent=st.sets(st.integers(0, BUCKETS + 1)))
def test_dax_over_delta_with_a_table_of_buckets_says_what_python_says(batches, asked, by, where, silent):
    rows = [row for batch in batches for row in batch]
    buckets = bucket_rows(sorted({r["bucket_no"] for r in rows} | {FIRST_BUCKET + n for n in silent}))
    model = Model(asked, pulse_of(batches, asked), buckets=buckets)
    rendered = [dax_for_delta(m, BUCKET_SECONDS, buckets="Buckets") for m in asked]
    expected = evaluate(asked, rows, by, where, buckets=buckets)
    _assert_dax_says_what_python_says(model, rendered, expected, asked, by, where)


def _event(bucket_no: int, borough: str, tp: bool | None = True, miles: float | None = 1.0) -> dict:
    values = {
        "borough": borough,
        "payment": "cash",
        "tp": tp,
        "unknown": None,
        "passengers": 1,
        "fare": None,
        "miles": miles,
    }
    return bucket_rows([bucket_no])[0] | values


def _pushed(measure: Measure, batches: Sequence[Sequence[dict]], where=(), **group) -> Any:
    model = Model([measure], pulse_of(batches, [measure]), totals_of(batches, [measure]))
    return model.value(dax_for_push(measure, BUCKET_SECONDS), where, group)


def test_counts_of_nothing_are_zero_and_blank_goes_through_every_operator():
    assert _pushed(Measure("m", Count()), []) == 0
    assert _pushed(Measure("m", Sum("miles"), TrailingWindow(5)), []) == 0
    ratio = CountIf("tp") / Count()
    for expression in (ratio, 5 - ratio, ratio + 5, 5 * ratio, ratio / 5, 5 / ratio, -ratio, ratio - ratio):
        for scope in (AllTime(), TrailingWindow(5), ByBucket()):
            assert _pushed(Measure("m", expression, scope), []) is None, expression
    assert _pushed(Measure("m", 5 - Min("miles"), ByBucket()), []) is None


def test_a_tick_cut_in_the_middle_and_one_in_doubt_do_not_count():
    batch = [_event(FIRST_BUCKET, borough) for borough in ("Bronx", "Queens", "Bronx")]
    measure = Measure("m", Count())
    whole, later = totals_of([batch], [measure])[2:4], [_event(FIRST_BUCKET, "Queens")]
    assert [r["complete_tick"] for r in whole] == [0, 2]
    dax = dax_for_push(measure, BUCKET_SECONDS)
    cut = [{**whole[0], "tick": 3, "complete_tick": 0, "events": 1000}]
    pulse = pulse_of([batch, later], [measure])
    assert Model([measure], pulse, whole + cut).value(dax, [], {}) == 3
    assert Model([measure], pulse, whole + cut).value(dax, [], {"borough": "Queens"}) == 1
    finished = [*cut, {**whole[1], "tick": 3, "complete_tick": 3, "events": 7}]
    assert Model([measure], pulse, whole + finished).value(dax, [], {}) == 1007
    assert Model([measure], pulse, cut).value(dax, [], {}) == 0


def test_the_newest_tick_is_found_whatever_the_dimension_that_is_looked_at():
    first, second = [_event(FIRST_BUCKET, "Bronx")], [_event(FIRST_BUCKET, "Queens")]
    measure = Measure("m", Count())
    # "Bronx" sorts first, so the row that marks the tick as complete is that of Queens.
    assert _pushed(measure, [first, second], borough="Bronx") == 1


def test_a_window_ends_at_the_newest_bucket_of_all_dimensions_and_rolls_on_an_axis():
    batch = [_event(FIRST_BUCKET, "Bronx"), _event(FIRST_BUCKET + 3, "Queens")]
    in_bronx = [Among("borough", ("Bronx",))]
    assert _pushed(Measure("m", Count(), TrailingWindow(3)), [batch], in_bronx) == 0
    assert _pushed(Measure("m", Count(), TrailingWindow(4)), [batch], in_bronx) == 1
    assert _pushed(Measure("m", Count(), TrailingWindow(3)), [batch], bucket_no=FIRST_BUCKET) == 1
    assert _pushed(Measure("m", Count(), TrailingWindow(1)), [batch], [*in_bronx, Between(last=FIRST_BUCKET)]) == 1


def test_so_far_over_delta_is_not_narrowed_by_time():
    batch = [_event(FIRST_BUCKET, "Bronx"), _event(FIRST_BUCKET + 3, "Queens")]
    measure = Measure("m", Count())
    model = Model([measure], pulse_of([batch], [measure]))
    group = bucket_rows([FIRST_BUCKET])[0]
    assert model.value(dax_for_delta(measure, BUCKET_SECONDS), [], group) == 2


def test_the_window_is_counted_in_buckets_of_the_use_case():
    assert "__newest - 2," in dax_for_push(Measure("m", Count(), TrailingWindow(1)), 30)
    with pytest.raises(SpecificationError, match=r"TrailingWindow\(1\) is 60 seconds.*bucket's 45"):
        dax_for_push(Measure("m", Count(), TrailingWindow(1)), 45)


@pytest.mark.parametrize("extreme", [Min("miles"), Max("miles")], ids=["min", "max"])
def test_an_extreme_so_far_is_refused_for_push_and_told_over_delta(extreme):
    measure = Measure("Longest", 1 + extreme)
    with pytest.raises(SpecificationError, match=r"Longest.*'miles'.*Totals.*scope=TrailingWindow"):
        dax_for_push(measure, BUCKET_SECONDS)
    batch = [_event(FIRST_BUCKET, "Bronx", miles=2.0), _event(FIRST_BUCKET + 3, "Queens", miles=None)]
    model = Model([measure], pulse_of([batch], [measure]))
    assert model.value(dax_for_delta(measure, BUCKET_SECONDS), [], {}) == 3.0
    assert model.value(dax_for_delta(measure, BUCKET_SECONDS), [], {"borough": "Queens"}) is None


def test_a_mean_of_money_is_not_rounded_to_the_four_places_of_a_fixed_decimal():
    batch = [_event(FIRST_BUCKET, "Bronx") | {"fare": fare} for fare in (Decimal(1), Decimal(0), Decimal(0))]
    assert _pushed(Measure("m", mean("fare")), [batch]) == pytest.approx(1 / 3, rel=1e-12)


def test_a_column_of_the_newest_whole_tick_is_the_same_whatever_is_filtered() -> None:
    rows = [
        {"tick": 1, "complete_tick": 0, **dict.fromkeys(DIMENSIONS, "a"), "left_out": 0},
        {"tick": 1, "complete_tick": 1, **dict.fromkeys(DIMENSIONS, "b"), "left_out": 3},
        {"tick": 2, "complete_tick": 0, **dict.fromkeys(DIMENSIONS, "a"), "left_out": 0},
        {"tick": 2, "complete_tick": 2, **dict.fromkeys(DIMENSIONS, "b"), "left_out": 7},
        {"tick": 3, "complete_tick": 0, **dict.fromkeys(DIMENSIONS, "a"), "left_out": 9},
    ]
    model = Model([], [], totals=[])
    model.tables["Totals"] = _table(["tick", "complete_tick", *DIMENSIONS, "left_out"], rows)
    for dimension in DIMENSIONS:
        model.tables[dimension.title()] = _table(["key"], [{"key": "a"}, {"key": "b"}])
    for where in ([], [Among(next(iter(DIMENSIONS)), ("a",))], [Among(next(iter(DIMENSIONS)), ("b",))]):
        assert model.value(dax_of_tick("left_out"), where, {}) == 7
