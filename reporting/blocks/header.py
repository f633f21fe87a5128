"""The header: the dark band at the top of a page.

Side by side: `textbox` (paragraphs: title, question), `pageNavigator` on ordinary pages if there are several,
`cardVisual` with the freshness, coloured by a `Conditional` that compares its text, and the time of the last update as
its reference label. On a drillthrough page also `actionButton` (visualLink Back) and a `cardVisual` with the value:
`Aggregation` function 3 (Min) of the dimension's label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting import palette
from livegold.reporting.blocks.cards import bare, reference_labels
from livegold.reporting.blocks.container import of_data, on_band
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.subject import Subject
from livegold.reporting.drawing import BUTTON, CARD, NAVIGATOR, TEXT_BOX
from livegold.reporting.palette import SHAPES
from livegold.reporting.pbir import (
    DEFAULT,
    Box,
    Json,
    colour,
    colour_by,
    entry,
    first_of,
    in_card,
    projection,
    when_equal,
)
from livegold.reporting.specification import Block, Page

FRESHNESS_WIDTH = 280
CHOSEN_WIDTH = 200
NAVIGATOR_WIDTH = 88
"""Width of one page in the navigator."""
BACK_WIDTH = 104
BACK_HEIGHT = 40
MIN_TITLE = 232

WIDE = 5
"""Grid columns from which on a header is a single line; below that, its parts are stacked."""
_HEIGHT = 72
# The two parts that a phone shows stay one band; the phone app has its own navigator.
_PHONE, _PHONE_FRESHNESS = Phone(84, rank=0, gap=0), Phone(72, rank=10)


@dataclass(frozen=True, kw_only=True)
class Header(Block):
    """The page's title, the time of the last update and whether it is stale."""

    drawings = (TEXT_BOX, CARD, NAVIGATOR, BUTTON)
    leads_back = True

    @property
    def least_height(self) -> int:
        return _HEIGHT if self.width >= WIDE else 2 * _HEIGHT

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        """Parts from left to right without gaps, as one band. Those without room are left out, but never freshness."""
        title = self.title or page.name
        if page.kind == "tooltip":
            return [_part("Header", box, _title(subject, title, page, small=True), _PHONE)]
        if box.width < MIN_TITLE + FRESHNESS_WIDTH:
            half = box.height // 2
            above, below = (
                Box(box.x, box.y, box.width, half),
                Box(box.x, box.y + half, box.width, box.height - half),
            )
            return [
                _part("Header", above, _title(subject, title, page, small=True), _PHONE),
                _part("Freshness", below, _freshness(subject), _PHONE_FRESHNESS),
            ]
        free = box.width - MIN_TITLE - FRESHNESS_WIDTH
        before: list[tuple[str, int, Json]] = []
        after: list[tuple[str, int, Json]] = []
        ordinary = [p for p in subject.pages if p.kind == "page"]
        if page.kind == "page" and 1 < len(ordinary) <= free // NAVIGATOR_WIDTH:
            after.append(("Navigator", NAVIGATOR_WIDTH * len(ordinary), _navigator(ordinary)))
        if page.kind == "drillthrough":
            before.append(("Back", BACK_WIDTH, _back()))
            if free >= CHOSEN_WIDTH + BACK_WIDTH:
                after.append(("Chosen", CHOSEN_WIDTH, _chosen(subject, page)))
        after.append(("Freshness", FRESHNESS_WIDTH, _freshness(subject)))
        rest = box.width - sum(width for _, width, _ in (*before, *after))
        phones = {"Header": _PHONE, "Freshness": _PHONE_FRESHNESS}
        parts, x = [], box.x
        for name, width, visual in (*before, ("Header", rest, _title(subject, title, page)), *after):
            parts.append(_part(name, Box(x, box.y, width, box.height), visual, phones.get(name)))
            x += width
        return parts


def back_button(x: float, y: float) -> Part:
    """The back button for a page without a header, at the given upper left corner."""
    return _part("Back", Box(x, y, BACK_WIDTH, BACK_HEIGHT), _back(), None)


def _part(name: str, box: Box, visual: Json, phone: Phone | None) -> Part:
    return Part(visual=visual, box=box, phone=phone, name=name)


def _back() -> Json:
    return {
        "visualType": "actionButton",
        "objects": {
            "icon": [entry(DEFAULT, shapeType="back", lineColor=colour(palette.ON_BAND))],
            "text": [entry(DEFAULT, show=True, text="Back", fontColor=colour(palette.ON_BAND), fontSize=11.0)],
            "fill": [entry(DEFAULT, show=True, fillColor=colour(palette.SELECTED_ON_BAND), transparency=0.0)],
            "outline": [entry(DEFAULT, show=False)],
        },
        "visualContainerObjects": {
            **on_band("Back", "Back to the page you came from"),
            "visualLink": [entry(show=True, type="Back")],
        },
    }


def _title(subject: Subject, title: str, page: Page, *, small: bool = False) -> Json:
    question = "" if small else subject.case.question
    lines = [_line(title, "14pt" if small else "18pt", palette.ON_BAND, palette.STRONG)]
    if question:
        lines.append(_line(question, "9pt", palette.MUTED_ON_BAND, palette.FONT))
    alt = ". ".join(filter(None, (title, question, page.description)))
    return {
        "visualType": "textbox",
        "objects": {"general": [{"properties": {"paragraphs": lines}}]},
        "visualContainerObjects": on_band(title, alt, padding=(4.0, 4.0, 12.0, 12.0)),
    }


def _line(text: str, size: str, hexadecimal: str, font: str) -> Json:
    style = {"fontFamily": font, "fontSize": size, "color": hexadecimal}
    return {"textRuns": [{"value": text, "textStyle": style}], "horizontalTextAlignment": "left"}


def _freshness(subject: Subject) -> Json:
    update, fresh = subject.last_update, subject.freshness
    words = {f"{SHAPES[2]} stale": palette.STALE_ON_BAND, f"{SHAPES[0]} live": palette.LIVE_ON_BAND}
    below = [("Last update (UTC)", update, colour(palette.MUTED_ON_BAND))]
    objects = {
        **bare(),
        "value": [
            entry(DEFAULT, fontSize=14.0, fontFamily=palette.STRONG, fontColor=colour(palette.ON_BAND)),
            entry(in_card(fresh), fontColor=colour_by(when_equal(fresh, words))),
        ],
        "label": [entry(DEFAULT, show=False)],
        **reference_labels(fresh, below, 9.0, "sentence"),
    }
    alt = f"Whether rows still come ({SHAPES[0]} live, {SHAPES[2]} stale), and the time of the last update (UTC)"
    return of_data("cardVisual", {"Data": [projection(fresh)]}, objects, on_band("Last update", alt))


def _chosen(subject: Subject, page: Page) -> Json:
    """Shows the value that was drilled through to."""
    table = subject.tables[page.dimension]
    objects = {
        **bare(),
        "value": [entry(DEFAULT, fontSize=18.0, fontFamily=palette.STRONG, fontColor=colour(palette.ON_BAND))],
        "label": [
            entry(DEFAULT, show=True, position="aboveValue", fontSize=9.0, fontColor=colour(palette.MUTED_ON_BAND))
        ],
    }
    shown = projection(first_of(table, "label"), table)
    return of_data("cardVisual", {"Data": [shown]}, objects, on_band(table, f"The {table} this page is about"))


def _navigator(pages: Sequence[Page]) -> Json:
    states = {"default": palette.BAND, "hover": palette.SELECTED_ON_BAND, "selected": palette.SELECTED_ON_BAND}
    objects = {
        "fill": [entry({"id": s}, show=True, fillColor=colour(c), transparency=0.0) for s, c in states.items()],
        "text": [
            entry({"id": s}, show=True, fontColor=colour(palette.ON_BAND), fontSize=11.0, bold=s == "selected")
            for s in states
        ],
        "outline": [entry({"id": s}, show=False) for s in states],
        "shape": [entry(DEFAULT, tileShape="rectangleRounded")],
        "pages": [entry(showHiddenPages=False, showTooltipPages=False)],
    }
    alt = "Pages: " + ", ".join(p.name for p in pages)
    return {"visualType": "pageNavigator", "objects": objects, "visualContainerObjects": on_band("Pages", alt)}
