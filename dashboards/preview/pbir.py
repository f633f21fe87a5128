"""Reads a template's own files: pages, visuals, theme. What it knows of PBIR is what a preview needs; it draws nothing.

Formatting is looked up as Power BI does: the visual's own entry, the theme's for its type, the theme's for all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from livegold.dashboards.preview.questions import Field, Order
from livegold.reporting.errors import WrongUse

Json = Mapping[str, Any]
ABOVE = 1
"""The comparison for greater than."""
MIN = 3
"""The aggregation that gives the first text of a column."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?[LDM]")


@dataclass(frozen=True)
class Box:
    """Pixels from the page's upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Projection:
    """A field in a role of a visual; `shown` is its name there, `reference` what formatting calls it by."""

    role: str
    field: Field
    shown: str
    reference: str


@dataclass(frozen=True)
class Choice:
    """A value by what a text measure says: the first case that is equal, or nothing."""

    field: Field
    cases: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Condition:
    """A filter that stands in a file: a field is one of some values, or is not; or a measure is above a number."""

    field: Field
    values: tuple[Any, ...] = ()
    negated: bool = False
    above: float | None = None


@dataclass(frozen=True)
class Visual:
    """One visual as its file has it. `odd` says what of it cannot be understood."""

    name: str
    kind: str
    box: Box
    z: float
    tab: float
    projections: tuple[Projection, ...]
    order: tuple[Order, ...]
    objects: Json
    container: Json
    theme: Theme
    filters: tuple[Condition, ...] = ()
    phone: Box | None = None
    hidden: bool = False
    odd: str = ""

    def of(self, *roles: str) -> tuple[Projection, ...]:
        """Projections of some roles in the order of the file."""
        return tuple(p for p in self.projections if p.role in roles)

    def look(self, thing: str, name: str, default: Any = None, *, of: str | None = None) -> Any:
        """A formatting property: a plain value, a Field that gives it, or a Choice.

        `of` is the reference of the projection it is about; without it, what holds for the whole visual.
        """
        plain = None
        for source in (self.objects, self.container):
            for entry in source.get(thing, ()):
                if name in entry.get("properties", {}):
                    selector = entry.get("selector") or {}
                    about = selector.get("metadata")
                    if of is not None and about == of:
                        return value_of(entry["properties"][name])
                    if about is None and plain is None:
                        plain = entry["properties"][name]
        if plain is not None:
            return value_of(plain)
        return self.theme.style(self.kind, thing, name, default)

    def entries(self, thing: str) -> tuple[tuple[Json, Json], ...]:
        """(properties, selector) of every entry of a formatting object."""
        every = [*self.objects.get(thing, ()), *self.container.get(thing, ())]
        return tuple((e.get("properties", {}), e.get("selector") or {}) for e in every)

    @property
    def title(self) -> str | Field:
        shown = self.look("title", "show", False)
        text = self.look("title", "text", "")
        if not shown:
            return ""
        if isinstance(text, Field):
            return text
        return str(text or "")

    @property
    def alt(self) -> str:
        text = self.look("general", "altText", "")
        return text if isinstance(text, str) else ""


@dataclass(frozen=True)
class Page:
    """One page. `kind` is `page`, `drillthrough` (about `bound`) or `tooltip`."""

    name: str
    shown: str
    width: float
    height: float
    kind: str
    hidden: bool
    bound: tuple[Field, ...]
    keeps_filters: bool
    visuals: tuple[Visual, ...]
    filters: tuple[Condition, ...]
    apart: frozenset[tuple[str, str]]
    """(source, target): the one does not filter the other."""
    background: str

    @property
    def has_phone(self) -> bool:
        return any(v.phone for v in self.visuals)

    def visual(self, name: str) -> Visual:
        return next(v for v in self.visuals if v.name == name)


@dataclass(frozen=True)
class Theme:
    content: Json = field(default_factory=dict)

    def style(self, kind: str, thing: str, name: str, default: Any = None) -> Any:
        styles = self.content.get("visualStyles", {})
        for of in (kind, "*"):
            for variant in styles.get(of, {}).values():
                for entry in variant.get(thing, ()):
                    if name in entry:
                        return value_of(entry[name])
        return default

    def colour(self, name: str, default: str) -> str:
        return str(self.content.get(name, default))

    @property
    def data_colours(self) -> tuple[str, ...]:
        return tuple(self.content.get("dataColors", ())) or ("#118DFF", "#12239E", "#E66C37", "#6B007B")

    def text(self, kind: str) -> Json:
        """Font of a class of text: fontSize in points, fontFace, color."""
        found: Json = self.content.get("textClasses", {}).get(kind, {})
        return found


@dataclass(frozen=True)
class Template:
    name: str
    theme: Theme
    pages: tuple[Page, ...]
    active: str

    @cached_property
    def by_name(self) -> Mapping[str, Page]:
        return {p.name: p for p in self.pages}

    @property
    def tabs(self) -> tuple[Page, ...]:
        """Pages that are reached by their tab."""
        return tuple(p for p in self.pages if p.kind == "page" and not p.hidden)


def read_folder(folder: Path) -> Template:
    """The template in a folder: one that holds a `.Report` folder, or is one. WrongUse when it is none."""
    if not folder.is_dir():
        raise WrongUse(f"template {folder} is not there: give the folder that holds <name>.Report")
    files = {str(p.relative_to(folder).as_posix()): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    return read_files(files, str(folder))


def read_files(files: Mapping[str, bytes], place: str = "template") -> Template:
    """The template that files (by path, with /) make. WrongUse, with the file, for what is not JSON or is not there."""
    return _Reader(files, place).read()


def value_of(written: Any) -> Any:
    """What a property says: a Python value, a Field, a Choice; a dict that is none of these as it is."""
    if not isinstance(written, Mapping):
        return written
    if "solid" in written:
        return value_of(written["solid"].get("color"))
    if "expr" in written:
        return _expression(written["expr"])
    return written


def _expression(expression: Json) -> Any:
    if "Literal" in expression:
        return _literal(str(expression["Literal"]["Value"]))
    if "Measure" in expression or "Column" in expression or "Aggregation" in expression:
        return _field(expression)
    if "ThemeDataColor" in expression:
        return expression
    if "Conditional" in expression:
        cases = []
        asked: Field | None = None
        for case in expression["Conditional"]["Cases"]:
            comparison = case["Condition"].get("Comparison")
            if not comparison or comparison.get("ComparisonKind") != 0:
                return expression
            asked = _field(comparison["Left"])
            cases.append((_expression(comparison["Right"]), _expression(case["Value"])))
        return expression if asked is None else Choice(asked, tuple(cases))
    return expression


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("datetime'"):
        return text[len("datetime'") : -1]
    if text == "null":
        return None
    if _NUMBER.fullmatch(text):
        return int(text[:-1]) if text[-1] == "L" else float(text[:-1])
    return text


def _field(written: Json, sources: Mapping[str, str] | None = None) -> Field:
    """The field; ValueError for what is none that is known here."""
    if "Aggregation" in written:
        inside = written["Aggregation"]
        of = _field(inside["Expression"], sources)
        if inside.get("Function") != MIN:
            raise ValueError(f"aggregation {inside.get('Function')} of {of}")
        return replace(of, first=True)
    for kind in ("Column", "Measure"):
        if kind in written:
            inside = written[kind]
            source = inside["Expression"].get("SourceRef", {})
            entity = source.get("Entity") or (sources or {}).get(source.get("Source", ""), "")
            return Field(entity, inside["Property"], kind == "Measure")
    raise ValueError(f"field of kind {next(iter(written), 'none')}")


class _Reader:
    def __init__(self, files: Mapping[str, bytes], place: str) -> None:
        self._files = files
        self._place = place
        found = [p for p in files if p.endswith("definition/pages/pages.json")]
        if not found:
            raise WrongUse(f"{place} holds no report: there is no definition/pages/pages.json in it")
        self._root = found[0][: -len("definition/pages/pages.json")]
        self._theme = self._read_theme()

    def read(self) -> Template:
        listed = self._json("definition/pages/pages.json")
        names = list(listed.get("pageOrder", ()))
        pages = tuple(self._page(name) for name in names)
        active = listed.get("activePageName") or (names[0] if names else "")
        name = self._root.rstrip("/").rsplit("/", 1)[-1].removesuffix(".Report")
        return Template(name, self._theme, pages, active)

    def _json(self, path: str) -> dict[str, Any]:
        full = self._root + path
        if full not in self._files:
            raise WrongUse(f"{self._place}: {full} is not there")
        try:
            found = json.loads(self._files[full])
        except ValueError as error:
            raise WrongUse(f"{self._place}: {full} is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise WrongUse(f"{self._place}: {full} is no JSON object")
        return found

    def _read_theme(self) -> Theme:
        report = self._json("definition/report.json")
        custom = report.get("themeCollection", {}).get("customTheme")
        if not custom:
            return Theme()
        for package in report.get("resourcePackages", ()):
            for item in package.get("items", ()):
                if item.get("name") == custom["name"]:
                    return Theme(self._json(f"StaticResources/{package['name']}/{item['path']}"))
        raise WrongUse(f"{self._place}: the theme {custom['name']!r} is in no resource package of report.json")

    def _page(self, name: str) -> Page:
        at = f"definition/pages/{name}"
        found = self._json(f"{at}/page.json")
        binding = found.get("pageBinding", {})
        kind = {"Drillthrough": "drillthrough", "Tooltip": "tooltip"}.get(
            binding.get("type") or found.get("type", ""), "page"
        )
        bound = tuple(_field(p["fieldExpr"]) for p in binding.get("parameters", ()) if "fieldExpr" in p)
        conditions, odd = _conditions(found.get("filterConfig", {}), "page filter")
        prefix = f"{self._root}{at}/visuals/"
        names = sorted({p[len(prefix) :].split("/")[0] for p in self._files if p.startswith(prefix)})
        visuals = [self._visual(f"{at}/visuals/{n}", odd) for n in names]
        background = value_of(_first(found.get("objects", {}), "background", "color"))
        return Page(
            name,
            str(found.get("displayName", name)),
            float(found.get("width", 1280)),
            float(found.get("height", 720)),
            kind,
            found.get("visibility") == "HiddenInViewMode",
            bound,
            binding.get("acceptsFilterContext", "Default") != "None",
            tuple(sorted(visuals, key=lambda v: (v.tab, v.box.y, v.box.x))),
            conditions,
            frozenset(
                (i["source"], i["target"]) for i in found.get("visualInteractions", ()) if i.get("type") == "NoFilter"
            ),
            background
            if isinstance(background, str)
            else str(self._theme.style("page", "background", "color", "#FFFFFF")),
        )

    def _visual(self, at: str, odd: str) -> Visual:
        found = self._json(f"{at}/visual.json")
        inside = found.get("visual", {})
        query = inside.get("query", {})
        projections = []
        order: tuple[Order, ...] = ()
        try:
            for role, state in query.get("queryState", {}).items():
                for written in state.get("projections", ()):
                    asked = _field(written["field"])
                    shown = written.get("displayName") or written.get("nativeQueryRef") or asked.property
                    projections.append(Projection(role, asked, shown, written.get("queryRef", "")))
            written_order = query.get("sortDefinition", {}).get("sort", ())
            order = tuple(Order(_field(s["field"]), s.get("direction") == "Descending") for s in written_order)
        except ValueError as error:
            odd = str(error)
        filters, odd_filter = _conditions(found.get("filterConfig", {}), "filter")
        phone = None
        if f"{self._root}{at}/mobile.json" in self._files:
            phone = _box(self._json(f"{at}/mobile.json").get("position", {}))
        return Visual(
            str(found.get("name", at.rsplit("/", 1)[-1])),
            str(inside.get("visualType", "group" if "visualGroup" in found else "unknown")),
            _box(found.get("position", {})),
            float(found.get("position", {}).get("z", 0)),
            float(found.get("position", {}).get("tabOrder", 0)),
            tuple(projections),
            order,
            inside.get("objects", {}),
            inside.get("visualContainerObjects", {}),
            self._theme,
            filters,
            phone,
            bool(found.get("isHidden")),
            odd or odd_filter,
        )


def _box(position: Json) -> Box:
    return Box(*(float(position.get(k, 0)) for k in ("x", "y", "width", "height")))


def _first(objects: Json, thing: str, name: str) -> Any:
    for entry in objects.get(thing, ()):
        if name in entry.get("properties", {}):
            return entry["properties"][name]
    return None


def _conditions(config: Json, what: str) -> tuple[tuple[Condition, ...], str]:
    """The filters of a file that narrow something, and what of them cannot be understood."""
    found: list[Condition] = []
    for written in config.get("filters", ()):
        inside = written.get("filter")
        if not inside:
            continue
        try:
            found += conditions_of(inside)
        except (ValueError, KeyError, TypeError) as error:
            return tuple(found), f"{what} ({error})"
    return tuple(found), ""


def conditions_of(written: Json) -> Iterable[Condition]:
    """What a semantic filter asks: `In`, equality, or not; a measure above a number. ValueError for anything else."""
    sources = {s["Name"]: s["Entity"] for s in written.get("From", ()) if "Entity" in s}
    for where in written.get("Where", ()):
        condition, negated = where["Condition"], False
        if "Not" in condition:
            condition, negated = condition["Not"]["Expression"], True
        comparison = condition.get("Comparison", {})
        if comparison.get("ComparisonKind") == ABOVE and "Measure" in comparison["Left"] and not negated:
            above = float(_expression(comparison["Right"]))
            yield Condition(_field(comparison["Left"], sources), above=above)
            continue
        if "In" in condition:
            (expression,) = condition["In"]["Expressions"]
            values = tuple(_expression(v[0]) for v in condition["In"]["Values"])
        elif "Comparison" in condition and condition["Comparison"].get("ComparisonKind") == 0:
            expression = condition["Comparison"]["Left"]
            values = (_expression(condition["Comparison"]["Right"]),)
        else:
            raise ValueError(f"condition {next(iter(condition), 'none')}")
        yield Condition(_field(expression, sources), values, negated)
