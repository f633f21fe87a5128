"""The template being previewed: its pages and visuals, read from its own files. Draws nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from livegold.reporting.errors import WrongUse
from livegold.reporting.pbir import (
    Box,
    Condition,
    Field,
    Order,
    Projection,
    Theme,
    Visual,
    conditions_of,
    field_of,
    value_of,
)

Json = Mapping[str, Any]


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
    """(source, target): the source does not filter the target."""
    background: str

    @property
    def has_phone(self) -> bool:
        return any(v.phone for v in self.visuals)

    def visual(self, name: str) -> Visual:
        return next(v for v in self.visuals if v.name == name)


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
        """Pages that have a tab."""
        return tuple(p for p in self.pages if p.kind == "page" and not p.hidden)


def read_folder(folder: Path) -> Template:
    """The template in a folder that contains a `.Report` folder, or is one. WrongUse if it is neither."""
    if not folder.is_dir():
        raise WrongUse(f"template {folder} does not exist: give the folder that holds <name>.Report")
    files = {str(p.relative_to(folder).as_posix()): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    return read_files(files, str(folder))


def read_files(files: Mapping[str, bytes], place: str = "template") -> Template:
    """The template in `files` (by path, with /). WrongUse, naming the file, if one is missing or not JSON."""
    return _Reader(files, place).read()


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
            raise WrongUse(f"{self._place}: {full} does not exist")
        try:
            found = json.loads(self._files[full])
        except ValueError as error:
            raise WrongUse(f"{self._place}: {full} is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise WrongUse(f"{self._place}: {full} is not a JSON object")
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
        bound = tuple(field_of(p["fieldExpr"]) for p in binding.get("parameters", ()) if "fieldExpr" in p)
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
                    asked = field_of(written["field"])
                    shown = written.get("displayName") or written.get("nativeQueryRef") or asked.property
                    projections.append(Projection(role, asked, shown, written.get("queryRef", "")))
            written_order = query.get("sortDefinition", {}).get("sort", ())
            order = tuple(Order(field_of(s["field"]), s.get("direction") == "Descending") for s in written_order)
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
    """The filters in a file that have a condition, and a description of one that cannot be interpreted."""
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
