"""`cardVisual`: one large measure with its reference labels, or several in a grid."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from livegold.reporting.drawing.answer import Answer, Known
from livegold.reporting.drawing.kinds import HtmlDrawing
from livegold.reporting.drawing.style import Values, colour, font, px
from livegold.reporting.pbir import Field, Projection, Visual, value_of


def _card(visual: Visual, answer: Answer) -> str:
    values = Values(answer, answer.rows[0] if answer.rows else None)
    data = visual.of("Data")
    columns = int(visual.look("layout", "columnCount", len(data)) or len(data)) if len(data) > 1 else 1
    cells = "".join(_cell(visual, p, values) for p in data)
    several = " lg-several" if len(data) > 1 else ""
    bar = ""
    if visual.look("accentBar", "show", False):
        tint = colour(visual.look("accentBar", "color"), visual, values, "transparent")
        width = float(visual.look("accentBar", "width", 4))
        bar = f'<div class="lg-bar" style="width:{width:g}px;background:{tint}"></div>'
    grid = f"grid-template-columns:repeat({columns},minmax(0,1fr))"
    return f'{bar}<div class="lg-cells{several}" style="{grid}">{cells}</div>'


def _cell(visual: Visual, projection: Projection, values: Values) -> str:
    of = projection.reference
    align = str(visual.look("value", "horizontalAlignment", "left", of=of))
    value = (
        f'<div class="lg-value" style="{font(visual, "value", values, of=of, default=(27, "#252423"))}">'
        f"{values.text(projection.field)}</div>"
    )
    label = ""
    if visual.look("label", "show", False, of=of):
        css = font(visual, "label", values, of=of)
        label = f'<div class="lg-label" style="{css}">{escape(projection.shown)}</div>'
    above = visual.look("label", "position", "belowValue", of=of) == "aboveValue"
    inside = label + value if above else value + label
    return f'<div class="lg-cell lg-{escape(align)}">{inside}{_references(visual, projection, values)}</div>'


def _references(visual: Visual, projection: Projection, values: Values) -> str:
    """Measures below the callout, in order."""
    found: list[tuple[float, str]] = []
    for properties, selector in visual.entries("referenceLabel"):
        field = value_of(properties.get("value"))
        if not isinstance(field, Field) or selector.get("metadata") not in (None, projection.reference):
            continue
        identity = selector.get("id")
        own = _Own(visual, identity)
        name = (
            ""
            if own.look("referenceLabelTitle", "show") is False
            else str(own.look("referenceLabelTitle", "titleText") or "")
        )
        names = ("valueFontSize", "valueFontFamily", "valueFontColor")
        css = font(visual, "referenceLabelValue", values, names=names, keep_colour=False)
        css += f"color:{colour(own.look('referenceLabelValue', 'valueFontColor'), visual, values, '#252423')};"
        size = own.look("referenceLabelTitle", "titleFontSize") or 10
        muted = colour(own.look("referenceLabelTitle", "titleFontColor"), visual, values, "#46566B")
        head = f'<span style="font-size:{px(size)};color:{muted}">{escape(name)}</span>' if name else ""
        shown_value = f'<span style="{css}">{values.text(field)}</span>'
        found.append((float(selector.get("order", 0)), f'<div class="lg-reference">{head}{shown_value}</div>'))
    if not found:
        return ""
    return f'<div class="lg-references">{"".join(html for _, html in sorted(found))}</div>'


class _Own:
    """Formatting of one reference label, looked up by its id."""

    def __init__(self, visual: Visual, identity: object) -> None:
        self._visual, self._identity = visual, identity

    def look(self, thing: str, name: str) -> Any:
        for properties, selector in self._visual.entries(thing):
            if selector.get("id") == self._identity and name in properties:
                return value_of(properties[name])
        return self._visual.look(thing, name)


def _problem(visual: Visual, known: Mapping[Field, Known]) -> str:
    wrong = [k.field for k in known.values() if k.kind not in ("measure", "first")]
    return f"{visual.kind} of {wrong[0]}" if wrong else ""


# Tiles are what people watch: they are sent before charts and tables are drawn.
CARD = HtmlDrawing(types=("cardVisual",), roles=("Data",), problem=_problem, draw=_card, turn=0)
