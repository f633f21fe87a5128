"""A tabular model as TMDL, byte for byte as Microsoft's own serializer orders, quotes and indents it. Decides nothing.

Tabs for indentation, LF, UTF-8 without a BOM. An object's properties come in the serializer's order, so that a model
saved by Power BI Desktop differs from ours only in what was changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from textwrap import dedent

from livegold.dashboards.model.tabular import (
    CalculatedPartition,
    EntityPartition,
    ModelColumn,
    ModelTable,
    MPartition,
    Partition,
    Relationship,
    SemanticModel,
    SharedExpression,
    TableMeasure,
)

COMPATIBILITY_LEVEL = 1604
CULTURE = "en-US"

_PLAIN_NAME = re.compile(r"[^\s.=:']+")


def tmdl_files(model: SemanticModel) -> dict[str, str]:
    """The contents of the files, by their paths under `definition/`."""
    files = {
        "database.tmdl": _text(_database()),
        "model.tmdl": _text(_model(model)),
        "relationships.tmdl": _text(_separated(_relationship(r) for r in model.relationships)),
        f"cultures/{CULTURE}.tmdl": _text(_culture()),
    }
    if model.expressions:
        files["expressions.tmdl"] = _text(_separated(_expression(e) for e in model.expressions))
    for table in model.tables:
        files[f"tables/{table.name}.tmdl"] = _text(_table(table))
    return files


def name_of(name: str) -> str:
    """A name in TMDL: in single quotes if it contains white space or a character of the syntax."""
    return name if _PLAIN_NAME.fullmatch(name) else "'" + name.replace("'", "''") + "'"


def value_of(text: str) -> str:
    """A string as the value of a property: in double quotes if it would otherwise be read as something else."""
    plain = text == text.strip() and not (text.startswith('"') and text.endswith('"'))
    return text if plain else '"' + text.replace('"', '""') + '"'


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n\n"


def _separated(parts: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of objects, with an empty line between them."""
    for number, part in enumerate(parts):
        if number:
            yield ""
        yield from part


def _indented(lines: Iterable[str], by: int = 1) -> Iterator[str]:
    return ("\t" * by + line if line else "" for line in lines)


def _described(description: str) -> Iterator[str]:
    return (f"/// {line}" for line in description.splitlines())


def _block(expression: str) -> Iterator[str]:
    """A multi-line expression, indented two levels deeper than its owner."""
    return _indented((line.rstrip() for line in dedent(expression).splitlines()), 2)


def _database() -> list[str]:
    return ["database", f"\tcompatibilityLevel: {COMPATIBILITY_LEVEL}", "\tcompatibilityMode: powerBI"]


def _model(model: SemanticModel) -> Iterator[str]:
    yield from (
        "model Model",
        f"\tculture: {CULTURE}",
        "\tdefaultPowerBIDataSourceVersion: powerBI_V3",
        f"\tsourceQueryCulture: {CULTURE}",
        "\tdataAccessOptions",
        "\t\tlegacyRedirects",
        "\t\treturnErrorValuesAsNull",
        "",
        # Otherwise hidden date tables would be created for every time column; measures have their own time logic.
        "annotation __PBI_TimeIntelligenceEnabled = 0",
        "",
        f"annotation PBI_QueryOrder = {json.dumps(_query_order(model), ensure_ascii=False)}",
        "",
        'annotation PBI_ProTooling = ["DevMode"]',
        "",
    )
    for table in model.tables:
        yield f"ref table {name_of(table.name)}"
    yield from ("", f"ref cultureInfo {CULTURE}")


def _query_order(model: SemanticModel) -> list[str]:
    queries = [t.name for t in model.tables if isinstance(t.partition, MPartition)]
    return [*(e.name for e in model.expressions), *queries]


def _culture() -> list[str]:
    return [
        f"cultureInfo {CULTURE}",
        "",
        "\tlinguisticMetadata =",
        "\t\t\t{",
        '\t\t\t  "Version": "1.0.0",',
        f'\t\t\t  "Language": "{CULTURE}"',
        "\t\t\t}",
        "\t\tcontentType: json",
    ]


def _relationship(relationship: Relationship) -> Iterator[str]:
    yield f"relationship {name_of(relationship.name)}"
    yield f"\tfromColumn: {name_of(relationship.table)}.{name_of(relationship.column)}"
    yield f"\ttoColumn: {name_of(relationship.to_table)}.{name_of(relationship.to_column)}"


def _expression(expression: SharedExpression) -> Iterator[str]:
    yield from _described(expression.description)
    start = f"expression {name_of(expression.name)} ="
    if "\n" in expression.m:
        yield start
        yield from _block(expression.m)
    else:
        yield f"{start} {expression.m}"
    yield f"\tlineageTag: {expression.tag}"
    yield ""
    yield f"\tannotation PBI_ResultType = {expression.result}"


def _table(table: ModelTable) -> Iterator[str]:
    yield from _described(table.description)
    yield f"table {name_of(table.name)}"
    yield f"\tlineageTag: {table.tag}"
    parts: list[Iterable[str]] = [_measure(m) for m in table.measures]
    calculated = isinstance(table.partition, CalculatedPartition)
    parts += [_column(c, calculated) for c in table.columns]
    parts.append(_partition(table.name, table.partition))
    for part in parts:
        yield ""
        yield from _indented(part)
    yield from ("", "\tannotation PBI_ResultType = Table")


def _measure(measure: TableMeasure) -> Iterator[str]:
    yield from _described(measure.description)
    start = f"measure {name_of(measure.name)} ="
    if "\n" in measure.dax:
        yield start
        yield from _block(measure.dax)
    else:
        yield f"{start} {measure.dax}"
    if measure.format:
        yield f"\tformatString: {value_of(measure.format)}"
    if measure.folder:
        yield f"\tdisplayFolder: {value_of(measure.folder)}"
    yield f"\tlineageTag: {measure.tag}"


def _column(column: ModelColumn, calculated: bool) -> Iterator[str]:
    yield from _described(column.description)
    yield f"column {name_of(column.name)}"
    yield f"\tdataType: {column.data_type}"
    if column.hidden:
        yield "\tisHidden"
    if column.is_key:
        yield "\tisKey"
    if column.format:
        yield f"\tformatString: {value_of(column.format)}"
    yield f"\tlineageTag: {column.tag}"
    yield "\tsummarizeBy: none"
    yield f"\tsourceColumn: {f'[{column.source}]' if calculated else column.source}"
    if column.sort_by:
        yield f"\tsortByColumn: {name_of(column.sort_by)}"
    yield ""
    yield "\tannotation SummarizationSetBy = Automatic"


def _partition(table: str, partition: Partition) -> Iterator[str]:
    if isinstance(partition, MPartition):
        yield f"partition {name_of(table)} = m"
        yield f"\tmode: {partition.mode}"
        yield "\tsource ="
        yield from _indented(_block(partition.m))
    elif isinstance(partition, EntityPartition):
        yield f"partition {name_of(table)} = entity"
        yield "\tmode: directLake"
        yield "\tsource"
        yield f"\t\tentityName: {partition.entity}"
        yield f"\t\tschemaName: {partition.schema}"
        yield f"\t\texpressionSource: {name_of(partition.expression)}"
    else:
        yield f"partition {name_of(table)} = calculated"
        yield "\tmode: import"
        yield "\tsource ="
        yield from _indented(_block(partition.dax))
