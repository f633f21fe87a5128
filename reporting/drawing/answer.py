"""The question a visual asks about the rows, and the answer: fields, filters, values. Computes and draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from livegold.reporting.pbir import Field, Order

Kind = Literal["measure", "label", "first", "time", "spotlight"]


@dataclass(frozen=True)
class Known:
    """A field of the model: its kind, and the name of the dimension, column or measure behind it."""

    field: Field
    kind: Kind
    name: str
    format: str = ""


@dataclass(frozen=True)
class Filters:
    """The filters of a page or a point: keys by dimension, buckets by time (naive UTC, ends included), one cut-off.

    Everything is hashable, so that filters can be cache keys.
    """

    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    cut_off: int | None = None

    def among(self, dimension: str, keys: tuple[str, ...]) -> Filters:
        """These filters with a dimension further restricted to some keys."""
        had = dict(self.values)
        kept = tuple(k for k in keys if k in had[dimension]) if dimension in had else tuple(keys)
        return replace(self, values=tuple(sorted({**had, dimension: kept}.items())))

    def between(self, first: datetime | None, last: datetime | None) -> Filters:
        """These filters with time further restricted."""
        begins = [t for t in (self.first, first) if t is not None]
        ends = [t for t in (self.last, last) if t is not None]
        return replace(self, first=max(begins, default=None), last=min(ends, default=None))

    def at(self, cut_off: int | None) -> Filters:
        return self if cut_off is None else replace(self, cut_off=cut_off)

    def merged(self, other: Filters) -> Filters:
        """Both filters combined."""
        made = self.between(other.first, other.last).at(other.cut_off)
        for dimension, keys in other.values:
            made = made.among(dimension, keys)
        return made


@dataclass(frozen=True)
class Question:
    """The fields of one visual in its order, the sort order of rows, and the maximum number of rows.

    `beside` has measures that colour it or accompany its values: they come last, and alone do not make a group appear.
    `above` has measures among all these, with the number each must exceed for a group to be shown.
    """

    fields: tuple[Field, ...]
    order: tuple[Order, ...] = ()
    limit: int | None = None
    beside: tuple[Field, ...] = ()
    above: tuple[tuple[Field, float], ...] = ()


@dataclass(frozen=True)
class Answer:
    """Rows with an unformatted value for each field of the question. None is blank.

    `points` has, for each row, the filters the row stands for: those of its tooltip and drillthrough.
    """

    fields: tuple[Known, ...]
    rows: tuple[tuple[Any, ...], ...]
    points: Sequence[Filters] = field(default=(), compare=False)

    def single(self, name: Field) -> Any:
        """The value of a field in an answer of at most one row."""
        place = [k.field for k in self.fields].index(name)
        return self.rows[0][place] if self.rows else None
