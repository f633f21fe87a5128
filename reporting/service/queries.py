"""executeQueries: evaluates queries parsed by `dax_reader` over the stored rows. Not a DAX engine.

As in DAX: a sum, minimum, maximum or count of nothing is blank; blank equals 0, "" and FALSE; text comparison is
case-insensitive; SUMMARIZECOLUMNS leaves out groups whose values are all blank.
"""

from __future__ import annotations

import datetime as dt
import json
import operator
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson

from livegold.reporting.powerbi.limits import MAX_QUERY_ROWS, MAX_QUERY_VALUES
from livegold.reporting.service.dax_reader import Aggregate, Column, Predicate, Query, UnknownQuery, read_query
from livegold.reporting.service.problems import Problem
from livegold.reporting.service.store import Store, StoredDataset, StoredTable
from livegold.reporting.service.values import moment

# The REST API's specification of executeQueries
MAX_RESULT_BYTES = 15 * 1024 * 1024
BATCH_ROWS = 20_000
REQUEST_KEYS = {"queries", "serializerSettings", "impersonatedUserName"}
# Decimal values are added as ten-thousandths: exact, and faster than decimals.
DECIMAL_UNITS = 10_000
_EXACT_BELOW = 1e11
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BLANKS: dict[str, Any] = {"Int64": 0, "Double": 0, "Decimal": 0, "String": "", "Boolean": False}

Row = dict[str, Any]


def query_error(message: str) -> Problem:
    """The service's response to a failing query."""
    return Problem(400, "DatasetExecuteQueriesError", message)


class Queries:
    """Answers executeQueries."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, dataset: StoredDataset, body: Any) -> bytes:
        """The JSON response to a request body. Raises a Problem of 400."""
        text, include_nulls = _request(body)
        try:
            query = read_query(text)
        except UnknownQuery as unknown:
            message = f"The local service cannot answer this query: {unknown}"
            raise query_error(message) from None
        rows = self._rows(dataset, query)
        kept, error = _limited(rows if include_nulls else [_without_nulls(r) for r in rows])
        table: Row = {"rows": [orjson.Fragment(r) for r in kept]}
        if error:
            table["error"] = {"code": "DatasetExecuteQueriesError", "message": error}
        return orjson.dumps({"results": [{"tables": [table]}]})

    def _rows(self, dataset: StoredDataset, query: Query) -> list[Row]:
        if query.groups or query.predicates:
            return _Evaluation(query, self._table(dataset, _table_of(query))).over(self._held)
        row: Row = {}
        for name, aggregate in query.values:
            alone = Query((), (), ((name, aggregate),))
            row |= _Evaluation(alone, self._table(dataset, aggregate.table)).over(self._held)[0]
        return [row]

    def _table(self, dataset: StoredDataset, name: str) -> StoredTable:
        for table in self._store.tables(dataset.id):
            if table.name.lower() == name.lower():
                return table
        raise query_error(f"Cannot find table '{name[:100]}'.")

    def _held(self, table: StoredTable) -> Iterator[Row]:
        after = 0
        while True:
            texts, last = self._store.rows_text(table, after, BATCH_ROWS)
            if not texts:
                return
            for text in texts:
                yield orjson.loads(text) | {_TEXT: text}
            after = last


_TEXT = "\0text"  # next to a row's columns, whose names cannot contain a NUL


class _Evaluation:
    """One query over the rows of one table."""

    def __init__(self, query: Query, table: StoredTable) -> None:
        self._query = query
        self._table = table
        self._types = {c["name"].lower(): (c["name"], c["dataType"]) for c in table.columns}
        self._groups = [self._typed(g) for g in query.groups]
        self._filters = [self._filter(p) for p in query.predicates]
        self._sums = [self._aggregate(a) for _, a in query.values]

    def over(self, held: Callable[[StoredTable], Iterator[Row]]) -> list[Row]:
        found: dict[tuple[Any, ...], tuple[list[Any], list[Any]]] = {}
        if not self._groups:
            found[()] = ([], [None] * len(self._sums))
        for row in held(self._table):
            if not all(fits(row) for fits in self._filters):
                continue
            values = [_value(row, name, kind) for name, kind in self._groups]
            key = tuple(v.lower() if isinstance(v, str) else v for v in values)
            state = found.setdefault(key, (values, [None] * len(self._sums)))[1]
            for i, add in enumerate(self._sums):
                state[i] = add(state[i], row)
        return list(self._shown(found))

    def _shown(self, found: dict[tuple[Any, ...], tuple[list[Any], list[Any]]]) -> Iterator[Row]:
        for values, state in found.values():
            if self._groups and state and all(s is None for s in state):
                continue
            row = {
                f"{self._table.name}[{name}]": _json_value(value, kind)
                for (name, kind), value in zip(self._groups, values, strict=True)
            }
            for (name, aggregate), value in zip(self._query.values, state, strict=True):
                row[f"[{name}]"] = _json_value(value, self._kind(aggregate))
            yield row

    def _kind(self, aggregate: Aggregate) -> str:
        if aggregate.function == "COUNTROWS":
            return "Int64"
        return self._typed(Column(aggregate.table, aggregate.column))[1]

    def _typed(self, column: Column) -> tuple[str, str]:
        found = self._types.get(column.name.lower())
        if found is None:
            raise query_error(f"Cannot find column [{column.name[:100]}] in table '{self._table.name}'.")
        return found

    def _filter(self, predicate: Predicate) -> Callable[[Row], bool]:
        name, kind = self._typed(predicate.column)
        wanted = predicate.value
        numeric = isinstance(wanted, int | Decimal) and not isinstance(wanted, bool)
        fits = {"String": isinstance(wanted, str), "Boolean": isinstance(wanted, bool), "DateTime": False}
        if wanted is not None and not fits.get(kind, numeric):
            raise query_error(f"Column [{name}] of type {kind} cannot be compared with {str(wanted)[:60]!r}.")
        blank = _BLANKS.get(kind)
        if wanted is None and (kind == "DateTime" or predicate.operator not in ("=", "<>")):
            raise query_error(f"Column [{name}] of type {kind} cannot be compared with BLANK() here.")
        compare = _COMPARE[predicate.operator]
        target: Any = blank if wanted is None else wanted.lower() if isinstance(wanted, str) else wanted
        if kind == "Decimal":
            target = Fraction(target) * DECIMAL_UNITS

        def matches(row: Row) -> bool:
            value = _value(row, name, kind)
            value = blank if value is None else value.lower() if isinstance(value, str) else value
            return compare(value, target)

        return matches

    def _aggregate(self, aggregate: Aggregate) -> Callable[[Any, Row], Any]:
        if aggregate.function == "COUNTROWS":
            return lambda state, row: (state or 0) + 1
        name, kind = self._typed(Column(aggregate.table, aggregate.column))
        if kind == "Boolean" or (aggregate.function == "SUM" and kind in ("String", "DateTime")):
            raise query_error(f"The function {aggregate.function} cannot work with values of type {kind}.")
        if aggregate.function == "SUM":
            return lambda state, row: _added(state, _value(row, name, kind))
        better = operator.lt if aggregate.function == "MIN" else operator.gt
        return lambda state, row: _better(state, _value(row, name, kind), better)


def _request(body: Any) -> tuple[str, bool]:
    if not isinstance(body, dict) or not set(body) <= REQUEST_KEYS or not isinstance(body.get("queries"), list):
        raise query_error("The request must have a list of queries.")
    queries = body["queries"]
    if len(queries) != 1:
        raise query_error("One query is allowed in a request.")
    text = queries[0].get("query") if isinstance(queries[0], dict) else None
    if not isinstance(text, str) or not text.strip():
        raise query_error("The query is missing or no text.")
    settings = body.get("serializerSettings")
    settings = {} if settings is None else settings
    include = settings.get("includeNulls", False) if isinstance(settings, dict) else None
    if isinstance(include, str):  # a public client sends a text
        include = {"true": True, "false": False}.get(include.lower())
    if not isinstance(include, bool):
        raise query_error("serializerSettings.includeNulls is not true or false.")
    if body.get("impersonatedUserName") is not None and not isinstance(body["impersonatedUserName"], str):
        raise query_error("impersonatedUserName is no text.")
    return text, include


def _limited(rows: list[Row]) -> tuple[list[bytes], str]:
    """The rows as JSON up to the documented limits, and the error message if they were exceeded."""
    most = min(MAX_QUERY_ROWS, MAX_QUERY_VALUES // max(1, len(rows[0]) if rows else 1))
    kept: list[bytes] = []
    size = 0
    for row in rows:
        if len(kept) >= most:
            return kept, f"More than {most} rows in a query result"
        if size > MAX_RESULT_BYTES:
            return kept, f"More than {MAX_RESULT_BYTES} bytes in a query result"
        kept.append(orjson.dumps(row))
        size += len(kept[-1])
    return kept, ""


def _table_of(query: Query) -> str:
    if query.groups:
        return query.groups[0].table
    return query.predicates[0].column.table


def _without_nulls(row: Row) -> Row:
    return {k: v for k, v in row.items() if v is not None}


def _value(row: Row, name: str, kind: str) -> Any:
    """A value for comparing, grouping and adding: a DateTime as datetime, a Decimal as ten-thousandths."""
    value = row.get(name)
    if value is None:
        return None
    if kind == "DateTime":
        return moment(value)
    if kind != "Decimal":
        return value
    if isinstance(value, int):
        return value * DECIMAL_UNITS
    if abs(value) < _EXACT_BELOW:
        return round(value * DECIMAL_UNITS)
    # floating point has lost digits: parse them again
    return int(Fraction(json.loads(row[_TEXT], parse_float=Decimal)[name]) * DECIMAL_UNITS)


def _added(state: Any, value: Any) -> Any:
    if value is None:
        return state
    return value if state is None else state + value


def _better(state: Any, value: Any, better: Callable[[Any, Any], bool]) -> Any:
    if value is None:
        return state
    if state is None:
        return value
    if isinstance(value, str):
        return value if better(value.lower(), state.lower()) else state
    return value if better(value, state) else state


def _json_value(value: Any, kind: str) -> Any:
    """A value as JSON; integers with all their digits, since JSON does not limit their size."""
    if isinstance(value, dt.datetime):
        text = value.strftime("%Y-%m-%dT%H:%M:%S")
        return f"{text}.{value.microsecond:06d}".rstrip("0") if value.microsecond else text
    if kind == "Decimal" and value is not None:
        whole, part = divmod(abs(value), DECIMAL_UNITS)
        text = f"{whole}.{part:04d}".rstrip("0").removesuffix(".")
        return orjson.Fragment(f"-{text}" if value < 0 else text)
    if type(value) is int:
        return orjson.Fragment(str(value))
    return value
