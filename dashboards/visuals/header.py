"""The dark band at the top of a page: title and question, pages, the value drilled through to, freshness."""

from __future__ import annotations

from collections.abc import Sequence

from livegold.dashboards import theme
from livegold.dashboards.layout import Box
from livegold.dashboards.pbir import (
    DEFAULT,
    Json,
    colour,
    colour_by,
    entry,
    first_of,
    in_card,
    measure,
    projection,
    when_equal,
)
from livegold.dashboards.visuals.cards import bare, reference_labels
from livegold.dashboards.visuals.container import of_data, on_band
from livegold.dashboards.visuals.subject import Subject
from livegold.reporting.schema import PULSE
from livegold.reporting.semantic import SHAPES, Freshness, LastUpdate, dimension_of
from livegold.reporting.specification import Header, Page

FRESHNESS_WIDTH = 280
CHOSEN_WIDTH = 200
NAVIGATOR_WIDTH = 88
"""Of one page in the navigator."""
BACK_WIDTH = 104
BACK_HEIGHT = 40
MIN_TITLE = 232

Part = tuple[str, Box, Json]
"""What it is, where it goes, its `visual` object."""


def header(subject: Subject, page: Page, block: Header, box: Box) -> list[Part]:
    """Its parts from left to right, with no gap: one band. What there is no room for is left out, freshness never."""
    title = block.title or page.name
    if page.kind == "tooltip":
        return [("Header", box, _title(subject, title, page, small=True))]
    if box.width < MIN_TITLE + FRESHNESS_WIDTH:
        half = box.height // 2
        below = Box(box.x, box.y + half, box.width, box.height - half)
        return [
            ("Header", Box(box.x, box.y, box.width, half), _title(subject, title, page, small=True)),
            ("Freshness", below, _freshness()),
        ]
    free = box.width - MIN_TITLE - FRESHNESS_WIDTH
    before: list[tuple[str, int, Json]] = []
    after: list[tuple[str, int, Json]] = []
    ordinary = [p for p in subject.pages if p.kind == "page"]
    if page.kind == "page" and 1 < len(ordinary) <= free // NAVIGATOR_WIDTH:
        after.append(("Navigator", NAVIGATOR_WIDTH * len(ordinary), _navigator(ordinary)))
    if page.kind == "drillthrough":
        before.append(("Back", BACK_WIDTH, back()))
        if free >= CHOSEN_WIDTH + BACK_WIDTH:
            after.append(("Chosen", CHOSEN_WIDTH, _chosen(subject, page)))
    after.append(("Freshness", FRESHNESS_WIDTH, _freshness()))
    rest = box.width - sum(width for _, width, _ in (*before, *after))
    parts, x = [], box.x
    for part, width, visual in (*before, ("Header", rest, _title(subject, title, page)), *after):
        parts.append((part, Box(x, box.y, width, box.height), visual))
        x += width
    return parts


def back() -> Json:
    """The way back from a page that one drills through to."""
    return {
        "visualType": "actionButton",
        "objects": {
            "icon": [entry(DEFAULT, shapeType="back", lineColor=colour(theme.ON_BAND))],
            "text": [entry(DEFAULT, show=True, text="Back", fontColor=colour(theme.ON_BAND), fontSize=11.0)],
            "fill": [entry(DEFAULT, show=True, fillColor=colour(theme.SELECTED_ON_BAND), transparency=0.0)],
            "outline": [entry(DEFAULT, show=False)],
        },
        "visualContainerObjects": {
            **on_band("Back", "Back to the page you came from"),
            "visualLink": [entry(show=True, type="Back")],
        },
    }


def _title(subject: Subject, title: str, page: Page, *, small: bool = False) -> Json:
    question = "" if small else subject.case.question
    lines = [_line(title, "14pt" if small else "18pt", theme.ON_BAND, theme.STRONG)]
    if question:
        lines.append(_line(question, "9pt", theme.MUTED_ON_BAND, theme.FONT))
    said = ". ".join(filter(None, (title, question, page.description)))
    return {
        "visualType": "textbox",
        "objects": {"general": [{"properties": {"paragraphs": lines}}]},
        "visualContainerObjects": on_band(title, said, padding=(4.0, 4.0, 12.0, 12.0)),
    }


def _line(text: str, size: str, hexadecimal: str, font: str) -> Json:
    style = {"fontFamily": font, "fontSize": size, "color": hexadecimal}
    return {"textRuns": [{"value": text, "textStyle": style}], "horizontalTextAlignment": "left"}


def _freshness() -> Json:
    update, fresh = (measure(PULSE, n) for n in (LastUpdate().name, Freshness(0).name))
    words = {f"{SHAPES[2]} stale": theme.STALE_ON_BAND, f"{SHAPES[0]} live": theme.LIVE_ON_BAND}
    below = [(f"{LastUpdate().name} (UTC)", update, colour(theme.MUTED_ON_BAND))]
    objects = {
        **bare(),
        "value": [
            entry(DEFAULT, fontSize=14.0, fontFamily=theme.STRONG, fontColor=colour(theme.ON_BAND)),
            entry(in_card(fresh), fontColor=colour_by(when_equal(fresh, words))),
        ],
        "label": [entry(DEFAULT, show=False)],
        **reference_labels(fresh, below, 9.0, "sentence"),
    }
    said = f"Whether rows still come ({SHAPES[0]} live, {SHAPES[2]} stale), and the time of the last update (UTC)"
    return of_data("cardVisual", {"Data": [projection(fresh)]}, objects, on_band("Last update", said))


def _chosen(subject: Subject, page: Page) -> Json:
    """The value that was drilled through to."""
    table = dimension_of(subject.case, page.dimension).table
    objects = {
        **bare(),
        "value": [entry(DEFAULT, fontSize=18.0, fontFamily=theme.STRONG, fontColor=colour(theme.ON_BAND))],
        "label": [
            entry(DEFAULT, show=True, position="aboveValue", fontSize=9.0, fontColor=colour(theme.MUTED_ON_BAND))
        ],
    }
    shown = projection(first_of(table, "label"), table)
    return of_data("cardVisual", {"Data": [shown]}, objects, on_band(table, f"The {table} this page is about"))


def _navigator(pages: Sequence[Page]) -> Json:
    states = {"default": theme.BAND, "hover": theme.SELECTED_ON_BAND, "selected": theme.SELECTED_ON_BAND}
    objects = {
        "fill": [entry({"id": s}, show=True, fillColor=colour(c), transparency=0.0) for s, c in states.items()],
        "text": [
            entry({"id": s}, show=True, fontColor=colour(theme.ON_BAND), fontSize=11.0, bold=s == "selected")
            for s in states
        ],
        "outline": [entry({"id": s}, show=False) for s in states],
        "shape": [entry(DEFAULT, tileShape="rectangleRounded")],
        "pages": [entry(showHiddenPages=False, showTooltipPages=False)],
    }
    said = "Pages: " + ", ".join(p.name for p in pages)
    return {"visualType": "pageNavigator", "objects": objects, "visualContainerObjects": on_band("Pages", said)}
