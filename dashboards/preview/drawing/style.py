"""Formatting of a visual as CSS, and the measures that formatting is made by. Draws nothing itself."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from html import escape
from typing import Any

from livegold.dashboards.preview.formats import BLANK, formatted
from livegold.dashboards.preview.pbir import Choice, Projection, Visual, value_of
from livegold.dashboards.preview.questions import Answer, Field, Known

PX_PER_POINT = 4 / 3
FACE = "'Segoe UI', Inter, Roboto, 'Helvetica Neue', Arial, sans-serif"
"""Stands behind every font of a theme: Roboto comes with the page."""


class Values:
    """The values of a row of an answer by field; of none where there is no row."""

    def __init__(self, answer: Answer, row: tuple[Any, ...] | None) -> None:
        self._known = {k.field: k for k in answer.fields}
        places = {k.field: i for i, k in enumerate(answer.fields)}
        self._row = {f: None if row is None else row[i] for f, i in places.items()}

    def __getitem__(self, field: Field) -> Any:
        return self._row.get(field)

    def text(self, field: Field, blank: str = BLANK) -> str:
        """Formatted, fit for HTML."""
        known = self._known.get(field)
        return escape(formatted(self[field], known.format if known else "", blank))


def px(points: Any) -> str:
    return f"{float(points) * PX_PER_POINT:.4g}px"


def colour(written: Any, visual: Visual, values: Values | None = None, default: str = "") -> str:
    """A colour: as written, as a measure says, or by the case of a text; `default` where none of these gives one."""
    found = written
    if isinstance(written, Field):
        found = values[written] if values else None
    elif isinstance(written, Choice):
        said = values[written.field] if values else None
        found = next((value for case, value in written.cases if case == said), None)
    elif isinstance(written, Mapping) and "ThemeDataColor" in written:
        number = int(written["ThemeDataColor"]["ColorId"])
        found = ("#FFFFFF", "#000000", *visual.theme.data_colours)[number]
    return escape(found) if isinstance(found, str) and found else default


def faded(hexadecimal: str, transparency: Any) -> str:
    """A colour with a transparency in percent."""
    if not transparency or not hexadecimal.startswith("#"):
        return hexadecimal
    return f"color-mix(in srgb, {hexadecimal} {100 - float(transparency):g}%, transparent)"


def font(
    visual: Visual,
    thing: str,
    values: Values | None = None,
    *,
    of: str | None = None,
    names: tuple[str, str, str] = ("fontSize", "fontFamily", "fontColor"),
    default: tuple[float, str] = (10, "#252423"),
    keep_colour: bool = True,
) -> str:
    """CSS of a text: size, family, colour, bold, italic."""
    size, family, tint = (visual.look(thing, n, of=of) for n in names)
    css = f"font-size:{px(size or default[0])};"
    if family:
        css += _family(str(family))
    if keep_colour:
        # A text that no case of a Choice is equal to has the colour of the others.
        usual = colour(visual.look(thing, names[2]), visual, values, default[1])
        css += f"color:{colour(tint, visual, values, usual)};"
    if visual.look(thing, "bold", of=of) is True:
        css += "font-weight:700;"
    if visual.look(thing, "italic", of=of) is True:
        css += "font-style:italic;"
    return css


def _family(family: str) -> str:
    """A theme's family as CSS; its semibold is a weight of the family that stands in for it."""
    weight = 600 if "semibold" in family.lower() else 700 if "bold" in family.lower() else 400
    return f"font-family:{escape(family.split(',')[0].strip(), quote=True)},{FACE};font-weight:{weight};".replace(
        "&#x27;", "'"
    )


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
    """The visual's title as HTML; nothing where it has none."""
    text = visual.title
    if isinstance(text, Field):
        text = str(values[text] or "") if values else ""
    if not text:
        return ""
    css = font(visual, "title", values, default=(12, "#252423"))
    align = visual.look("title", "alignment", "left")
    line = "" if visual.look("title", "titleWrap", False) else " lg-oneline"
    return f'<div class="lg-title{line}" style="{css}text-align:{escape(str(align))}">{escape(text)}</div>'


def beside(visual: Visual) -> tuple[Field, ...]:
    """The measures that formatting is made by: colours, reference labels, titles."""
    found: dict[Field, None] = {}

    def walk(node: Any) -> None:
        if isinstance(node, Mapping):
            if "expr" in node or "solid" in node:
                value = value_of(node)
                if isinstance(value, Field):
                    found[value] = None
                elif isinstance(value, Choice):
                    found[value.field] = None
            for inside in node.values():
                walk(inside)
        elif isinstance(node, list | tuple):
            for inside in node:
                walk(inside)

    walk(visual.objects)
    walk(visual.container)
    own = {p.field for p in visual.projections}
    return tuple(f for f in found if f.is_measure and f not in own)


def plain(value: Any) -> Any:
    """A value as JSON has it, nothing lost: decimals as text, times in ISO form, UTC."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return value


def shown_rows(answer: Answer, names: Iterable[str]) -> str:
    """What a test reads: the names of the values and the rows, not formatted, as JSON."""
    return json.dumps({"columns": list(names), "rows": [[plain(v) for v in row] for row in answer.rows]})


def names_of(projections: Iterable[Projection], known: tuple[Known, ...]) -> list[str]:
    """A name for each field of an answer: as the visual shows it, or the measure's own."""
    named = {p.field: p.shown for p in projections}
    return [named.get(k.field, k.field.property) for k in known]
