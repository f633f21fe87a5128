"""What is done with rows, as data: columns that are added, and SELECTs. Texts are in Spark's dialect. Runs nothing.

`livegold.streams.plan` makes a DataFrame of them, `reporting.pipeline.database` a relation of DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from livegold.reporting.specification import columns_of

Columns = Mapping[str, str]
"""Columns by name, each with its text: added to the rows, or in the place of the column of that name."""
Steps = tuple[Columns, ...]
"""Columns one after the other: a text may use the columns of earlier steps, never those of its own."""


@dataclass(frozen=True)
class Order:
    """What rows are sorted by; nulls come first, or last where it is descending."""

    sql: str
    descending: bool = False


@dataclass(frozen=True)
class Query:
    """A SELECT over one table.

    `group_by` are names of columns that are there, and keys of `columns`. `order_by` is over the columns that are
    there, or where the rows are grouped over those of the result; `limit` rows are kept.
    """

    columns: Columns
    where: str = ""
    group_by: tuple[str, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit: int | None = None


def in_steps(columns: Iterable[tuple[str, str]]) -> Steps:
    """Columns that may use those before them, in as few steps as that takes: every step is planned by itself."""
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
