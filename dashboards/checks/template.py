"""A template on disk, as the checks read it. Neither writes nor checks one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from livegold.dashboards.checks.finding import Problem
from livegold.reporting.errors import WrongUse

# The push dataset's definition, in the REST API's JSON, beside a report that has no model of its own.
DATASET = "dataset.json"
_JSON_SUFFIXES = (".json", ".pbip", ".pbir", ".pbism")

Json = Any


@dataclass(frozen=True)
class Visual:
    """One `visual.json`: its file, its content, and its `mobile.json` if there is one."""

    path: Path
    content: Json
    mobile: Json | None

    @property
    def name(self) -> str:
        return str(self.content.get("name", self.path.parent.name))

    @property
    def type(self) -> str:
        """Power BI's name for the kind of visual; empty for a group of visuals."""
        return str(self.content.get("visual", {}).get("visualType", ""))


@dataclass(frozen=True)
class Page:
    """One `page.json` and the visuals on it."""

    path: Path
    content: Json
    visuals: tuple[Visual, ...]

    @property
    def name(self) -> str:
        return str(self.content.get("name", self.path.parent.name))


@dataclass(frozen=True)
class Template:
    """A folder with X.Report and either X.SemanticModel or, for push, possibly dataset.json.

    Files that cannot be parsed as JSON are in `unreadable` and left out everywhere else.
    """

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Template:
        """Raises WrongUse if the folder has no report."""
        template = cls(folder)
        if not folder.is_dir() or len(list(folder.glob("*.Report"))) != 1:
            raise WrongUse(f"{folder}: a template is a folder with one folder NAME.Report in it: give such a folder")
        return template

    @cached_property
    def report(self) -> Path:
        return next(self.folder.glob("*.Report"))

    @cached_property
    def model(self) -> Path | None:
        """The folder of the semantic model; None for a report whose model is elsewhere."""
        return next(iter(sorted(self.folder.glob("*.SemanticModel"))), None)

    @cached_property
    def dataset(self) -> Json | None:
        """The push dataset's definition."""
        return self.documents.get(self.folder / DATASET)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        return tuple(sorted(p for p in self.folder.rglob("*") if p.is_file()))

    @cached_property
    def _read(self) -> tuple[dict[Path, Json], tuple[Problem, ...]]:
        documents: dict[Path, Json] = {}
        unreadable = []
        for path in self.files:
            if path.suffix not in _JSON_SUFFIXES and path.name != ".platform":
                continue
            try:
                content = json.loads(path.read_bytes(), object_pairs_hook=_without_duplicates)
            except ValueError as error:
                unreadable.append(Problem(self.place(path), f"is not JSON: {error}"))
                continue
            if isinstance(content, dict):
                documents[path] = content
            else:
                unreadable.append(Problem(self.place(path), f"holds a {type(content).__name__}, not an object"))
        return documents, tuple(unreadable)

    @property
    def documents(self) -> dict[Path, Json]:
        """Every JSON file, whatever its suffix, by its path."""
        return self._read[0]

    @property
    def unreadable(self) -> tuple[Problem, ...]:
        return self._read[1]

    @property
    def definition(self) -> Path:
        return self.report / "definition"

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        return tuple(self._pages())

    @cached_property
    def bookmarks(self) -> dict[Path, Json]:
        return {p: d for p, d in self.documents.items() if p.name.endswith(".bookmark.json")}

    @cached_property
    def report_settings(self) -> Json:
        """The content of report.json."""
        return self.documents.get(self.definition / "report.json", {})

    @cached_property
    def custom_theme(self) -> Path | None:
        """The file of the theme named in report.json, whether it exists or not."""
        name = self.report_settings.get("themeCollection", {}).get("customTheme", {}).get("name")
        return self.report / "StaticResources" / "RegisteredResources" / name if name else None

    def place(self, path: Path, where: str = "") -> str:
        shown = path.relative_to(self.folder).as_posix()
        return f"{shown} {where}".rstrip()

    def _pages(self) -> Iterator[Page]:
        for path, content in self.documents.items():
            if path.name != "page.json" or path.parent.parent != self.definition / "pages":
                continue
            visuals = tuple(
                Visual(file, found, self.documents.get(file.with_name("mobile.json")))
                for file, found in self.documents.items()
                if file.name == "visual.json" and file.parent.parent == path.parent / "visuals"
            )
            yield Page(path, content, visuals)


def literal(properties: Json, name: str) -> str | None:
    """The text of a PBIR literal (`{"expr": {"Literal": {"Value": "'text'"}}}`); None if it is not one."""
    value = properties.get(name) if isinstance(properties, dict) else None
    for key in ("expr", "Literal", "Value"):
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str):
        return None
    quoted = len(value) > 1 and value[0] == value[-1] == "'"
    return value[1:-1].replace("''", "'") if quoted else value


def _without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(k for i, (k, _) in enumerate(pairs) if k in dict(pairs[:i]))
        raise ValueError(f"key {twice!r} is there twice")
    return made
