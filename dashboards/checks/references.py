"""Checks references between a template's files: pages, bookmarks, visuals, resources, the model. Ignores fields."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from livegold.dashboards.checks.finding import Finding, Problem, findings
from livegold.dashboards.checks.template import Json, Page, Template, Visual, literal
from livegold.reporting.errors import choices

CHECK = "references"
# Properties of a visual's link and tooltip whose value is the name of a page.
_TO_PAGES = ("drillthroughSection", "navigationSection")


def check(template: Template) -> list[Finding]:
    return findings(CHECK, [*_projects(template), *_pages(template), *_bookmarks(template), *_resources(template)])


def _projects(template: Template) -> Iterator[Problem]:
    """The .pbip names the report, the report names its model, and each item declares its type and id."""
    for path, content in template.documents.items():
        place = template.place(path)
        if path.suffix == ".pbip":
            for artifact in content.get("artifacts", ()):
                named = artifact.get("report", {}).get("path", "")
                if (path.parent / named).resolve() != template.report.resolve():
                    yield Problem(place, f"names the report {named!r}, which is {template.report.name!r}")
        elif path.name == "definition.pbir":
            yield from _model_of(template, place, content.get("datasetReference", {}))
    identities: dict[str, str] = {}
    for item in (template.report, template.model):
        if item is not None:
            yield from _identity(template, item, identities)


def _model_of(template: Template, place: str, reference: Json) -> Iterator[Problem]:
    given = [kind for kind in ("byPath", "byConnection") if reference.get(kind)]
    if len(given) != 1:
        yield Problem(place, f"has {choices(given)} for its model: give one of byPath or byConnection")
    elif given == ["byPath"]:
        named = reference["byPath"].get("path", "")
        if template.model is None or (template.report / named).resolve() != template.model.resolve():
            yield Problem(place, f"names the model {named!r}, which is not there")
    elif template.model is not None:
        yield Problem(place, f"is connected to a model elsewhere, but the template has {template.model.name}")


def _identity(template: Template, item: Path, identities: dict[str, str]) -> Iterator[Problem]:
    path = item / ".platform"
    content = template.documents.get(path)
    if content is None:
        yield Problem(template.place(item), "has no .platform")
        return
    kind, identity = content.get("metadata", {}).get("type"), str(content.get("config", {}).get("logicalId", ""))
    if f".{kind}" != item.suffix:
        yield Problem(template.place(path), f"type is {kind!r}, of a folder that ends in {item.suffix}")
    try:
        uuid.UUID(identity)
    except ValueError:
        yield Problem(template.place(path), f"logicalId {identity!r} is not a GUID")
    if identity in identities:
        yield Problem(template.place(path), f"logicalId {identity} is that of {identities[identity]} too")
    identities[identity] = item.name


def _pages(template: Template) -> Iterator[Problem]:
    path = template.definition / "pages" / "pages.json"
    settings = template.documents.get(path, {})
    names = [p.name for p in template.pages]
    if not names:
        yield Problem(template.place(template.report), "has no page")
    order = settings.get("pageOrder", [])
    if sorted(map(str, order)) != sorted(names):
        yield Problem(template.place(path, "pageOrder"), f"is {order}, but the pages are {names}")
    for key in ("activePageName", "landingPageName"):
        if key in settings and settings[key] not in names:
            yield Problem(template.place(path, key), f"{settings[key]!r} is not a page: {choices(names)}")
    for page in template.pages:
        yield from _page(template, page)


def _page(template: Template, page: Page) -> Iterator[Problem]:
    place = template.place(page.path)
    names = [v.name for v in page.visuals]
    filters = [f.get("name") for f in page.content.get("filterConfig", {}).get("filters", ())]
    for parameter in page.content.get("pageBinding", {}).get("parameters", ()):
        bound = parameter.get("boundFilter")
        if bound is not None and bound not in filters:
            yield Problem(f"{place} pageBinding", f"is bound to {bound!r}, no filter of the page: {choices(filters)}")
    if page.content.get("type") == "Drillthrough" and not page.content.get("pageBinding", {}).get("parameters"):
        yield Problem(f"{place} pageBinding", "of a drill-through page has no parameters: nothing leads to it")
    for interaction in page.content.get("visualInteractions", ()):
        for end in ("source", "target"):
            if interaction.get(end) not in names:
                yield Problem(f"{place} visualInteractions", f"{end} {interaction.get(end)!r} is not on the page")
    groups = {v.name for v in page.visuals if "visualGroup" in v.content}
    for visual in page.visuals:
        parent = visual.content.get("parentGroupName")
        if parent is not None and parent not in groups:
            yield Problem(template.place(visual.path), f"is in group {parent!r}, which is not on the page")
        yield from _links(template, visual)


def _links(template: Template, visual: Visual) -> Iterator[Problem]:
    pages = {p.name: p for p in template.pages}
    bookmarks = [b.get("name") for b in template.bookmarks.values()]
    objects = visual.content.get("visual", {}).get("visualContainerObjects", {})
    for where, properties in _properties(objects):
        place = template.place(visual.path, where)
        targets = {key: literal(properties, key) for key in _TO_PAGES}
        if where == "visualTooltip":
            targets["section"] = literal(properties, "section")
        for key, target in targets.items():
            # Power BI writes an empty string if there is none.
            if not target:
                continue
            if target not in pages:
                yield Problem(f"{place}.{key}", f"{target!r} is not a page: {choices(pages)}")
                continue
            wanted = {"section": "Tooltip", "drillthroughSection": "Drillthrough"}.get(key)
            kind = pages[target].content.get("type")
            if wanted and kind != wanted:
                yield Problem(f"{place}.{key}", f"page {target!r} is not of type {wanted}")
        bookmark = literal(properties, "bookmark")
        if where == "visualLink" and bookmark and bookmark not in bookmarks:
            yield Problem(f"{place}.bookmark", f"{bookmark!r} is not a bookmark: {choices(bookmarks)}")


def _bookmarks(template: Template) -> Iterator[Problem]:
    pages = {p.name: {v.name for v in p.visuals} for p in template.pages}
    visuals = set().union(*pages.values())
    for path, content in template.bookmarks.items():
        place = template.place(path)
        state = content.get("explorationState", {})
        sections = state.get("sections", {})
        for page in [state.get("activeSection"), *sections]:
            if page is not None and page not in pages:
                yield Problem(place, f"page {page!r} is not there: {choices(pages)}")
        for page, section in sections.items():
            for visual in [*section.get("visualContainers", {}), *section.get("visualContainerGroups", {})]:
                if page in pages and visual not in pages[page]:
                    yield Problem(place, f"visual {visual!r} is not on page {page!r}")
        for visual in content.get("options", {}).get("targetVisualNames", ()):
            if visual not in visuals:
                yield Problem(place, f"target visual {visual!r} is not in the report")
    path = template.definition / "bookmarks" / "bookmarks.json"
    listed = [
        name
        for item in template.documents.get(path, {}).get("items", ())
        for name in item.get("children", [item.get("name")])
    ]
    names = [b.get("name") for b in template.bookmarks.values()]
    if sorted(map(str, listed)) != sorted(map(str, names)):
        yield Problem(template.place(path), f"lists {listed}, but the bookmarks are {names}")


def _resources(template: Template) -> Iterator[Problem]:
    place = template.place(template.definition / "report.json")
    registered: dict[str, str] = {}
    for package in template.report_settings.get("resourcePackages", ()):
        # Power BI's own themes (SharedResources) need no file.
        if package.get("type") == "RegisteredResources":
            registered |= {item["name"]: item["path"] for item in package.get("items", ())}
    resources = template.report / "StaticResources" / "RegisteredResources"
    for name, path in registered.items():
        if not (resources / path).is_file():
            yield Problem(f"{place} resourcePackages", f"resource {name!r} has no file {path!r} in {resources.name}")
    kept = {p.relative_to(resources).as_posix() for p in template.files if resources in p.parents}
    for path in sorted(kept - set(registered.values())):
        yield Problem(template.place(resources / path), "is not registered in report.json")
    theme = template.custom_theme
    if theme is not None:
        if theme.name not in registered:
            yield Problem(f"{place} themeCollection", f"theme {theme.name!r} is no resource: {choices(registered)}")
        own = template.documents.get(theme, {}).get("name")
        if theme in template.documents and own != theme.name:
            yield Problem(template.place(theme, "name"), f"is {own!r}, but must be the file's name {theme.name!r}")
    for file, content in template.documents.items():
        for item in _named_resources(content):
            if item not in registered:
                yield Problem(template.place(file), f"resource {item!r} is not registered: {choices(registered)}")


def _named_resources(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _named_resources(item)
    elif isinstance(node, dict):
        # 1 is the package type RegisteredResources.
        found = node.get("ResourcePackageItem")
        if isinstance(found, dict) and found.get("PackageType") == 1:
            yield str(found.get("ItemName"))
        for inside in node.values():
            yield from _named_resources(inside)


def _properties(objects: Json) -> Iterator[tuple[str, Json]]:
    for name, entries in objects.items():
        for entry in entries:
            yield name, entry.get("properties", {})
