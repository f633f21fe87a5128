"""A visual's formatting as CSS, and values as text for its HTML. Draws nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from livegold.reporting.drawing.answer import Answer
from livegold.reporting.drawing.formats import BLANK, formatted
from livegold.reporting.pbir import Choice, Field, Visual

PX_PER_POINT = 4 / 3
FACE = "'Segoe UI', Inter, Roboto, 'Helvetica Neue', Arial, sans-serif"
"""Fallback for every font of a theme: Roboto comes with the page."""


class Values:
    """The values in a row of an answer, by field; all None if there is no row."""

    def __init__(self, answer: Answer, row: tuple[Any, ...] | None) -> None:
        self._known = {k.field: k for k in answer.fields}
        places = {k.field: i for i, k in enumerate(answer.fields)}
        self._row = {f: None if row is None else row[i] for f, i in places.items()}

    def __getitem__(self, field: Field) -> Any:
        return self._row.get(field)

    def text(self, field: Field, blank: str = BLANK) -> str:
        """The formatted value, escaped for HTML."""
        known = self._known.get(field)
        return escape(formatted(self[field], known.format if known else "", blank))


def px(points: Any) -> str:
    return f"{float(points) * PX_PER_POINT:.4g}px"


def colour(written: Any, visual: Visual, values: Values | None = None, default: str = "") -> str:
    """A colour: as written, from a measure, or by the case of a text; `default` if none of these gives one."""
    found = written
    if isinstance(written, Field):
        found = values[written] if values else None
    elif isinstance(written, Choice):
        text = values[written.field] if values else None
        found = next((value for case, value in written.cases if case == text), None)
    elif isinstance(written, Mapping) and "ThemeDataColor" in written:
        number = int(written["ThemeDataColor"]["ColorId"])
        found = ("#FFFFFF", "#000000", *visual.theme.data_colours)[number]
    return escape(found) if isinstance(found, str) and found else default


def faded(hexadecimal: str, transparency: Any) -> str:
    """A colour with transparency in percent."""
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
        # A text that matches no case of a Choice has the usual colour.
        usual = colour(visual.look(thing, names[2]), visual, values, default[1])
        css += f"color:{colour(tint, visual, values, usual)};"
    if visual.look(thing, "bold", of=of) is True:
        css += "font-weight:700;"
    if visual.look(thing, "italic", of=of) is True:
        css += "font-style:italic;"
    return css


def _family(family: str) -> str:
    """A theme's font family as CSS; a semibold family becomes a weight of the fallback family."""
    weight = 600 if "semibold" in family.lower() else 700 if "bold" in family.lower() else 400
    return f"font-family:{escape(family.split(',')[0].strip(), quote=True)},{FACE};font-weight:{weight};".replace(
        "&#x27;", "'"
    )
