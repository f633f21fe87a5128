"""What surrounds a visual on the page, whatever its type: its container, its title, its values as JSON for tests."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from decimal import Decimal
from html import escape
from typing import Any

from livegold.reporting.drawing import Answer, Known, Values, colour, faded, font
from livegold.reporting.pbir import Field, Projection, Visual


def frame(visual: Visual, values: Values | None = None) -> str:
    """CSS of a visual's container: background, border, padding."""
    css = ""
    if visual.look("background", "show", True):
        ground = colour(visual.look("background", "color"), visual, values, "transparent")
        css += f"background:{faded(ground, visual.look('background', 'transparency', 0))};"
    if visual.look("border", "show", False):
        width = visual.look("border", "width", 1)
        css += f"border:{float(width):g}px solid {colour(visual.look('border', 'color'), visual, values, '#D5DDE8')};"
        css += f"border-radius:{float(visual.look('border', 'radius', 0)):g}px;"
    if visual.look("dropShadow", "show", False):
        css += "box-shadow:0 2px 6px rgba(0,0,0,.18);"
    sides = [float(visual.look("padding", side, 5)) for side in ("top", "right", "bottom", "left")]
    return css + "padding:" + " ".join(f"{s:g}px" for s in sides) + ";"


def title(visual: Visual, values: Values | None = None) -> str:
    """The visual's title as HTML; empty if it has none."""
    text = visual.title
    if isinstance(text, Field):
        text = str(values[text] or "") if values else ""
    if not text:
        return ""
    css = font(visual, "title", values, default=(12, "#252423"))
    align = visual.look("title", "alignment", "left")
    line = "" if visual.look("title", "titleWrap", False) else " lg-oneline"
    return f'<div class="lg-title{line}" style="{css}text-align:{escape(str(align))}">{escape(text)}</div>'


def plain(value: Any) -> Any:
    """A value in JSON without loss: decimals as text, times in ISO format, UTC."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return value


def shown_rows(answer: Answer, names: Iterable[str]) -> str:
    """JSON for tests: the names of the values and the unformatted rows."""
    return json.dumps({"columns": list(names), "rows": [[plain(v) for v in row] for row in answer.rows]})


def names_of(projections: Iterable[Projection], known: tuple[Known, ...]) -> list[str]:
    """A name for each field of an answer: the one the visual shows, or else the measure's own."""
    named = {p.field: p.shown for p in projections}
    return [named.get(k.field, k.field.property) for k in known]
