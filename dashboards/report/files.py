"""The report of a use case in PBIR, as files. A visual's content is defined by its block, its position by `layout`.

Readers of these files (such as the preview) may rely on the following, and on what the docstring of each module of
`livegold.reporting.blocks` says about its block's visuals:

- *Fields.* A dimension's value is `<Dimension table>`.`label`; the time axis is `Pulse`.`bucket`; every measure is in
  `Pulse`; single predictions are columns of `Spotlight`; cut-offs are `Cut Off`.`order` (the slider) and `label` (an
  axis). Every projection has `queryRef` and `nativeQueryRef`, and `displayName` if a different name is shown.
- *Titles.* `visualContainerObjects.title` always has the text, shown if `show` is true; `general.altText` is present.
- *Values that never occurred* are excluded by a filter of the visual (`Advanced`, a measure above 0).
- *Selections.* A page's `visualInteractions` keep a selection in one visual from filtering those that ignore it
  (NoFilter).
- *Tooltips.* `visualTooltip`: `type` is Canvas, `section` the page.
- A `mobile.json` beside a visual is its position on a phone; only the first page has them.

The same use case and source give the same bytes.
"""

from __future__ import annotations

import uuid

from livegold.dashboards.placeholders import NO_ID, WORKSPACE
from livegold.dashboards.report.layout import Layout
from livegold.dashboards.report.phone import phone_boxes
from livegold.dashboards.report.placing import Placed, place
from livegold.dashboards.report.subject import subject_of
from livegold.dashboards.report.theme import theme
from livegold.reporting.blocks import Subject, page_name
from livegold.reporting.palette import PAGE
from livegold.reporting.pbir import (
    SCHEMAS,
    Box,
    Json,
    above_zero,
    as_bytes,
    colour,
    column,
    entry,
    measure,
    stable_name,
)
from livegold.reporting.powerbi import dataset_name
from livegold.reporting.schema import PULSE
from livegold.reporting.semantic import Source, dimension_of, pages_of, template_name
from livegold.reporting.specification import Page, UseCase

REFRESHED: tuple[Source, ...] = ("push", "databricks")
"""Sources whose pages Power BI refreshes automatically: push and DirectQuery. Import and Direct Lake differ."""
REFRESH_EVERY = "PT30S"
"""Interval between refreshes of a page. A dedicated capacity allows PT1S; a shared one raises it to 30 minutes."""

# The base theme under ours, by name: Power BI has it, so there is no file here. The version is that of its import.
_BASE_THEME = "CY24SU10"
_VERSIONS = {"visual": "1.8.97", "report": "2.0.97", "page": "1.3.97"}
HIDDEN = "HiddenInViewMode"
_IDENTITIES = uuid.UUID("9d3b0f5e-6d0c-5f1b-9a42-6c1f3d1b7e55")


def report_files(case: UseCase, source: Source) -> dict[str, bytes]:
    """Files by their path in `X.Report/`."""
    theme_file, theme_content = theme()
    files: dict[str, Json] = {
        ".platform": _platform(case),
        "definition.pbir": {
            "$schema": SCHEMAS["pbir"],
            "version": "4.0",
            "datasetReference": _model(case, source),
        },
        "definition/version.json": {"$schema": SCHEMAS["version"], "version": "2.0.0"},
        "definition/report.json": _report(theme_file),
        "definition/pages/pages.json": _pages(case),
    }
    subject = subject_of(case)
    for number, page in enumerate(pages_of(case)):
        files |= _page(subject, page, source, phone=number == 0)
    made = {path: as_bytes(content) for path, content in files.items()}
    return {**made, f"StaticResources/RegisteredResources/{theme_file}": theme_content}


def _platform(case: UseCase) -> Json:
    return {
        "$schema": SCHEMAS["platform"],
        "metadata": {"type": "Report", "displayName": template_name(case), "description": case.question},
        "config": {"version": "2.0", "logicalId": str(uuid.uuid5(_IDENTITIES, f"{case.name} report"))},
    }


def _model(case: UseCase, source: Source) -> Json:
    if source != "push":
        return {"byPath": {"path": f"../{template_name(case)}.SemanticModel"}}
    connection = {
        "Data Source": f"powerbi://api.powerbi.com/v1.0/myorg/{WORKSPACE}",
        "initial catalog": dataset_name(case),
        "integrated security": "ClaimsToken",
        "semanticmodelid": NO_ID,
    }
    return {"byConnection": {"connectionString": ";".join(f"{k}={v}" for k, v in connection.items())}}


def _report(theme_file: str) -> Json:
    return {
        "$schema": SCHEMAS["report"],
        "themeCollection": {
            "baseTheme": {"name": _BASE_THEME, "reportVersionAtImport": _VERSIONS, "type": "SharedResources"},
            "customTheme": {"name": theme_file, "reportVersionAtImport": _VERSIONS, "type": "RegisteredResources"},
        },
        "objects": {"outspacePane": [entry(expanded=False)]},
        "resourcePackages": [
            {
                "name": "RegisteredResources",
                "type": "RegisteredResources",
                "items": [{"name": theme_file, "path": theme_file, "type": "CustomTheme"}],
            }
        ],
        "settings": {
            "useStylableVisualContainerHeader": True,
            "exportDataMode": "AllowSummarized",
            "defaultDrillFilterOtherVisuals": True,
            "allowChangeFilterTypes": True,
            "useEnhancedTooltips": True,
        },
    }


def _pages(case: UseCase) -> Json:
    names = [page_name(case, p) for p in pages_of(case)]
    return {"$schema": SCHEMAS["pages"], "pageOrder": names, "activePageName": names[0]}


def _page(subject: Subject, page: Page, source: Source, *, phone: bool) -> dict[str, Json]:
    case = subject.case
    name = page_name(case, page)
    layout, placed = place(subject, page)
    folder = f"definition/pages/{name}"
    files = {f"{folder}/page.json": _page_file(case, page, source, layout, placed)}
    boxes = phone_boxes(placed) if phone else {}
    for order, one in enumerate(placed):
        at, part = f"{folder}/visuals/{one.name}", one.part
        files[f"{at}/visual.json"] = {
            "$schema": SCHEMAS["visual"],
            "name": one.name,
            "position": _position(part.box, order),
            "visual": part.visual,
        }
        if part.above_zero:
            condition = above_zero(measure(PULSE, part.above_zero), one.name)
            files[f"{at}/visual.json"]["filterConfig"] = {"filters": [condition]}
        if one.name in boxes:
            files[f"{at}/mobile.json"] = {
                "$schema": SCHEMAS["mobile"],
                "position": _position(boxes[one.name], list(boxes).index(one.name)),
            }
    return files


def _position(box: Box, order: int) -> Json:
    return {"x": box.x, "y": box.y, "z": order, "width": box.width, "height": box.height, "tabOrder": order}


def _page_file(case: UseCase, page: Page, source: Source, layout: Layout, placed: list[Placed]) -> Json:
    name = page_name(case, page)
    made: Json = {
        "$schema": SCHEMAS["page"],
        "name": name,
        "displayName": page.name,
        "displayOption": "FitToWidth" if layout.grown else "FitToPage",
        "height": layout.height,
        "width": layout.width,
        "objects": {
            "background": [entry(color=colour(PAGE), transparency=0.0)],
            "outspace": [entry(color=colour(PAGE), transparency=0.0)],
        },
    }
    if source in REFRESHED and page.kind != "tooltip":
        made["objects"]["pageRefresh"] = [entry(show=True, duration=REFRESH_EVERY)]
    apart = _apart(placed)
    if apart:
        made["visualInteractions"] = apart
    if page.kind == "drillthrough":
        made |= _drill_through(case, page)
    elif page.kind == "tooltip":
        binding = stable_name(case.name, "binding", page.name)
        made |= {"type": "Tooltip", "visibility": HIDDEN, "pageBinding": {"name": binding, "type": "Tooltip"}}
    return made


def _drill_through(case: UseCase, page: Page) -> Json:
    field = column(dimension_of(case, page.dimension).table, "label")
    bound = stable_name(case.name, "filter", page.name)
    return {
        "type": "Drillthrough",
        "visibility": HIDDEN,
        "filterConfig": {
            "filters": [{"name": bound, "field": field, "type": "Categorical", "howCreated": "Drillthrough"}]
        },
        "pageBinding": {
            "name": stable_name(case.name, "binding", page.name),
            "type": "Drillthrough",
            "parameters": [{"name": f"{bound}-value", "boundFilter": bound, "fieldExpr": field}],
        },
    }


def _apart(placed: list[Placed]) -> list[Json]:
    """Interactions that keep a selection in one visual from filtering those that ignore it."""
    return [
        {"source": source.name, "target": target.name, "type": "NoFilter"}
        for source in placed
        for target in placed
        if source.part.selects and source.part.selects == target.part.ignores
    ]
