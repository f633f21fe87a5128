"""The parts of a tabular model, as data: tables, columns, measures, partitions. Not for making or writing one.

Names and values are those of TMDL. `tag` is a lineage tag: what tools know an object by when it is renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["import", "directQuery", "directLake"]


@dataclass(frozen=True)
class ModelColumn:
    """A column; `source` is its name where its rows come from."""

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
    """Rows by a Power Query text."""

    mode: Mode
    m: str


@dataclass(frozen=True)
class EntityPartition:
    """Rows of a Delta table that Direct Lake reads in place; `expression` names what says where the lake is."""

    entity: str
    schema: str
    expression: str


@dataclass(frozen=True)
class CalculatedPartition:
    """Rows by DAX."""

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
    """Many rows of `table` to one of `to_table`, whose filters reach `table`."""

    name: str
    table: str
    column: str
    to_table: str
    to_column: str


@dataclass(frozen=True)
class SharedExpression:
    """A named Power Query text; a parameter where it has `meta` that says so. `result` is the kind of its value."""

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
