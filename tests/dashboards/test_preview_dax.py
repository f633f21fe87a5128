"""What the preview computes for a visual is what its DAX gives, by an independent engine, over equal rows."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from itertools import product
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_dax import SLOW, Asked, Dax, asked, same

from livegold.dashboards.preview.context import time_of
from livegold.dashboards.preview.engine import Engine
from livegold.reporting.drawing import Answer, Filters, Question
from livegold.reporting.pbir import Field
from livegold.reporting.schema import CUT_OFF
from livegold.reporting.semantic.derived import Freshness
from livegold.reporting.specification.usecase import UseCase
from model_cases import prediction_rows, use_cases
from preview_cases import CASE, questions_of, tables_of

NOW = dt.datetime(2026, 3, 1, 12, 30)
# Shrinking rows of a whole model takes minutes and shows little more.
QUICK = settings(SLOW, phases=(Phase.explicit, Phase.reuse, Phase.generate))
# An engine of Python lists takes its time; which groups of a visual are asked is drawn anew for each.
MAX_GROUPS = 12


def measure(name: str) -> Field:
    return Field("Pulse", name, True)


def assert_equals_dax(case: UseCase, dax: Any, engine: Engine, question: Question, at: Any) -> None:
    """Every row of the answer has the values of the DAX, and every group that is left out is blank."""
    filters = Filters(cut_off=at.cut_offs[0] if len(set(at.cut_offs)) == 1 else None)
    for dimension in at.slicers:
        filters = filters.among(dimension, tuple(at.slicers[dimension]))
    if at.span:
        first, last = (time_of(n * case.bucket_seconds) for n in at.span)
        filters = filters.between(first, last)
    answer = engine.one(question, filters, NOW)
    kinds = {k.field: k for k in answer.fields}
    names = [k.name for k in answer.fields if k.kind == "measure" and not _tells_time(engine, k.name)]
    axes = [k for k in answer.fields if k.kind in ("label", "time")]
    if not names or any(k.kind == "spotlight" for k in answer.fields):
        return
    shown = {_group(answer, row): row for row in answer.rows}
    every: list[list[Any]] = [
        [b for b in dax.buckets if _inside(case, b, at)] if k.kind == "time" else _labels(engine, k.name, filters)
        for k in axes
    ]
    groups = list(product(*every))
    random.Random(len(groups)).shuffle(groups)
    for group in groups[:MAX_GROUPS]:
        axis, bucket, cut_offs = {}, None, at.cut_offs
        for known, value in zip(axes, group, strict=True):
            if known.kind == "time":
                bucket = int((value - dt.datetime(1970, 1, 1)).total_seconds()) // case.bucket_seconds
            elif known.name == CUT_OFF:
                cut_offs = (int(value.rstrip("%")),)
            else:
                axis[known.name] = value
        filtering = [f.property for f, _ in question.above]
        expected = dax.values([*names, *filtering], Asked(at.slicers, axis, at.span, bucket, cut_offs))
        # A blank is not above 0; that it would be above -1 no filter of ours asks.
        passes = all((expected[f.property] or 0) > least for f, least in question.above)
        row = shown.get(group)
        counted = [n for n in names if measure(n) in question.fields]
        if row is None:
            assert not passes or all(expected[n] is None for n in counted), (group, expected, question)
            continue
        assert passes, (group, expected, question)
        for known, value in zip(answer.fields, row, strict=True):
            if known.name in expected and known.kind == "measure":
                assert same(value, expected[known.name]), (known.name, value, expected[known.name], group, at)
    assert len(kinds) == len(answer.fields)


def _tells_time(engine: Engine, name: str) -> bool:
    return isinstance(engine.vocabulary.of(name), Freshness)


def _group(answer: Answer, row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(v for k, v in zip(answer.fields, row, strict=True) if k.kind in ("label", "time"))


def _labels(engine: Engine, name: str, filters: Filters) -> list[str]:
    chosen = dict(filters.values).get(name)
    return [
        v.label
        for v in engine.labels(name)
        if (chosen is None or v.key in chosen) and (name != CUT_OFF or filters.cut_off in (None, v.order))
    ]


def _inside(case: UseCase, bucket: dt.datetime, at: Any) -> bool:
    number = int((bucket - dt.datetime(1970, 1, 1)).total_seconds()) // case.bucket_seconds
    return at.span is None or at.span[0] <= number <= at.span[1]


def rows_by_table(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {n: [dict(zip(t["columns"], r, strict=True)) for r in t["rows"]] for n, t in tables.items()}


@settings(QUICK, max_examples=12)
@given(st.data())
def test_every_visual_of_taxi_tips_shows_what_its_dax_gives(data: st.DataObject) -> None:
    dax = Dax(CASE, "push", data.draw(prediction_rows(CASE)))
    engine = Engine(tables_of(CASE, rows_by_table(dax.tables)))
    at = data.draw(asked(CASE))
    for question in questions_of(CASE):
        assert_equals_dax(CASE, dax, engine, question, at)


@settings(QUICK, max_examples=15)
@given(st.data())
def test_visuals_of_any_use_case_show_what_their_dax_gives(data: st.DataObject) -> None:
    case = data.draw(use_cases())
    dax = Dax(case, "push", data.draw(prediction_rows(case)))
    engine = Engine(tables_of(case, rows_by_table(dax.tables)))
    at = data.draw(asked(case))
    for question in questions_of(case):
        assert_equals_dax(case, dax, engine, question, at)
