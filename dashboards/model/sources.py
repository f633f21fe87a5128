"""Where the rows of a template's model come from, for each source: Power Query texts, parameters, entities.

| source     | a table's rows are                                                                            |
|------------|-----------------------------------------------------------------------------------------------|
| databricks | queried when a visual needs them (DirectQuery); gold is a schema of Unity Catalog             |
| directlake | read in place by Fabric; gold is a schema of a lakehouse (a shortcut to the folder of gold)   |
| delta      | copied on refresh (Import) from the folder of gold, by URL or on this machine                 |
| sample     | in the text itself (Import)                                                                   |

The names of gold's tables are those of their folders. Does not define which tables or columns there are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from livegold.dashboards.model.deflate import deflate_base64
from livegold.dashboards.model.tabular import (
    CalculatedPartition,
    EntityPartition,
    MPartition,
    Partition,
    SharedExpression,
)
from livegold.reporting.semantic import Source
from livegold.reporting.specification import UseCase

ONE_LAKE = "OneLake"
GOLD = "Gold"
Rows = Sequence[Mapping[str, Any]]

_M_TYPES = {
    "string": "type text",
    "int64": "Int64.Type",
    "double": "type number",
    "decimal": "Currency.Type",
    "boolean": "type logical",
    "dateTime": "type datetime",
}
_DAX_TYPES = {"string": "STRING", "int64": "INTEGER"}


@dataclass(frozen=True)
class Wanted:
    """A table of the model as its source must provide it: the data types of its columns, by name."""

    entity: str
    columns: Mapping[str, str]


def shared_expressions(case: UseCase, source: Source, tag: Callable[[str], str]) -> tuple[SharedExpression, ...]:
    """Parameters, and the expression every table's text starts from. `tag` returns the lineage tag for a name."""

    def parameter(name: str, value: str, description: str, required: bool = True) -> SharedExpression:
        meta = f'[IsParameterQuery=true, Type="Text", IsParameterQueryRequired={str(required).lower()}]'
        return SharedExpression(name, f"{m_text(value)} meta {meta}", tag(name), description, "Text")

    if source == "databricks":
        return (
            parameter(
                "Host",
                "adb-0000000000000000.0.azuredatabricks.net",
                "Server hostname of the SQL warehouse: Databricks, SQL Warehouses, Connection details",
            ),
            parameter(
                "HttpPath", "/sql/1.0/warehouses/0000000000000000", "HTTP path of the SQL warehouse, from the same page"
            ),
            parameter("Catalog", "main", "Catalog of Unity Catalog that has the schema with the gold tables"),
            parameter("Schema", case.name, "Schema with the gold tables of this use case (predictions, pulse, ...)"),
        )
    if source == "directlake":
        url = (
            "https://onelake.dfs.fabric.microsoft.com/"
            "00000000-0000-0000-0000-000000000000/00000000-0000-0000-0000-000000000000"
        )
        description = (
            "The lakehouse: put the ids of workspace and lakehouse into the address (both are in the lakehouse's own "
            f"address in the browser). Its schema {case.name} has the gold tables: a shortcut to the folder of gold"
        )
        options = "[HierarchicalNavigation=true]"
        text = f"let\n    Source = AzureStorage.DataLake({m_text(url)}, {options})\nin\n    Source"
        return (SharedExpression(ONE_LAKE, text, tag(ONE_LAKE), description, "Table"),)
    if source == "delta":
        url = f"https://ACCOUNT.dfs.core.windows.net/CONTAINER/gold/{case.name}"
        remote = "AzureStorage.DataLake(Url, [HierarchicalNavigation=true])"
        gold = f'let\n    Source = if LocalFolder = "" then {remote} else Folder.Contents(LocalFolder)\nin\n    Source'
        return (
            parameter("Url", url, "Address of the folder of gold of this use case, in ADLS Gen2 or OneLake"),
            parameter(
                "LocalFolder",
                "",
                f"A folder on this machine instead, such as C:\\livegold\\lake\\gold\\{case.name}; empty for Url",
                required=False,
            ),
            SharedExpression(GOLD, gold, tag(GOLD), "The folders of gold, one for each table", "Table"),
        )
    return ()


def partition(source: Source, wanted: Wanted, schema: str, rows: Rows | None = None) -> Partition:
    """The partition with the rows of a table of gold, or for `sample` the `rows` themselves."""
    if source == "directlake":
        return EntityPartition(wanted.entity, schema, ONE_LAKE)
    if source == "databricks":
        return MPartition("directQuery", _databricks(wanted))
    if source == "delta":
        return MPartition("import", _delta(wanted))
    assert rows is not None
    return MPartition("import", compressed_rows(wanted.columns, rows))


def fixed_rows(source: Source, columns: Mapping[str, str], rows: Rows) -> Partition:
    """A few rows of the model itself, in readable form. A model on OneLake has no Power Query: there they are DAX."""
    if source == "directlake":
        heads = ", ".join(f'"{name}", {_DAX_TYPES[kind]}' for name, kind in columns.items())
        found = ",\n".join(f"        {{ {', '.join(_dax(row[c]) for c in columns)} }}" for row in rows)
        return CalculatedPartition(f"DATATABLE(\n    {heads},\n    {{\n{found}\n    }}\n)")
    names = ", ".join(map(m_text, columns))
    found = ",\n".join(f"        {{{', '.join(_m(row[c]) for c in columns)}}}" for row in rows)
    table = f"#table({{{names}}}, {{\n{found}\n    }})"
    text = f"let\n    Rows = {table},\n    Typed = {_typed('Rows', columns)}\nin\n    Typed"
    return MPartition("import", text)


def compressed_rows(columns: Mapping[str, str], rows: Rows) -> str:
    """Rows in the text itself, packed as Power BI's own "Enter data" packs them: JSON, deflate, Base64."""
    packed = deflate_base64(_json_rows(columns, rows))
    names = ", ".join(map(m_text, columns))
    bytes_ = f'Binary.FromText("{packed}", BinaryEncoding.Base64)'
    return "\n".join(
        (
            "let",
            f"    Packed = {bytes_},",
            "    Unpacked = Json.Document(Binary.Decompress(Packed, Compression.Deflate)),",
            f"    Rows = Table.FromRows(Unpacked, {{{names}}}),",
            f"    Typed = {_typed('Rows', columns)}",
            "in",
            "    Typed",
        )
    )


def m_text(text: str) -> str:
    """A string literal in M."""
    return '"' + text.replace('"', '""') + '"'


def _databricks(wanted: Wanted) -> str:
    options = "[Catalog = null, Database = null, EnableAutomaticProxyDiscovery = null]"
    return "\n".join(
        (
            "let",
            f"    Source = Databricks.Catalogs(Host, HttpPath, {options}),",
            '    InCatalog = Source{[Name = Catalog, Kind = "Database"]}[Data],',
            '    InSchema = InCatalog{[Name = Schema, Kind = "Schema"]}[Data],',
            f'    Found = InSchema{{[Name = {m_text(wanted.entity)}, Kind = "Table"]}}[Data],',
            f"    Columns = {_selected('Found', wanted.columns)}",
            "in",
            "    Columns",
        )
    )


def _delta(wanted: Wanted) -> str:
    times = [name for name, kind in wanted.columns.items() if kind == "dateTime"]
    steps = [
        f"Found = DeltaLake.Table({GOLD}{{[Name = {m_text(wanted.entity)}]}}[Content])",
        f"Columns = {_selected('Found', wanted.columns)}",
    ]
    last = "Columns"
    if times:
        # A time with a zone would become the local time of whoever refreshes, but the model's times are UTC.
        steps.append("Utc = (t) => if t is datetimezone then DateTimeZone.RemoveZone(DateTimeZone.ToUtc(t)) else t")
        changes = ", ".join(f"{{{m_text(name)}, Utc}}" for name in times)
        steps.append(f"Times = Table.TransformColumns(Columns, {{{changes}}})")
        last = "Times"
    steps.append(f"Typed = {_typed(last, wanted.columns)}")
    return "let\n" + ",\n".join(f"    {step}" for step in steps) + "\nin\n    Typed"


def _selected(table: str, columns: Mapping[str, str]) -> str:
    return f"Table.SelectColumns({table}, {{{', '.join(map(m_text, columns))}}})"


def _typed(table: str, columns: Mapping[str, str]) -> str:
    types = ", ".join(f"{{{m_text(name)}, {_M_TYPES[kind]}}}" for name, kind in columns.items())
    return f'Table.TransformColumnTypes({table}, {{{types}}}, "en-US")'


def _m(value: str | int) -> str:
    return m_text(value) if isinstance(value, str) else str(value)


def _dax(value: str | int) -> str:
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else str(value)


def _json_rows(columns: Mapping[str, str], rows: Rows) -> bytes:
    plain = [[_plain(row[name]) for name in columns] for row in rows]
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """A value in JSON; times are UTC without a zone, decimals are strings, so that no digit is lost."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    return str(value) if isinstance(value, Decimal) else value
