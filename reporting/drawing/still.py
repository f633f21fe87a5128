"""Visuals without rows: `textbox`, `actionButton`, `pageNavigator` and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from livegold.reporting.drawing.kinds import PageTab, StillDrawing
from livegold.reporting.drawing.style import FACE, colour, font, px
from livegold.reporting.pbir import Visual, value_of


def _textbox(visual: Visual, pages: Sequence[PageTab]) -> str:
    lines = []
    for paragraph in visual.look("general", "paragraphs", ()) or ():
        runs = []
        for run in paragraph.get("textRuns", ()):
            style = run.get("textStyle", {})
            size = str(style.get("fontSize", "10pt")).removesuffix("pt").removesuffix("px")
            family = str(style.get("fontFamily", "")).replace('"', "'")
            weight = 600 if "semibold" in family.lower() else style.get("fontWeight", "normal")
            css = f"font-size:{px(size)};color:{style.get('color', 'inherit')};font-weight:{weight};"
            css += f"font-family:{family.split(',')[0]},{FACE};" if family else ""
            css += "font-style:italic;" if style.get("fontStyle") == "italic" else ""
            runs.append(f'<span style="{escape(css)}">{escape(str(run.get("value", "")))}</span>')
        align = paragraph.get("horizontalTextAlignment", "left")
        lines.append(f'<div style="text-align:{escape(str(align))}">{"".join(runs)}</div>')
    return f'<div class="lg-text">{"".join(lines)}</div>'


def _button(visual: Visual, pages: Sequence[PageTab]) -> str:
    """The Back button, with the text from the file."""
    text = str(visual.look("text", "text", "Back") or "Back")
    ground = colour(visual.look("fill", "fillColor"), visual, None, "transparent")
    back = visual.look("icon", "shapeType") == "back"
    icon = '<span aria-hidden="true">←</span>' if back else ""
    css = font(visual, "text", default=(11, "#FFFFFF"))
    return f'<button class="lg-button" data-back style="{css}background:{ground}">{icon}{escape(text)}</button>'


def _navigator(visual: Visual, pages: Sequence[PageTab]) -> str:
    made = []
    for page in pages:
        state = "selected" if page.current else "default"
        ground, ink = "transparent", "#FFFFFF"
        for properties, selector in visual.entries("fill"):
            if selector.get("id") == state:
                ground = colour(value_of(properties.get("fillColor")), visual, None, ground)
        for properties, selector in visual.entries("text"):
            if selector.get("id") == state:
                ink = colour(value_of(properties.get("fontColor")), visual, None, ink)
        css = font(visual, "text", default=(11, ink), keep_colour=False) + f"color:{ink};background:{ground}"
        now = ' aria-current="page"' if page.current else ""
        made.append(
            f'<button class="lg-tab" data-page="{escape(page.name)}" style="{css}"{now}>{escape(page.shown)}</button>'
        )
    return f'<nav class="lg-tabs">{"".join(made)}</nav>'


def _shape(visual: Visual, pages: Sequence[PageTab]) -> str:
    fill = colour(visual.look("fill", "fillColor"), visual, None, "transparent")
    return f'<div class="lg-shape" style="background:{fill}"></div>'


TEXT_BOX = StillDrawing(types=("textbox",), draw=_textbox)
BUTTON = StillDrawing(types=("actionButton",), draw=_button)
NAVIGATOR = StillDrawing(types=("pageNavigator",), draw=_navigator)
SHAPE = StillDrawing(types=("shape", "basicShape"), draw=_shape)
