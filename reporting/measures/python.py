"""Measures in plain Python over in-memory rows: the reference semantics that every other rendering must match.

For tests, and for sinks that need a value at hand; not for large data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from livegold.reporting.measures.context import Context, Filter
from livegold.reporting.measures.measure import (
    Aggregate,
    AllTime,
    Arithmetic,
    Constant,
    Expression,
    Measure,
    Root,
    Row,
    Scope,
    TrailingWindow,
    Value,
    add,
    multiply,
)
from livegold.reporting.schema import BUCKET, BUCKET_NO


def evaluate(
    measures: Measure | Iterable[Measure],
    rows: Iterable[Row],
    by: Sequence[str] = (),
    where: Iterable[Filter] = (),
    *,
    partial: bool = False,
    bucket_seconds: int = 60,
    buckets: Iterable[Row] | None = None,
) -> list[dict[str, Any]]:
    """One dict per group, with the columns of `by` and one value per measure name, in order of first appearance.

    `rows` are predictions or, with `partial=True`, rows of pulse. `buckets` (rows with bucket and bucket_no) are the
    buckets that exist; by default those that occur in `rows`.
    """
    context = Context.of(measures, by, where, bucket_seconds)
    rows = list(rows)
    known: dict[int, datetime | None] = {
        r[BUCKET_NO]: r.get(BUCKET) for r in (rows if buckets is None else list(buckets))
    }
    time_context = context.in_time(known)
    rows_here = [r for r in rows if all(r[f.column] in f.values for f in context.among)]
    groups = list(dict.fromkeys(tuple(r[d] for d in context.by_dimensions) for r in rows_here))
    if not context.by_dimensions:
        groups = [()]
    answer = []
    points: list[int | None] = list(time_context) if context.by_time else [None]
    for group, point in product(groups, points):
        here = [r for r in rows_here if tuple(r[d] for d in context.by_dimensions) == group]
        times_here = time_context if point is None else [point]
        row: dict[str, Any] = dict(zip(context.by_dimensions, group, strict=True))
        if point is not None:
            row |= {BUCKET: known[point], BUCKET_NO: point}
        row = {b: row[b] for b in context.by}
        for measure in context.measures:
            kept = _in_scope(measure.scope, here, times_here, bucket_seconds)
            values = {a: a.of_partials(kept) if partial else a.of_rows(kept) for a in measure.aggregates}
            row[measure.name] = compute(measure.expression, values)
        answer.append(row)
    return answer


def partial_rows(aggregates: Sequence[Aggregate], rows: Iterable[Row], dimensions: Sequence[str]) -> list[dict]:
    """The pulse rows of one batch of predictions: one per bucket and combination of dimension values."""
    groups: dict[tuple, list[Row]] = {}
    keys = (BUCKET, BUCKET_NO, *dimensions)
    for row in rows:
        groups.setdefault(tuple(row[k] for k in keys), []).append(row)
    return [
        dict(zip(keys, group, strict=True)) | {a.name: a.of_rows(members) for a in aggregates}
        for group, members in groups.items()
    ]


def compute(expression: Expression, values: Mapping[Aggregate, Value]) -> Value:
    """Evaluates an expression over the values of its aggregates. None is blank."""
    if isinstance(expression, Aggregate):
        return values[expression]
    if isinstance(expression, Constant):
        return expression.value
    if isinstance(expression, Root):
        of = compute(expression.of, values)
        return None if of is None or of < 0 else math.sqrt(of)
    assert isinstance(expression, Arithmetic)
    left, right = compute(expression.left, values), compute(expression.right, values)
    if left is None or right is None:
        return None
    if expression.in_double:
        left, right = float(left), float(right)
    if expression.operator == "/":
        return None if right == 0 else float(left) / float(right)
    if expression.operator == "*":
        return multiply(left, right)
    return add(left, right if expression.operator == "+" else multiply(-1, right))


def _in_scope(scope: Scope, rows: list[Row], time_context: list[int], bucket_seconds: int) -> list[Row]:
    if isinstance(scope, AllTime):
        return rows
    if isinstance(scope, TrailingWindow):
        if not time_context:
            return []
        newest = max(time_context)
        return [r for r in rows if newest - scope.buckets(bucket_seconds) < r[BUCKET_NO] <= newest]
    return [r for r in rows if r[BUCKET_NO] in time_context]
