"""Parses the two forms of DAX query that the local service answers. Not their evaluation, and no other DAX.

    query      = "EVALUATE" ( summarize | row | "CALCULATETABLE" "(" ( row | summarize ) { "," predicate } ")" )
    row        = "ROW" "(" string "," aggregate { "," string "," aggregate } ")"
    summarize  = "SUMMARIZECOLUMNS" "(" column { "," column } { "," filter } { "," string "," aggregate } ")"
    filter     = "FILTER" "(" "ALL" "(" column ")" "," predicate ")"
    predicate  = column operator literal
    aggregate  = "COUNTROWS" "(" table ")" | ( "SUM" | "MIN" | "MAX" ) "(" column ")"
    column     = table "[" name "]"              with "]]" for a "]" in the name
    table      = "'" name "'"                    with "''" for a "'" in the name
    string     = '"' text '"'                    with '""' for a '"' in the text
    literal    = string | number | "TRUE()" | "FALSE()" | "BLANK()"
    operator   = "=" | "<>" | "<" | "<=" | ">" | ">="

Whitespace is allowed between all parts; function names are case-insensitive. All columns must be of one table, except
in ROW without predicates, whose aggregates may be of several.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

MAX_QUERY_CHARACTERS = 100_000
AGGREGATES = ("COUNTROWS", "SUM", "MIN", "MAX")
OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<table>'(?:[^']|'')+')
      | (?P<column>\[(?:[^\]]|\]\])+\])
      | (?P<string>"(?:[^"]|"")*")
      | (?P<number>-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?)
      | (?P<word>[A-Za-z]+)
      | (?P<sign><>|<=|>=|[=<>(),])
    )""",
    re.VERBOSE,
)
Literal = str | int | Decimal | bool | None


class UnknownQuery(Exception):
    """A query that the local service does not answer; the text says where it deviates from the grammar."""


@dataclass(frozen=True)
class Column:
    """`'table'[name]`."""

    table: str
    name: str


@dataclass(frozen=True)
class Aggregate:
    """`column` is "" for COUNTROWS."""

    function: str
    table: str
    column: str


@dataclass(frozen=True)
class Predicate:
    """A comparison of a column with a value; None is BLANK()."""

    column: Column
    operator: str
    value: Literal


@dataclass(frozen=True)
class Query:
    """`groups` is empty for ROW; `values` are (name, aggregate) in the order asked for."""

    groups: tuple[Column, ...]
    predicates: tuple[Predicate, ...]
    values: tuple[tuple[str, Aggregate], ...]


def read_query(text: str) -> Query:
    """Parses a query; raises UnknownQuery if it has neither form."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise UnknownQuery(f"the query has over {MAX_QUERY_CHARACTERS} characters")
    return _Reader(text).query()


class _Reader:
    """A recursive-descent parser over the tokens."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0

    def query(self) -> Query:
        self._function("EVALUATE")
        function = self._word("ROW", "SUMMARIZECOLUMNS", "CALCULATETABLE")
        self._sign("(")
        outer: list[Predicate] = []
        if function == "CALCULATETABLE":
            function = self._word("ROW", "SUMMARIZECOLUMNS")
            self._sign("(")
            inner = self._row() if function == "ROW" else self._summarize()
            while self._takes(","):
                outer.append(self._predicate())
            self._sign(")")
        else:
            inner = self._row() if function == "ROW" else self._summarize()
        if self._next != len(self._tokens):
            raise UnknownQuery(f"nothing can follow the table, {self._shown()} does")
        made = Query(inner.groups, (*inner.predicates, *outer), inner.values)
        _one_table(made)
        return made

    def _row(self) -> Query:
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._sign(")")
        return Query((), (), tuple(values))

    def _summarize(self) -> Query:
        groups = [self._column()]
        predicates: list[Predicate] = []
        values: list[tuple[str, Aggregate]] = []
        while self._takes(","):
            kind = self._kind()
            if kind == "table" and not predicates and not values:
                groups.append(self._column())
            elif kind == "word" and not values:
                predicates.append(self._filter())
            else:
                values.append(self._value())
        self._sign(")")
        return Query(tuple(groups), tuple(predicates), tuple(values))

    def _filter(self) -> Predicate:
        self._function("FILTER")
        self._sign("(")
        self._function("ALL")
        self._sign("(")
        column = self._column()
        self._sign(")")
        self._sign(",")
        predicate = self._predicate()
        self._sign(")")
        if predicate.column != column:
            raise UnknownQuery("a FILTER compares the column that its ALL names")
        return predicate

    def _predicate(self) -> Predicate:
        column = self._column()
        operator = self._take("sign", "an operator")
        if operator not in OPERATORS:
            raise UnknownQuery(f"{operator!r} is no operator")
        return Predicate(column, operator, self._literal())

    def _literal(self) -> Literal:
        kind = self._kind()
        if kind == "string":
            return self._string()
        if kind == "number":
            text = self._take("number", "a number")
            return Decimal(text) if set(text) & set(".eE") else int(text)
        word = self._word("TRUE", "FALSE", "BLANK")
        self._sign("(")
        self._sign(")")
        return {"TRUE": True, "FALSE": False}.get(word)

    def _value(self) -> tuple[str, Aggregate]:
        name = self._string()
        self._sign(",")
        function = self._word(*AGGREGATES)
        self._sign("(")
        if function == "COUNTROWS":
            aggregate = Aggregate(function, self._table(), "")
        else:
            column = self._column()
            aggregate = Aggregate(function, column.table, column.name)
        self._sign(")")
        return name, aggregate

    def _column(self) -> Column:
        return Column(self._table(), self._take("column", "a column")[1:-1].replace("]]", "]"))

    def _table(self) -> str:
        return self._take("table", "a table in single quotes")[1:-1].replace("''", "'")

    def _string(self) -> str:
        return self._take("string", "a text in double quotes")[1:-1].replace('""', '"')

    def _function(self, name: str) -> None:
        self._word(name)

    def _word(self, *valid: str) -> str:
        word = self._take("word", " or ".join(valid)).upper()
        if word not in valid:
            raise UnknownQuery(f"{word[:40]} is not {' or '.join(valid)}")
        return word

    def _sign(self, sign: str) -> None:
        if not self._takes(sign):
            raise UnknownQuery(f"{sign!r} is wanted, not {self._shown()}")

    def _takes(self, sign: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == ("sign", sign):
            self._next += 1
            return True
        return False

    def _take(self, kind: str, what: str) -> str:
        if self._kind() != kind:
            raise UnknownQuery(f"{what} is wanted, not {self._shown()}")
        self._next += 1
        return self._tokens[self._next - 1][1]

    def _kind(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _shown(self) -> str:
        return repr(self._tokens[self._next][1][:40]) if self._next < len(self._tokens) else "the end"


def _tokens(text: str) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    text = text.strip()
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise UnknownQuery(f"{text[at : at + 20]!r} is not understood")
        made.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return made


def _one_table(query: Query) -> None:
    tables = {a.table for _, a in query.values} | {c.table for c in query.groups}
    tables |= {p.column.table for p in query.predicates}
    if len(tables) > 1 and (query.groups or query.predicates):
        raise UnknownQuery("the local service evaluates one table at a time, all columns must be of it")
    names = [name.lower() for name, _ in query.values]
    if len(set(names)) != len(names):
        raise UnknownQuery("a name is given twice")
