"""The semantic model of a use case's template: its tables, columns, relationships and measures, for each source.

Derived from the use case, like the push dataset; the same use case and source give the same bytes. `sources` defines
where rows come from, `tmdl` how TMDL is written. A push template has no model of its own: its report is connected to
the dataset `livegold.reporting.powerbi.dataset.push_dataset`.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable

from livegold.dashboards.model.sources import Wanted, fixed_rows, partition, shared_expressions
from livegold.dashboards.model.tabular import ModelColumn, ModelTable, Relationship, SemanticModel, TableMeasure
from livegold.dashboards.model.tmdl import tmdl_files
from livegold.dashboards.sample_rows import SAMPLE_NOTE, SampleRows, sample_rows
from livegold.reporting.errors import SpecificationError, WrongUse, choices
from livegold.reporting.pbir import as_bytes
from livegold.reporting.powerbi import (
    column_format,
    data_type,
    dimension_columns,
    fact_columns,
    push_dataset,
    refuse_taken_tables,
)
from livegold.reporting.schema import (
    BUCKET,
    KEY,
    LABEL,
    ORDER,
    PREDICTIONS,
    PREDICTIONS_TABLE,
    PULSE,
    PULSE_TABLE,
    SPOTLIGHT,
    SPOTLIGHT_TABLE,
    WRITTEN_BY_GOLD,
)
from livegold.reporting.semantic import SOURCES, Source, model_measures, template_name
from livegold.reporting.specification import Column, Dimension, UseCase
from livegold.reporting.tasks import Parameter

WITH_PREDICTIONS: tuple[Source, ...] = ("databricks", "directlake")
"""Sources that leave the rows in place: importing a copy of every prediction would take too much space."""

_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
_TAGS = uuid.uuid5(uuid.NAMESPACE_URL, "https://livegold/semantic-model")
_DESCRIPTIONS = {
    PULSE: "Partial sums of predictions by time bucket and dimension values: what all measures are made of",
    SPOTLIGHT: "Single predictions worth seeing",
    PREDICTIONS: "Every scored event",
}


def semantic_model_files(case: UseCase, source: Source) -> dict[str, bytes]:
    """The files of the folder `NAME.SemanticModel`, by their paths in it.

    Raises WrongUse for `push`, and SpecificationError for a use case whose names collide in a model.
    """
    model = semantic_model(case, source)
    definition = {"$schema": f"{_SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json", "version": "4.2"}
    platform = {
        "$schema": f"{_SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": "SemanticModel", "displayName": model.name},
        "config": {"version": "2.0", "logicalId": str(_tag(case, source, "model"))},
    }
    files = {".platform": as_bytes(platform), "definition.pbism": as_bytes(definition | {"settings": {}})}
    files |= {f"definition/{path}": text.encode() for path, text in tmdl_files(model).items()}
    return dict(sorted(files.items()))


def fields(case: UseCase, source: Source) -> dict[str, set[str]]:
    """The names of the columns and measures a report can use, by table, for any source."""
    if source == "push":
        tables = push_dataset(case)["tables"]
        return {t["name"]: {f["name"] for f in (*t["columns"], *t.get("measures", ()))} for t in tables}
    model = semantic_model(case, source, rows=SampleRows.none(case))
    return {t.name: {c.name for c in t.columns} | {m.name for m in t.measures} for t in model.tables}


def semantic_model(case: UseCase, source: Source, rows: SampleRows | None = None) -> SemanticModel:
    """The model as data. `rows` are the rows of a sample, if not those of `sample_rows`."""
    if source not in SOURCES or source == "push":
        valid = choices(s for s in SOURCES if s != "push")
        raise WrongUse(f"use case {case.name}: source {source!r} has no semantic model of its own: give {valid}")
    made = _Made(case, source, (rows or sample_rows(case)) if source == "sample" else None)
    tables = made.tables()
    _check(case, tables)
    facts = [t.name for t in tables if t.name in (PULSE, SPOTLIGHT, PREDICTIONS)]
    return SemanticModel(
        name=template_name(case),
        tables=tables,
        relationships=tuple(
            Relationship(f"{fact} {d.name}", fact, d.name, d.table, KEY) for fact in facts for d in case.all_dimensions
        ),
        expressions=shared_expressions(case, source, lambda name: _tag(case, source, "expression", name)),
    )


class _Made:
    """The tables of one use case for one source."""

    def __init__(self, case: UseCase, source: Source, rows: SampleRows | None) -> None:
        self.case = case
        self.source = source
        self.rows = rows
        self.dimensions = {d.name for d in case.all_dimensions}

    def tables(self) -> tuple[ModelTable, ...]:
        case = self.case
        made = [self.pulse(), self.spotlight(), *map(self.dimension, case.all_dimensions)]
        made += map(self.parameter, case.model.task.parameters)
        if self.source in WITH_PREDICTIONS:
            made.append(self.predictions())
        return tuple(made)

    def pulse(self) -> ModelTable:
        columns = fact_columns(self.case, PULSE)
        visible = {c.name for c in columns} & {BUCKET}
        rows = self.rows.pulse if self.rows else None
        return self.table(PULSE, PULSE_TABLE, columns, visible, rows, measures=self.measures())

    def spotlight(self) -> ModelTable:
        columns = fact_columns(self.case, SPOTLIGHT)
        rows = self.rows.spotlight if self.rows else None
        return self.table(SPOTLIGHT, SPOTLIGHT_TABLE, columns, self.own(columns), rows)

    def predictions(self) -> ModelTable:
        columns = [c for c in self.case.prediction_columns if c.name not in WRITTEN_BY_GOLD]
        return self.table(PREDICTIONS, PREDICTIONS_TABLE, columns, self.own(columns), None)

    def dimension(self, dimension: Dimension) -> ModelTable:
        rows = self.rows.dimensions[dimension.name] if self.rows else None
        made = self.table(dimension.table, dimension.name, dimension_columns(), {LABEL}, rows)
        return ModelTable(made.name, made.tag, made.columns, made.partition, (), dimension.description)

    def parameter(self, parameter: Parameter) -> ModelTable:
        name = parameter.table
        columns = self.columns(name, dimension_columns(), {LABEL})
        filled = fixed_rows(self.source, {c.source: c.data_type for c in columns}, parameter.rows())
        return ModelTable(name, self.tag("table", name), columns, filled, (), parameter.description)

    def table(
        self,
        name: str,
        entity: str,
        columns: Iterable[Column],
        visible: set[str],
        rows: tuple[dict, ...] | None,
        measures: tuple[TableMeasure, ...] = (),
    ) -> ModelTable:
        made = self.columns(name, columns, visible)
        wanted = Wanted(entity, {c.source: c.data_type for c in made})
        filled = partition(self.source, wanted, self.case.name, rows)
        description = _DESCRIPTIONS.get(name, "")
        if rows is not None and description:
            description += f"\n{SAMPLE_NOTE}"
        return ModelTable(name, self.tag("table", name), made, filled, measures, description)

    def columns(self, table: str, columns: Iterable[Column], visible: set[str]) -> tuple[ModelColumn, ...]:
        return tuple(self.column(table, column, column.name in visible) for column in columns)

    def column(self, table: str, column: Column, visible: bool) -> ModelColumn:
        kind = data_type(column.type)
        kind = kind[0].lower() + kind[1:]
        return ModelColumn(
            name=column.name,
            data_type=kind,
            source=column.name,
            tag=self.tag("column", table, column.name),
            description=column.description,
            hidden=not visible,
            format=column_format(column),
            sort_by=ORDER if column.name == LABEL else "",
        )

    def own(self, columns: Iterable[Column]) -> set[str]:
        """The visible columns of single predictions: all but the dimensions, which have tables of their own."""
        return {c.name for c in columns} - self.dimensions

    def measures(self) -> tuple[TableMeasure, ...]:
        return tuple(
            TableMeasure(m.name, m.dax, self.tag("measure", m.name), m.format, m.description, m.folder)
            for m in model_measures(self.case, self.source)
        )

    def tag(self, *what: str) -> str:
        return _tag(self.case, self.source, *what)


def _tag(case: UseCase, source: Source, *what: str) -> str:
    return str(uuid.uuid5(_TAGS, "\n".join((case.name, source, *what))))


def _check(case: UseCase, tables: Iterable[ModelTable]) -> None:
    """Raises SpecificationError for duplicate names: Power BI ignores case, and measures are unique in the model."""
    place = f"use case {case.name}: semantic model"
    refuse_taken_tables(case, place)
    groups: list[tuple[str, list[str]]] = [("table", [t.name for t in tables])]
    groups += [(f"name in table {t.name}", [c.name for c in t.columns] + [m.name for m in t.measures]) for t in tables]
    for what, names in groups:
        twice = [n for n, number in Counter(n.lower() for n in names).items() if number > 1]
        if twice:
            raise SpecificationError(f"{place}: {what} {twice[0]!r} occurs twice (case is ignored): rename one")
