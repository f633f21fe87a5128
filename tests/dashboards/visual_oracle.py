"""What each visual of a template must show, by an independent DAX engine over the rows a Power BI service stored.

The template's files, the dataset's definition and its rows are read here from scratch: nothing of the preview is used.
Semantics are Power BI's: a visual has a row for every combination of its columns for which some measure of it is not
blank; filters sit on labels, on Pulse[bucket] and on Cut Off[order], and reach the facts through the relationships; a
table of columns of a fact shows each different row once.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, Self

from pbix_mcp.dax import engine

from livegold.reporting.home.endpoint import read_endpoint
from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.stored_rows import StoredRows

Json = Mapping[str, Any]

EPOCH = dt.datetime(1970, 1, 1)
FACTS = ("Pulse", "Totals", "Spotlight")
SHOWS_VALUES = ("cardVisual", "tableEx", "lineChart", "areaChart", "clusteredColumnChart", "columnChart")
SHOWS_VALUES += ("clusteredBarChart", "barChart")
STILL = ("textbox", "actionButton", "pageNavigator", "shape", "basicShape", "image")
NO_SUCH_TIME = dt.datetime(1999, 1, 1)
NO_SUCH_TEXT = "no such value"
MIN, GREATER = 3, 1
"""Numbers of an aggregation and of a comparison in PBIR."""


# ---- the files -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """A measure, a column, or (`least`) the least text of a column."""

    table: str
    name: str
    is_measure: bool = False
    least: bool = False

    @property
    def is_value(self) -> bool:
        return self.is_measure or self.least


@dataclass(frozen=True)
class Column:
    """A field in a visual, by the name it has there."""

    role: str
    field: Field
    shown: str


@dataclass(frozen=True)
class Visual:
    """A visual as its file has it: `starts` is the filter that a slicer begins with, `above` what groups must have more
    of than so much."""

    name: str
    kind: str
    columns: tuple[Column, ...]
    beside: tuple[Field, ...]
    order: tuple[tuple[Field, bool], ...]
    tooltip: str
    starts: tuple[Field, Any] | None
    above: tuple[tuple[Field, float], ...]
    hidden: bool

    @property
    def shows_values(self) -> bool:
        return self.kind in SHOWS_VALUES

    @property
    def is_chart(self) -> bool:
        return self.shows_values and self.kind not in ("cardVisual", "tableEx")


@dataclass(frozen=True)
class Page:
    name: str
    title: str
    kind: str
    bound: Field | None
    visuals: tuple[Visual, ...]
    apart: frozenset[tuple[str, str]]

    @property
    def slicers(self) -> dict[Field, Visual]:
        return {v.columns[0].field: v for v in self.visuals if v.kind == "slicer"}


def pages_of(folder: Path) -> tuple[Page, ...]:
    """The pages of the one report under a folder, in their order."""
    (root,) = [p for p in folder.rglob("definition/pages") if (p / "pages.json").is_file()]
    return tuple(_page(root / name) for name in _json(root / "pages.json")["pageOrder"])


def _json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _page(folder: Path) -> Page:
    found = _json(folder / "page.json")
    if [f for f in found.get("filterConfig", {}).get("filters", ()) if f.get("filter")]:
        raise AssertionError(f"page {found['displayName']} has a filter, of which nothing is known here")
    binding = found.get("pageBinding", {})
    bound = [_field(p["fieldExpr"]) for p in binding.get("parameters", ())]
    visuals = [_visual(_json(file)) for file in sorted((folder / "visuals").glob("*/visual.json"))]
    interactions = found.get("visualInteractions", ())
    return Page(
        found["name"],
        found["displayName"],
        binding.get("type", "page").lower(),
        bound[0] if bound else None,
        tuple(visuals),
        frozenset((i["source"], i["target"]) for i in interactions if i["type"] == "NoFilter"),
    )


def _visual(found: Json) -> Visual:
    inside = found["visual"]
    query = inside.get("query", {})
    columns = [
        Column(role, _field(p["field"]), p.get("displayName") or p.get("nativeQueryRef", ""))
        for role, state in query.get("queryState", {}).items()
        for p in state["projections"]
    ]
    own = {c.field for c in columns}
    looks = (inside.get("objects", {}), inside.get("visualContainerObjects", {}))
    beside = [f for f in dict.fromkeys(_measures_in(looks)) if f not in own]
    order = [
        (_field(s["field"]), s["direction"] == "Descending") for s in query.get("sortDefinition", {}).get("sort", ())
    ]
    tips = [e["properties"] for e in looks[1].get("visualTooltip", ()) if "section" in e["properties"]]
    return Visual(
        found["name"],
        inside["visualType"],
        tuple(columns),
        tuple(beside),
        tuple(order),
        _literal(tips[0]["section"]["expr"]) if tips else "",
        _start(looks[0]),
        tuple(_above(f["filter"]) for f in found.get("filterConfig", {}).get("filters", ()) if f.get("filter")),
        bool(found.get("isHidden")),
    )


def _field(written: Json) -> Field:
    if "Aggregation" in written:
        assert written["Aggregation"]["Function"] == MIN, written
        return replace(_field(written["Aggregation"]["Expression"]), least=True)
    (kind,) = set(written) & {"Column", "Measure"}
    return Field(written[kind]["Expression"]["SourceRef"]["Entity"], written[kind]["Property"], kind == "Measure")


def _measures_in(node: Any) -> Iterable[Field]:
    """Measures that formatting is made by."""
    if isinstance(node, Mapping):
        if "Measure" in node:
            yield _field(node)
        for inside in node.values():
            yield from _measures_in(inside)
    elif isinstance(node, list | tuple):
        for inside in node:
            yield from _measures_in(inside)


def _literal(expression: Json) -> str:
    return str(expression["Literal"]["Value"])[1:-1].replace("''", "'")


def _above(written: Json) -> tuple[Field, float]:
    """The one kind of filter that a visual has here: a measure is greater than a number."""
    ((where,), (source,)) = written["Where"], written["From"]
    comparison = where["Condition"]["Comparison"]
    assert comparison["ComparisonKind"] == GREATER, comparison
    measure = comparison["Left"]["Measure"]
    assert measure["Expression"]["SourceRef"]["Source"] == source["Name"]
    return Field(source["Entity"], measure["Property"], True), float(comparison["Right"]["Literal"]["Value"][:-1])


def _start(objects: Json) -> tuple[Field, Any] | None:
    for properties in (e["properties"] for e in objects.get("general", ())):
        if "filter" in properties:
            written = properties["filter"]["filter"]
            entities = {f["Name"]: f["Entity"] for f in written["From"]}
            (where,) = written["Where"]
            comparison = where["Condition"]["Comparison"]
            assert comparison["ComparisonKind"] == 0, comparison
            column = comparison["Left"]["Column"]
            of = Field(entities[column["Expression"]["SourceRef"]["Source"]], column["Property"])
            return of, int(comparison["Right"]["Literal"]["Value"].rstrip("L"))
    return None


# ---- what is chosen --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """What filters a page: values by column, each of which was chosen in a slicer or came with a drill-through."""

    values: Mapping[Field, tuple[Any, ...]] = field(default_factory=dict)
    first: dt.datetime | None = None
    last: dt.datetime | None = None

    def __str__(self) -> str:
        said = [f"{f.table} in {list(v)}" for f, v in self.values.items()]
        said += [f"from {self.first} to {self.last}"] if self.first or self.last else []
        return "; ".join(said) or "nothing chosen"

    def also(self, of: Field, *values: Any) -> Chosen:
        return replace(self, values={**self.values, of: values})


def label(table: str) -> Field:
    return Field(table, "label")


CUT_OFF = Field("Cut Off", "order")
BUCKET = Field("Pulse", "bucket")


# ---- what must be shown ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """Rows of a visual: `columns` are its fields in order, the last `beside` of them those of formatting."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    beside: int
    order: Order | None = None


@dataclass(frozen=True)
class Order:
    """What rows go by: the place of a column, and the rank of each value in it (as `text`)."""

    place: int
    ranks: Mapping[str, tuple[Any, ...]]
    descending: bool


class Oracle:
    """A template over the stored rows of a dataset: `definition` and `rows` (by table) as the service gives them."""

    def __init__(self, folder: Path, definition: Json, rows: Mapping[str, Sequence[Json]]) -> None:
        self.pages = pages_of(folder)
        columns = {t["name"]: {c["name"]: c["dataType"] for c in t["columns"]} for t in definition["tables"]}
        self.measures = {m["name"]: m["expression"] for t in definition["tables"] for m in t.get("measures") or ()}
        self._sorted_by = {
            Field(t["name"], c["name"]): c["sortByColumn"]
            for t in definition["tables"]
            for c in t["columns"]
            if c.get("sortByColumn")
        }
        self.tables: dict[str, dict[str, Any]] = {
            table: {
                "columns": list(kinds),
                "rows": [[_cell(row.get(name), kind) for name, kind in kinds.items()] for row in rows[table]],
            }
            for table, kinds in columns.items()
        }
        engine.mark_currency_columns(
            self.tables, {t: {n for n, kind in kinds.items() if kind == "Decimal"} for t, kinds in columns.items()}
        )
        self.relationships = [
            {
                "FromTable": r["fromTable"],
                "FromColumn": r["fromColumn"],
                "ToTable": r["toTable"],
                "ToColumn": r["toColumn"],
                "IsActive": 1,
            }
            for r in definition["relationships"]
        ]
        self._answers: dict[Any, dict[str, Any]] = {}

    @classmethod
    def of_service(cls, folder: Path, home: Path, dataset: str) -> Self:
        """Over what the service that runs for `home` has of the dataset of a name, now."""
        at = read_endpoint(home)
        session = Session(at.ca)
        (found,) = [d for d in session.get(f"{at.api}/_local/datasets").json()["value"] if d["name"] == dataset]
        stored = StoredRows(at.api, found["id"], session)
        definition = stored.definition()
        return cls(folder, definition, {t["name"]: stored.rows(t["name"]) for t in definition["tables"]})

    def page(self, title: str) -> Page:
        return next(p for p in self.pages if p.title == title)

    @property
    def buckets(self) -> list[dt.datetime]:
        return sorted(set(self._column(BUCKET)))

    def values(self, of: Field) -> list[Any]:
        """The values of a column of a dimension in their order."""
        return sorted(set(self._column(of)), key=lambda v: self._rank(of, v))

    def tells_time(self, visual: Visual) -> bool:
        """Whether all that it shows depends on the time of day rather than on rows."""
        return all(c.field.is_measure and "UTCNOW" in self.measures[c.field.name] for c in visual.columns)

    def expected(self, page: Page, visual: Visual, chosen: Chosen) -> Shown:
        """The rows of a visual of a page."""
        at = self._at(page, visual, chosen)
        columns = list({c.field: c for c in visual.columns}.values()) if not visual.is_chart else list(visual.columns)
        if any(c.field.table == "Spotlight" for c in columns):
            return self._single_rows(visual, columns, at)
        groups = [c.field for c in columns if not c.field.is_value]
        names = [c.field.name for c in columns if c.field.is_measure]
        beside = [f.name for f in visual.beside]
        rows = []
        keys = list(product(*(self._values_at(g, at) for g in groups)))
        for key in keys:
            here = at
            for of, value in zip(groups, key, strict=True):
                here = _narrowed(here, of, (value,))
            found = self._measured([*names, *beside, *(f.name for f, _ in visual.above)], here)
            if groups and names and all(found[n] is None for n in names):
                continue
            if groups and any((found[f.name] or 0) <= least for f, least in visual.above):
                continue
            named = dict(zip(groups, key, strict=True))
            row = [
                found[c.field.name]
                if c.field.is_measure
                else self._least(c.field, at)
                if c.field.least
                else named[c.field]
                for c in columns
            ]
            rows.append((*row, *(found[n] for n in beside)))
        every = [*columns, *(Column("", f, f.name) for f in visual.beside)]
        return Shown(tuple(every), tuple(rows), len(beside), self._order(visual, every, rows))

    def _at(self, page: Page, visual: Visual, chosen: Chosen) -> dict[Field, tuple[Any, ...]]:
        """What filters a visual, by column."""
        at: dict[Field, tuple[Any, ...]] = {}
        slicers = page.slicers
        values = {v.starts[0]: (v.starts[1],) for v in slicers.values() if v.starts}
        values |= chosen.values
        for of, some in values.items():
            if of in slicers and (slicers[of].name, visual.name) in page.apart:
                continue
            at = _narrowed(at, of, some)
        slicer = slicers.get(BUCKET)
        if (chosen.first or chosen.last) and (slicer is None or (slicer.name, visual.name) not in page.apart):
            low, high = chosen.first or dt.datetime.min, chosen.last or dt.datetime.max
            at = _narrowed(at, BUCKET, tuple(b for b in self.buckets if low <= b <= high))
        return at

    def _values_at(self, of: Field, at: Mapping[Field, tuple[Any, ...]]) -> list[Any]:
        """The values of a column that filters on its own table leave."""
        others = {f: set(v) for f, v in at.items() if f.table == of.table}
        table = self.tables[of.table]
        places = {f: table["columns"].index(f.name) for f in (*others, of)}
        kept = {
            row[places[of]] for row in table["rows"] if all(row[places[f]] in allowed for f, allowed in others.items())
        }
        return sorted(kept, key=lambda v: self._rank(of, v))

    def _least(self, of: Field, at: Mapping[Field, tuple[Any, ...]]) -> Any:
        return min(self._values_at(replace(of, least=False), at), default=None)

    def _measured(self, names: Sequence[str], at: Mapping[Field, tuple[Any, ...]]) -> dict[str, Any]:
        if not names:
            return {}
        # Of one that tells the time no answer is kept.
        key = (tuple(names), tuple(sorted((str(f), tuple(map(str, v))) for f, v in at.items())))
        tells_time = any("UTCNOW" in self.measures[n] for n in names)
        if tells_time or key not in self._answers:
            context = {f"{f.table}.{f.name}": list(v) or [_nothing(f)] for f, v in at.items()}
            found = engine.evaluate_measures_batch(
                list(dict.fromkeys(names)), self.tables, self.measures, context, relationships=self.relationships
            )
            self._answers[key] = {n: found[n] for n in names}
        return self._answers[key]

    def _single_rows(self, visual: Visual, columns: Sequence[Column], at: Mapping[Field, tuple[Any, ...]]) -> Shown:
        """Different rows of Spotlight, with labels of the dimensions they belong to."""
        assert not visual.beside
        table = self.tables["Spotlight"]
        place = {name: i for i, name in enumerate(table["columns"])}
        related = {r["ToTable"]: r["FromColumn"] for r in self.relationships if r["FromTable"] == "Spotlight"}
        labels = {
            t: {row[0]: row for row in self.tables[t]["rows"]} for t in related if self.tables[t]["columns"][0] == "key"
        }

        def value(row: Sequence[Any], of: Field) -> Any:
            if of.table == "Spotlight":
                return row[place[of.name]]
            found = labels[of.table].get(row[place[related[of.table]]])
            return None if found is None else found[self.tables[of.table]["columns"].index(of.name)]

        filters = {f: set(v) for f, v in at.items() if f.table in related or f.table == "Spotlight"}
        rows = dict.fromkeys(
            tuple(value(row, c.field) for c in columns)
            for row in table["rows"]
            if all(value(row, f) in allowed for f, allowed in filters.items())
        )
        return Shown(tuple(columns), tuple(rows), 0, self._order(visual, columns, list(rows)))

    def _order(self, visual: Visual, columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> Order | None:
        """By the first field of the file's sort, where the visual shows it."""
        for of, descending in visual.order[:1]:
            for place, column in enumerate(columns):
                if column.field == of:
                    return Order(place, {text(r[place]): self._rank(of, r[place]) for r in rows}, descending)
        return None

    def _rank(self, of: Field, value: Any) -> tuple[Any, ...]:
        """How values of a field are sorted: blank first, a label by what it is sorted by."""
        by = self._sorted_by.get(of)
        if by is not None and value is not None:
            columns = self.tables[of.table]["columns"]
            here, there = columns.index(of.name), columns.index(by)
            value = min(r[there] for r in self.tables[of.table]["rows"] if r[here] == value)
        return (value is not None, 0 if value is None else value)

    def _column(self, of: Field) -> list[Any]:
        place = self.tables[of.table]["columns"].index(of.name)
        return [row[place] for row in self.tables[of.table]["rows"]]


def _narrowed(at: Mapping[Field, tuple[Any, ...]], of: Field, values: Sequence[Any]) -> dict[Field, tuple[Any, ...]]:
    kept = tuple(v for v in values if of not in at or v in at[of])
    return {**at, of: kept}


def _nothing(of: Field) -> Any:
    return NO_SUCH_TIME if of == BUCKET else NO_SUCH_TEXT


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "DateTime":
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC).replace(tzinfo=None)
    return float(value) if isinstance(value, Decimal) or kind in ("Decimal", "Double") else value


# ---- a row that is wrong ---------------------------------------------------------------------------------------------


@contextmanager
def changed_row(home: Path, dataset: str, table: str) -> Iterator[None]:
    """One row of a table counts one event more, in the service's own file, for a `with` block."""
    db = sqlite3.connect(home / "powerbi" / "service.db", isolation_level=None, timeout=30)
    query = "select t.no from tables t join datasets d on d.id = t.dataset where d.name = ? and t.name = ?"
    (number,) = db.execute(query, (dataset, table)).fetchone()
    rows = db.execute("select no, body from rows where table_no = ? order by no desc", (number,)).fetchall()
    # The newest that has events: of the newest tick, or of the newest windows.
    no, body = next((n, b) for n, b in rows if json.loads(b)["events"] > 0)

    def write(text: bytes) -> None:
        done = db.execute("update rows set body = ? where table_no = ? and no = ?", (text, number, no))
        assert done.rowcount == 1

    row = json.loads(body)
    write(json.dumps({**row, "events": row["events"] + 1}).encode())
    try:
        yield
    finally:
        write(body)
        db.close()


# ---- comparing -------------------------------------------------------------------------------------------------------


def differences(visual: Visual, expected: Shown, page: Mapping[str, Any] | None) -> list[str]:
    """What a page shows otherwise: `page` is what it says of a visual ({columns, rows}), None where it has none."""
    name = f"{visual.kind} {visual.name} ({', '.join(c.shown for c in visual.columns)})"
    if page is None:
        return [f"{name}: is not on the page"]
    own = len(expected.columns) - expected.beside
    # A chart has no name for its category, and no values beside those of its series.
    wanted = [None if visual.is_chart and i == 0 else c.shown for i, c in enumerate(expected.columns[:own])]
    wanted += [] if visual.is_chart else sorted(c.shown for c in expected.columns[own:])
    shown = list(page["columns"])
    places = [
        *range(own),
        *(own + shown[own:].index(c.shown) for c in expected.columns[own:] if c.shown in shown[own:]),
    ]
    if [*shown[:own], *sorted(shown[own:])] != wanted:
        return [f"{name}: has columns {shown}, not {wanted}"]
    rows = [[row[i] for i in places] for row in page["rows"]]
    own = len(places)
    if visual.kind == "cardVisual" and not rows:
        # A card without a row shows blanks.
        rows = [[None] * own]
    right = [row[:own] for row in expected.rows]
    found: list[str] = []
    groups = [i for i, c in enumerate(expected.columns[:own]) if not c.field.is_value]
    if len(groups) == own:
        return [f"{name}: {line}" for line in _different_rows(right, rows)] or _different_order(name, expected, rows)
    by_key = {tuple(text(row[i]) for i in groups): row for row in rows}
    if len(by_key) != len(rows):
        found.append(f"{name}: shows a group twice")
    keys = {tuple(text(row[i]) for i in groups): row for row in right}
    found += [f"{name}: {key} is missing" for key in keys if key not in by_key]
    found += [f"{name}: {key} is too much" for key in by_key if key not in keys]
    for key in keys:
        for place, value in enumerate(keys[key]):
            if key in by_key and not same(by_key[key][place], value):
                of = expected.columns[place].shown
                found.append(f"{name}: {of} at {key} is {by_key[key][place]!r}, not {value!r}")
    return found or _different_order(name, expected, rows)


def _different_rows(right: Sequence[Sequence[Any]], rows: Sequence[Sequence[Any]]) -> list[str]:
    wanted = sorted(tuple(text(v) for v in row) for row in right)
    there = sorted(tuple(text(v) for v in row) for row in rows)
    return [f"{r} is missing" for r in wanted if r not in there] + [
        f"{r} is too much" for r in there if r not in wanted
    ]


def _different_order(name: str, expected: Shown, rows: Sequence[Sequence[Any]]) -> list[str]:
    order = expected.order
    if order is None:
        return []
    there = [row[order.place] for row in rows]
    ranks = [order.ranks[text(v)] for v in there]
    if ranks != sorted(ranks, reverse=order.descending):
        return [f"{name}: {expected.columns[order.place].shown} comes in another order: {there}"]
    return []


def same(found: Any, expected: Any) -> bool:
    """Whether the page's JSON says a value: numbers may be texts, times milliseconds or ISO."""
    if expected is None or found is None:
        return found is expected or (expected is None and found == "(Blank)")
    if isinstance(expected, bool):
        return found is expected
    if isinstance(expected, int | float):
        return not isinstance(found, bool) and _near(found, float(expected))
    return text(found) == text(expected)


def _near(found: Any, expected: float) -> bool:
    try:
        return math.isclose(float(found), expected, rel_tol=1e-9, abs_tol=1e-9)
    except (TypeError, ValueError):
        return False


def text(value: Any) -> str:
    """A value in one way of writing, whether it comes from the page or from here; doubles to nine digits."""
    if value is None or value == "(Blank)":
        return "blank"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, dt.datetime):
        return f"time {_milliseconds(value)}"
    if isinstance(value, str):
        if value.endswith("Z") and len(value) >= 20 and value[4] == "-":
            return f"time {_milliseconds(dt.datetime.fromisoformat(value).replace(tzinfo=None))}"
        try:
            return _number(float(value))
        except ValueError:
            return value
    return _number(float(value))


def _number(value: float) -> str:
    # A chart has the time in milliseconds since 1970.
    return f"time {round(value)}" if value > 1e12 else f"{value:.9g}"


def _milliseconds(time: dt.datetime) -> int:
    return (time - EPOCH) // dt.timedelta(milliseconds=1)
