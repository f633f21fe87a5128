"""Operations on rows as data: added columns, and SELECTs. SQL is in Spark's dialect. Runs nothing.

`livegold.streams.plan` turns them into a DataFrame, `reporting.pipeline.database` into a DuckDB relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from livegold.reporting.specification import columns_of

Columns = Mapping[str, str]
"""SQL by column name: added to the rows, or replacing the column of that name."""
Steps = tuple[Columns, ...]
"""Columns added step by step: SQL may use the columns of earlier steps, never those of its own step."""


@dataclass(frozen=True)
class Order:
    """A sort key; nulls come first, or last if descending."""

    sql: str
    descending: bool = False


@dataclass(frozen=True)
class Query:
    """A SELECT over one table.

    `group_by` has names of columns that exist in the table and are keys of `columns`. `order_by` is over the table's
    columns, or over those of the result if the rows are grouped; at most `limit` rows are kept.
    """

    columns: Columns
    where: str = ""
    group_by: tuple[str, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit: int | None = None


def in_steps(columns: Iterable[tuple[str, str]]) -> Steps:
    """Arranges columns, which may use those before them, in as few steps as possible: each is planned separately."""
    steps: list[dict[str, str]] = []
    place: dict[str, int] = {}
    for name, sql in columns:
        after = [place[used] for used in columns_of(sql, name) if used in place and used != name]
        step = max(after, default=-1) + 1
        if step == len(steps):
            steps.append({})
        steps[step][name] = sql
        place[name] = step
    return tuple(steps)
