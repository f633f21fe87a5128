"""What a visual asks: fields of the model by name, and the filters it is asked under. Computes and draws nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures import Measure
from livegold.reporting.powerbi.dataset import push_dataset
from livegold.reporting.schema import CUT_OFF, CUT_OFF_TABLE, LEFT_OUT_MEASURE, PULSE, SPOTLIGHT, TIME_COLUMNS
from livegold.reporting.semantic import DerivedMeasure, ModelMeasure, model_measures, slicing_tables
from livegold.reporting.specification import UseCase

LABEL_COLUMNS = ("label", "key", "order")

Kind = Literal["measure", "label", "first", "time", "spotlight"]


@dataclass(frozen=True)
class Field:
    """A column or measure as a visual names it. `first` is the first text of a column where others are its values."""

    entity: str
    property: str
    is_measure: bool = False
    first: bool = False

    def __str__(self) -> str:
        return f"{self.entity}[{self.property}]"


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
class Order:
    field: Field
    descending: bool = False


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


class UnknownField(SpecificationError):
    """A visual uses a field that the model has not, or in a way the preview does not know."""


class Vocabulary:
    """Which fields the model of a use case has."""

    def __init__(self, case: UseCase) -> None:
        self.case = case
        self.tables = slicing_tables(case)
        self.measures: Mapping[str, ModelMeasure] = {m.name: m for m in model_measures(case, "push")}
        self.names = {table: name for name, table in self.tables.items()}
        self._formats = {
            Field(table["name"], column["name"]): column.get("formatString", "")
            for table in push_dataset(case)["tables"]
            for column in table["columns"]
        }

    def known(self, asked: Field) -> Known:
        """What a field is; UnknownField when it is none that can be shown."""
        entity, name = asked.entity, asked.property
        if asked.is_measure:
            if entity == PULSE and name == LEFT_OUT_MEASURE:
                return Known(asked, "measure", name, "#,0")
            if entity == PULSE and name in self.measures:
                return Known(asked, "measure", name, self.measures[name].format)
        elif entity in self.names and name in LABEL_COLUMNS:
            return Known(asked, "first" if asked.first else "label", self.names[entity], self._format(asked))
        elif asked.first:
            pass
        elif entity == PULSE and name in TIME_COLUMNS:
            return Known(asked, "time", name, self._format(asked))
        elif entity == SPOTLIGHT and asked in self._formats:
            return Known(asked, "spotlight", name, self._format(asked))
        raise UnknownField(f"field {asked}")

    def _format(self, asked: Field) -> str:
        return self._formats.get(Field(asked.entity, asked.property), "")

    def of(self, name: str) -> Measure | DerivedMeasure:
        """The measure or derived measure of a name."""
        return self.measures[name].of

    def dimension(self, asked: Field) -> str:
        """The name of the dimension whose table a field is of; UnknownField when it is of none."""
        if asked.entity not in self.names:
            raise UnknownField(f"field {asked}")
        return self.names[asked.entity]


def cut_off_field(column: str = "order") -> Field:
    return Field(CUT_OFF_TABLE, column)


def is_cut_off(known: Known) -> bool:
    return known.kind == "label" and known.name == CUT_OFF
