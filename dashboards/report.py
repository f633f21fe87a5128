"""The report of a use case in PBIR, as files. What a block becomes is in `visuals`, where it goes in `layout`.

Who reads these files (the preview does) may rely on this:

- *Fields.* A dimension's value is `<Dimension table>`.`label`; the axis of time `Pulse`.`bucket`; every measure is in
  `Pulse`; single predictions are columns of `Spotlight`; cut-offs are `Cut Off`.`order` (the slider) and `label` (an
  axis). Every projection has `queryRef` and `nativeQueryRef`, and `displayName` where another name is shown.
- *Titles.* `visualContainerObjects.title` always has the text, shown where `show` is true; `general.altText` is there.
- *Header.* On a dark band, side by side: `textbox` (paragraphs: title, question), `pageNavigator` on ordinary pages if
  there are several, `cardVisual` with `Freshness`, coloured by a `Conditional` that compares its text, and the
  reference label `Last update`. On a drill-through page also `actionButton` (visualLink Back) and a `cardVisual`
  with the value: `Aggregation` function 3 (Min) of the dimension's label.
- *Tile.* `cardVisual`: Data is the measure; `referenceLabel` entries (selector id `field-...`, in `order`) have the
  state's text, its `referenceLabelValue.valueFontColor` the measure `<m>, colour`; then `against`, with its name in
  `referenceLabelTitle.titleText`. `accentBar.color` is the state's colour, or the accent.
- *Trend.* `lineChart`: Category `Pulse`.`bucket`, Y the measures `<m>, closed`, then expected low and high, dashed
  (`lineStyles` and `dataPoint.fill` by `selector.metadata`); `y1AxisReferenceLine` where one measure has a state;
  `valueAxis.start` and `end` (0 and 1) where shares have an expected band.
- *Ranking.* `tableEx`: label, the measures, after each that has a state its text, coloured by `values.fontColor` with
  the column's `selector.metadata`; sorted by that measure, the worst first, or by the first measure, the largest
  first. *Exceptions*: `tableEx`, sorted by severity.
- *Chart.* `clusteredColumnChart`, `barChart` (`clusteredBarChart` for several measures) or `lineChart` over a label,
  in the label's own order.
- Rankings and charts by a dimension leave out the values that never occurred: a filter of the visual (`Advanced`,
  a measure above 0).
- *ConfusionMatrix.* `cardVisual`, four measures in two rows of two: what was said below each other.
- *Slicers.* `slicer`, `data.mode` Dropdown, Between (`Pulse`.`bucket`) or Single (the cut-off; `general.filter` has
  the one at the start). A page's `visualInteractions` keep the slider off charts by cut-off (NoFilter).
- *Tooltips.* `visualTooltip`: `type` Canvas, `section` the page.
- A `mobile.json` beside a visual is its place on a phone; only the first page has them.

Same use case and source: same bytes.
"""

from __future__ import annotations

import uuid

from livegold.dashboards.layout import MARGIN, Box, Layout, lay_out
from livegold.dashboards.mobile import phone_boxes
from livegold.dashboards.pbir import SCHEMAS, Json, above_zero, as_bytes, colour, column, entry, measure, stable_name
from livegold.dashboards.placeholders import NO_ID, WORKSPACE
from livegold.dashboards.theme import PAGE as GROUND
from livegold.dashboards.theme import theme
from livegold.dashboards.visuals import BACK_HEIGHT, BACK_WIDTH, Drawn, Subject, back_button, draw, page_name
from livegold.reporting.powerbi.dataset import dataset_name
from livegold.reporting.schema import CUT_OFF, PULSE
from livegold.reporting.semantic import Source, dimension_of, pages_of, template_name
from livegold.reporting.specification import Header, Page, UseCase

REFRESHED: tuple[Source, ...] = ("push", "databricks")
"""Sources whose pages Power BI refreshes by itself: push and DirectQuery. Import and Direct Lake have other ways."""
REFRESH_EVERY = "PT30S"
"""Between two refreshes of a page. A dedicated capacity allows down to PT1S, a shared one raises it to 30 minutes."""

# The theme below ours, by name: Power BI has it, no file of it is here. The version is that of the theme's import.
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
    subject = Subject(case)
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
    layout, drawn = _drawn(subject, page)
    folder = f"definition/pages/{name}"
    files = {f"{folder}/page.json": _page_file(case, page, source, layout, drawn)}
    boxes = phone_boxes(drawn) if phone else {}
    for order, one in enumerate(drawn):
        visual = visual_name(case, page, one)
        place = f"{folder}/visuals/{visual}"
        files[f"{place}/visual.json"] = {
            "$schema": SCHEMAS["visual"],
            "name": visual,
            "position": _position(one.box, order),
            "visual": one.visual,
        }
        if one.met:
            files[f"{place}/visual.json"]["filterConfig"] = {"filters": [above_zero(measure(PULSE, one.met), visual)]}
        if one.key in boxes:
            files[f"{place}/mobile.json"] = {
                "$schema": SCHEMAS["mobile"],
                "position": _position(boxes[one.key], list(boxes).index(one.key)),
            }
    return files


def visual_name(case: UseCase, page: Page, drawn: Drawn) -> str:
    return stable_name(case.name, "visual", page.name, drawn.key)


def _drawn(subject: Subject, page: Page) -> tuple[Layout, list[Drawn]]:
    """The page's visuals in reading order. A page to drill through to has its way back, with or without a header."""
    bare = page.kind == "drillthrough" and not any(isinstance(b, Header) for b in page.blocks)
    layout = lay_out(page, above=BACK_HEIGHT if bare else 0)
    drawn = draw(subject, page, layout.blocks)
    if bare:
        drawn.insert(0, back_button(Box(MARGIN, MARGIN, BACK_WIDTH, BACK_HEIGHT)))
    return layout, drawn


def _position(box: Box, order: int) -> Json:
    return {"x": box.x, "y": box.y, "z": order, "width": box.width, "height": box.height, "tabOrder": order}


def _page_file(case: UseCase, page: Page, source: Source, layout: Layout, drawn: list[Drawn]) -> Json:
    name = page_name(case, page)
    made: Json = {
        "$schema": SCHEMAS["page"],
        "name": name,
        "displayName": page.name,
        "displayOption": "FitToWidth" if layout.grown else "FitToPage",
        "height": layout.height,
        "width": layout.width,
        "objects": {
            "background": [entry(color=colour(GROUND), transparency=0.0)],
            "outspace": [entry(color=colour(GROUND), transparency=0.0)],
        },
    }
    if source in REFRESHED and page.kind != "tooltip":
        made["objects"]["pageRefresh"] = [entry(show=True, duration=REFRESH_EVERY)]
    apart = _apart(case, page, drawn)
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


def _apart(case: UseCase, page: Page, drawn: list[Drawn]) -> list[Json]:
    """A chart by cut-off shows all of them, whichever one the slider is at."""
    sliders = [d for d in drawn if d.part == "CutOffSlider"]
    charts = [d for d in drawn if d.over == CUT_OFF]
    return [
        {"source": visual_name(case, page, s), "target": visual_name(case, page, c), "type": "NoFilter"}
        for s in sliders
        for c in charts
    ]
