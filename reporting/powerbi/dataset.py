"""The push dataset of a use case in the REST API's JSON. Derives and checks it; sends nothing.

Tables: Pulse, Totals and Spotlight with gold's columns, and one per dimension (key, label, order), to which the three
are related many-to-one and in one direction; the table of cut-offs is related to none. All measures are in Pulse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures import dax_of_tick
from livegold.reporting.powerbi.limits import (
    MAX_COLUMNS_PER_TABLE,
    MAX_RELATIONSHIPS,
    MAX_TABLES,
    RESERVED_TABLE_NAMES,
    TABLE_NAME,
)
from livegold.reporting.schema import (
    BUCKET,
    COMPLETE_TICK,
    DIMENSION,
    FACT_TABLES,
    KEY,
    LABEL,
    LEFT_OUT,
    LEFT_OUT_MEASURE,
    ORDER,
    PULSE,
    SPOTLIGHT,
    TAKEN_NAMES,
    TICK,
    TOTALS,
    WRITTEN_BY_GOLD,
)
from livegold.reporting.semantic import ModelMeasure, model_measures, slicing_tables, template_name
from livegold.reporting.specification import Column, UseCase

_DATA_TYPES = {
    "string": "String",
    "int": "Int64",
    "bigint": "Int64",
    "double": "Double",
    "boolean": "Boolean",
    "timestamp": "DateTime",
}
_FORMATS = {"Int64": "0", "DateTime": "yyyy-MM-dd HH:mm:ss", "Decimal": "#,0.00##", "Double": "#,0.0###"}
_DECIMAL = re.compile(r"decimal\(\d+,\d+\)")

Json = dict[str, Any]


def dataset_name(case: UseCase) -> str:
    """The default dataset name: `taxi_tips` becomes `Taxi Tips Push`."""
    return f"{template_name(case)} Push"


def data_type(spark_type: str) -> str:
    """The dataset's data type for a Spark SQL type."""
    return "Decimal" if _DECIMAL.fullmatch(spark_type) else _DATA_TYPES[spark_type]


def column_format(column: Column) -> str:
    """The format string of a column; empty for texts and booleans."""
    return column.format or _FORMATS.get(data_type(column.type), "")


def totals_columns(case: UseCase) -> tuple[Column, ...]:
    """Columns of Totals: tick, complete_tick, dimensions, additive aggregates, and what spotlight left out."""
    additive = {a.name for a in case.aggregates if a.additive}
    dimensions = {d.name for d in case.all_dimensions}
    kept = [c for c in case.pulse_columns if c.name in dimensions or c.name in additive]
    return (Column(TICK, "bigint"), Column(COMPLETE_TICK, "bigint"), *kept, Column(LEFT_OUT, "bigint"))


def fact_columns(case: UseCase, table: str) -> tuple[Column, ...]:
    """Columns of Pulse, Totals or Spotlight as they are sent: gold's, without gold's own bookkeeping columns."""
    if table == TOTALS:
        return totals_columns(case)
    columns = case.pulse_columns if table == PULSE else case.spotlight_columns
    return tuple(c for c in columns if c.name not in WRITTEN_BY_GOLD)


def dimension_columns() -> tuple[Column, ...]:
    return tuple(Column(name, type_) for name, type_, _ in DIMENSION)


def push_dataset(case: UseCase, name: str = "") -> Json:
    """The request body that creates the dataset. SpecificationError if it would exceed a limit or be rejected."""
    tables = [_fact_table(case, table) for table in FACT_TABLES]
    tables += [_dimension_table(table) for table in slicing_tables(case).values()]
    relationships = [
        {
            "name": f"{table} {dimension.name}",
            "fromTable": table,
            "fromColumn": dimension.name,
            "toTable": dimension.table,
            "toColumn": KEY,
            "crossFilteringBehavior": "OneDirection",
        }
        for table in FACT_TABLES
        for dimension in case.all_dimensions
    ]
    definition = {
        "name": name or dataset_name(case),
        "defaultMode": "Push",
        "tables": tables,
        "relationships": relationships,
    }
    _check(case, definition)
    return definition


def _fact_table(case: UseCase, table: str) -> Json:
    dimensions = {d.name for d in case.all_dimensions}
    columns = [_column(c, hidden=c.name in dimensions or table != SPOTLIGHT) for c in fact_columns(case, table)]
    if table == PULSE:
        columns = [{**c, "isHidden": False} if c["name"] == BUCKET else c for c in columns]
    made: Json = {"name": table, "columns": columns}
    if table == PULSE:
        made["measures"] = [*(_measure(m) for m in model_measures(case, "push")), _left_out()]
    return made


def _dimension_table(name: str) -> Json:
    key, label, order = (_column(c, hidden=c.name != LABEL) for c in dimension_columns())
    return {"name": name, "columns": [key, {**label, "sortByColumn": ORDER}, order]}


def _column(column: Column, *, hidden: bool) -> Json:
    kind = data_type(column.type)
    made: Json = {"name": column.name, "dataType": kind, "summarizeBy": "none", "isHidden": hidden}
    if shown := column_format(column):
        made["formatString"] = shown
    return made


def _measure(measure: ModelMeasure) -> Json:
    made: Json = {"name": measure.name, "expression": measure.dax}
    if measure.format:
        made["formatString"] = measure.format
    if measure.description:
        made["description"] = measure.description
    return made


def _left_out() -> Json:
    return {
        "name": LEFT_OUT_MEASURE,
        "expression": dax_of_tick(LEFT_OUT),
        "formatString": "#,0",
        "description": "single predictions that Power BI's limits had no room for, since the start; gold has them all",
    }


def refuse_taken_tables(case: UseCase, place: str, also: Iterable[str] = ()) -> None:
    """SpecificationError for a dimension whose table name is that of another table or (in lower case) in `also`."""
    taken = {t.lower() for t in TAKEN_NAMES} | set(also)
    for dimension in case.all_dimensions:
        if dimension.table.lower() in taken:
            fault = f"dimension {dimension.name!r} would make a table named {dimension.table!r}, which is taken"
            raise SpecificationError(f"{place}: {fault}: give the dimension another name")


def _check(case: UseCase, definition: Json) -> None:
    place = f"use case {case.name}: push dataset"
    refuse_taken_tables(case, place, RESERVED_TABLE_NAMES)
    tables = definition["tables"]
    _at_most(len(tables), MAX_TABLES, f"{place} has", "tables: have fewer dimensions")
    _unique((t["name"] for t in tables), f"{place}: table")
    for table in tables:
        if not TABLE_NAME.fullmatch(table["name"]):
            raise SpecificationError(f"{place}: table name {table['name']!r} is refused by Power BI: give another name")
        columns = [c["name"] for c in table["columns"]]
        advice = "columns: have fewer measures or spotlight columns"
        _at_most(len(columns), MAX_COLUMNS_PER_TABLE, f"{place}: table {table['name']} has", advice)
        measures = [m["name"] for m in table.get("measures", ())]
        _unique([*columns, *measures], f"{place}: column or measure of {table['name']}")
    _at_most(
        len(definition["relationships"]), MAX_RELATIONSHIPS, f"{place} has", "relationships: have fewer dimensions"
    )


def _at_most(number: int, limit: int, has: str, what: str) -> None:
    if number > limit:
        raise SpecificationError(f"{has} {number} {what} ({limit} at most)")


def _unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise SpecificationError(f"{what} {name!r} occurs twice (Power BI ignores case): rename one")
        seen.add(name.lower())
