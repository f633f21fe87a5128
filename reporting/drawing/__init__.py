"""Draws visuals in the live preview, by type: HTML or chart options from a visual's file and an answer.

Knows nothing of blocks, use cases or the page a visual is on; `kinds` defines what a drawing is.
"""

from livegold.reporting.drawing.answer import Answer, Filters, Known, Question
from livegold.reporting.drawing.cards import CARD
from livegold.reporting.drawing.charts import BARS, LINES, point_of
from livegold.reporting.drawing.formats import BLANK, formatted
from livegold.reporting.drawing.grids import TABLE, point_key
from livegold.reporting.drawing.kinds import (
    ChartDrawing,
    Drawing,
    HtmlDrawing,
    Options,
    PageTab,
    SlicerDrawing,
    StillDrawing,
)
from livegold.reporting.drawing.still import BUTTON, NAVIGATOR, SHAPE, TEXT_BOX
from livegold.reporting.drawing.style import FACE, PX_PER_POINT, Values, colour, faded, font, px

__all__ = [
    "BARS",
    "BLANK",
    "BUTTON",
    "CARD",
    "FACE",
    "LINES",
    "NAVIGATOR",
    "PX_PER_POINT",
    "SHAPE",
    "TABLE",
    "TEXT_BOX",
    "Answer",
    "ChartDrawing",
    "Drawing",
    "Filters",
    "HtmlDrawing",
    "Known",
    "Options",
    "PageTab",
    "Question",
    "SlicerDrawing",
    "StillDrawing",
    "Values",
    "colour",
    "faded",
    "font",
    "formatted",
    "point_key",
    "point_of",
    "px",
]
