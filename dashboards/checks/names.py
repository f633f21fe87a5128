"""Checks that Power BI, Windows and git accept the names, paths and bytes of a template's files. Ignores content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from livegold.dashboards.checks.finding import Finding, Problem, findings
from livegold.dashboards.checks.template import Json, Template

CHECK = "names"
# Names of pages, visuals and bookmarks (learn.microsoft.com/power-bi/developer/projects/projects-report).
NAME = re.compile(r"[\w-]+", re.ASCII)
LONGEST_NAME = 50
# Windows' limit on the length of a path, and how much of it a template leaves for the folder it is put into.
LONGEST_PATH = 260
ROOM_FOR_ROOT = 60
_REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_IMAGES = (".png", ".jpg", ".jpeg", ".gif")


def check(template: Template) -> list[Finding]:
    return findings(CHECK, [*_names(template), *_paths(template), *_bytes(template), *template.unreadable])


def _names(template: Template) -> Iterator[Problem]:
    pages = [(p.path, p.content, p.path.parent.name) for p in template.pages]
    visuals = [(v.path, v.content, v.path.parent.name) for p in template.pages for v in p.visuals]
    bookmarks = [(path, b, path.name.removesuffix(".bookmark.json")) for path, b in template.bookmarks.items()]
    for kind in (pages, visuals, bookmarks):
        yield from _names_of(template, kind)


def _names_of(template: Template, kind: list[tuple[Path, Json, str]]) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for path, content, expected in kind:
        name, place = content.get("name"), template.place(path, "name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield Problem(place, f"{name!r}: a name has letters, digits, _ and - only")
            continue
        if len(name) > LONGEST_NAME:
            yield Problem(place, f"{name!r} has {len(name)} characters ({LONGEST_NAME} at most)")
        if name != expected:
            yield Problem(place, f"is {name!r}, but its file is kept under {expected!r}")
        if name in first:
            yield Problem(place, f"{name!r} is the name of {template.place(first[name])} too")
        first.setdefault(name, path)


def _paths(template: Template) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for path in template.files:
        place = template.place(path)
        if len(place) + 1 + ROOM_FOR_ROOT > LONGEST_PATH:
            most = LONGEST_PATH - ROOM_FOR_ROOT - 1
            yield Problem(place, f"the path has {len(place)} characters ({most} at most, for Windows)")
        for part in PurePosixPath(place).parts:
            if _REFUSED.search(part) or _RESERVED.fullmatch(part):
                yield Problem(place, f"{part!r} cannot be a file's name on Windows")
        if place.lower() in first:
            yield Problem(place, f"differs from {first[place.lower()]} in case only, which Windows ignores")
        first.setdefault(place.lower(), place)


def _bytes(template: Template) -> Iterator[Problem]:
    for path in template.files:
        if path.suffix.lower() in _IMAGES:
            continue
        content, place = path.read_bytes(), template.place(path)
        if content.startswith(b"\xef\xbb\xbf"):
            yield Problem(place, "begins with a byte order mark: write UTF-8 without")
        if b"\r" in content:
            yield Problem(place, "has carriage returns: end lines with LF")
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            yield Problem(place, f"is not UTF-8: {error}")
