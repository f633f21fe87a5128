"""Builds and runs the DAX queries livegold itself sends. Not the queries of reports, which come from their measures.

Three forms: count and sums of a table, the same from a number on, and sums by columns. They query the tables of a push
dataset, whose rows no call reads back: this is how a real one is compared with gold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from livegold.reporting.errors import Refused, WrongUse
from livegold.reporting.powerbi.caller import encoded
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.limits import MAX_QUERY_ROWS
from livegold.reporting.powerbi.refusals import code_and_message_of, refusal

Value = int | Decimal | str | bool | None
Row = dict[str, Value]


@dataclass(frozen=True)
class AtLeast:
    """Only rows whose `column` is `number` or more."""

    column: str
    number: int


def count_and_sums(table: str, sums: Mapping[str, str], *, at_least: AtLeast | None = None, count: str = "n") -> str:
    """A query for one row: the number of rows as `count`, and the sum of each column (`sums`: name -> column)."""
    if count in sums:
        raise WrongUse(f"a query of table {table!r}: {count!r} is the name of both the count and a sum")
    parts = [f"{_text(count)}, COUNTROWS({_table(table)})", *_sums(table, sums)]
    row = f"ROW({', '.join(parts)})"
    if at_least is None:
        return f"EVALUATE {row}"
    return f"EVALUATE CALCULATETABLE({row}, {_column(table, at_least.column)} >= {at_least.number})"


def sums_by(table: str, by: Sequence[str], sums: Mapping[str, str], *, at_least: AtLeast | None = None) -> str:
    """A query for one row per combination of the columns `by` that has any sum (`sums`: name -> column)."""
    if not by or not sums:
        raise WrongUse(f"a query of table {table!r}: give columns to sum and columns to sum by")
    parts = [_column(table, c) for c in by]
    if at_least is not None:
        column = _column(table, at_least.column)
        parts.append(f"FILTER(ALL({column}), {column} >= {at_least.number})")
    return f"EVALUATE SUMMARIZECOLUMNS({', '.join(parts + _sums(table, sums))})"


def execute_query(client: PowerBIClient, dataset: str, query: str) -> list[Row]:
    """The rows of a query. Numbers are exact: integers are int, all others Decimal with the digits received.

    Table columns are named without the table, computed columns as in the query. A blank is None, and so is the count of
    no rows. Raises the client's errors, also for an error inside a 200 response, which may contain some of the rows.
    """
    doing = f"querying dataset {dataset}"
    body = encoded({"queries": [{"query": query}], "serializerSettings": {"includeNulls": True}})
    answer = client.call("POST", f"{client.at(dataset)}/executeQueries", doing, body=body)
    try:
        found = json.loads(answer.content, parse_float=Decimal)
        result = found["results"][0] if found.get("results") else found
        table = result["tables"][0] if result.get("tables") else {}
        error = found.get("error") or result.get("error") or table.get("error")
        rows = table.get("rows") or []
    except (ValueError, LookupError, AttributeError, TypeError):
        raise Refused(f"{doing}: HTTP {answer.status_code} without a result: {answer.text[:100]!r}") from None
    if error:
        code, message = code_and_message_of(error) if isinstance(error, dict) else ("", str(error))
        raise refusal(answer, "POST", doing, code, message)
    if len(rows) >= MAX_QUERY_ROWS:
        raise Refused(f"{doing}: {len(rows)} rows, the service's limit: request fewer")
    return [{_plain(name): value for name, value in row.items()} for row in rows]


def _sums(table: str, sums: Mapping[str, str]) -> list[str]:
    return [f"{_text(name)}, SUM({_column(table, column)})" for name, column in sums.items()]


def _table(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _column(table: str, name: str) -> str:
    return f"{_table(table)}[{name.replace(']', ']]')}]"


def _text(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _plain(name: Any) -> str:
    """`Pulse[site]` and `[site]` become `site`."""
    text = str(name)
    start = text.find("[")
    if not text.endswith("]") or start < 0:
        return text
    return text[start + 1 : -1].replace("]]", "]")
