"""The parts of a tabular model, as data: tables, columns, measures, partitions. Neither builds nor writes a model.

Names and values are those of TMDL. `tag` is a lineage tag, by which tools recognize an object that was renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["import", "directQuery", "directLake"]


@dataclass(frozen=True)
class ModelColumn:
    """A column; `source` is its name in the source of the rows."""

    name: str
    data_type: str
    source: str
    tag: str
    description: str = ""
    hidden: bool = False
    format: str = ""
    sort_by: str = ""
    is_key: bool = False


@dataclass(frozen=True)
class TableMeasure:
    name: str
    dax: str
    tag: str
    format: str = ""
    description: str = ""
    folder: str = ""


@dataclass(frozen=True)
class MPartition:
    """Rows from a Power Query (M) expression."""

    mode: Mode
    m: str


@dataclass(frozen=True)
class EntityPartition:
    """Rows of a Delta table that Direct Lake reads in place; `expression` names the one with the lake's address."""

    entity: str
    schema: str
    expression: str


@dataclass(frozen=True)
class CalculatedPartition:
    """Rows from a DAX expression."""

    dax: str


Partition = MPartition | EntityPartition | CalculatedPartition


@dataclass(frozen=True)
class ModelTable:
    name: str
    tag: str
    columns: tuple[ModelColumn, ...]
    partition: Partition
    measures: tuple[TableMeasure, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Relationship:
    """Many rows of `table` to one row of `to_table`, whose filters apply to `table`."""

    name: str
    table: str
    column: str
    to_table: str
    to_column: str


@dataclass(frozen=True)
class SharedExpression:
    """A named Power Query expression; a parameter if its `meta` says so. `result` is the kind of its value."""

    name: str
    m: str
    tag: str
    description: str
    result: Literal["Text", "Table"]


@dataclass(frozen=True)
class SemanticModel:
    name: str
    tables: tuple[ModelTable, ...]
    relationships: tuple[Relationship, ...]
    expressions: tuple[SharedExpression, ...]
