"""What a visual asks of the rows and what it is answered: fields, filters, values. Computes and draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from livegold.reporting.pbir import Field, Order

Kind = Literal["measure", "label", "first", "time", "spotlight"]


@dataclass(frozen=True)
class Known:
    """A field that the model has: what it is, and the name of the dimension, column or measure behind it."""

    field: Field
    kind: Kind
    name: str
    format: str = ""


@dataclass(frozen=True)
class Filters:
    """What a page or a point narrows: keys by dimension, buckets by time (UTC without a zone), one cut-off.

    `values` and `range` are kept as tuples so that filters can be keys of a cache; the range's ends belong to it.
    """

    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    cut_off: int | None = None

    def among(self, dimension: str, keys: tuple[str, ...]) -> Filters:
        """With a dimension narrowed to some keys, within those it had."""
        had = dict(self.values)
        kept = tuple(k for k in keys if k in had[dimension]) if dimension in had else tuple(keys)
        return replace(self, values=tuple(sorted({**had, dimension: kept}.items())))

    def between(self, first: datetime | None, last: datetime | None) -> Filters:
        """With time narrowed, within what it had."""
        begins = [t for t in (self.first, first) if t is not None]
        ends = [t for t in (self.last, last) if t is not None]
        return replace(self, first=max(begins, default=None), last=min(ends, default=None))

    def at(self, cut_off: int | None) -> Filters:
        return self if cut_off is None else replace(self, cut_off=cut_off)

    def merged(self, other: Filters) -> Filters:
        """Both hold."""
        made = self.between(other.first, other.last).at(other.cut_off)
        for dimension, keys in other.values:
            made = made.among(dimension, keys)
        return made


@dataclass(frozen=True)
class Question:
    """The fields of one visual in the order it has them, how rows are ordered, how many are wanted at most.

    `beside` are measures that colour it or stand beside its values: they come last, and show no group by themselves.
    `above` are measures among all these, and the number that each must be above for a group to be shown.
    """

    fields: tuple[Field, ...]
    order: tuple[Order, ...] = ()
    limit: int | None = None
    beside: tuple[Field, ...] = ()
    above: tuple[tuple[Field, float], ...] = ()


@dataclass(frozen=True)
class Answer:
    """Rows with a value for each field of the question, not formatted. None is blank.

    `points` has, for each row, the filters that the row stands for: what its tooltip and drill-through are about.
    """

    fields: tuple[Known, ...]
    rows: tuple[tuple[Any, ...], ...]
    points: Sequence[Filters] = field(default=(), compare=False)

    def single(self, name: Field) -> Any:
        """The value of a field where there is at most one row."""
        place = [k.field for k in self.fields].index(name)
        return self.rows[0][place] if self.rows else None
