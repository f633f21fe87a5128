"""Looks up fields in the model of a use case, for the visuals that use them. Computes and draws nothing."""

from __future__ import annotations

from collections.abc import Mapping

from livegold.reporting.drawing import Known
from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures import Measure
from livegold.reporting.pbir import Field
from livegold.reporting.powerbi import push_dataset
from livegold.reporting.schema import CUT_OFF, CUT_OFF_TABLE, LEFT_OUT_MEASURE, PULSE, SPOTLIGHT, TIME_COLUMNS
from livegold.reporting.semantic import DerivedMeasure, ModelMeasure, model_measures, slicing_tables
from livegold.reporting.specification import UseCase

LABEL_COLUMNS = ("label", "key", "order")


class UnknownField(SpecificationError):
    """A visual uses a field that is not in the model, or uses one in a way the preview does not support."""


class Vocabulary:
    """The fields in the model of a use case."""

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
        """What kind of field it is; UnknownField if it cannot be shown."""
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
        """The measure or derived measure with a name."""
        return self.measures[name].of

    def dimension(self, asked: Field) -> str:
        """The name of the dimension whose table a field belongs to; UnknownField if there is none."""
        if asked.entity not in self.names:
            raise UnknownField(f"field {asked}")
        return self.names[asked.entity]


def cut_off_field(column: str = "order") -> Field:
    return Field(CUT_OFF_TABLE, column)


def is_cut_off(known: Known) -> bool:
    return known.kind == "label" and known.name == CUT_OFF
