"""The phone's layout of a page: one column, the most important first. Not for the page itself."""

from __future__ import annotations

from collections.abc import Sequence

from livegold.dashboards.layout import Box
from livegold.dashboards.visuals import Drawn

WIDTH = 324
"""Of the phone's canvas in Power BI, in its own pixels."""
_MARGIN = 8
_GUTTER = 8
# Height by what a visual is, in the order of the column. The navigator is left out: the phone's app has its own.
_HEIGHTS = {
    "Header": 84,
    "Freshness": 72,
    "Tile": 144,
    "Ranking": 240,
    "Trend": 220,
    "Chart": 220,
    "ConfusionMatrix": 200,
    "CutOffSlider": 96,
    "Full": 220,
    "Exceptions": 260,
    "Slicer": 76,
    "TimeRange": 96,
}
_LEFT_OUT = ("Navigator", "Back", "Chosen")


def phone_boxes(drawn: Sequence[Drawn]) -> dict[str, Box]:
    """By the key of the visual; within a kind in the order of the page."""
    order = list(_HEIGHTS)
    shown = sorted((d for d in drawn if d.part not in _LEFT_OUT), key=lambda d: order.index(d.part))
    boxes, y = {}, _MARGIN
    for one in shown:
        boxes[one.key] = Box(_MARGIN, y, WIDTH - 2 * _MARGIN, _HEIGHTS[one.part])
        # The two parts of the header stay one band.
        y += _HEIGHTS[one.part] + (0 if one.part == "Header" else _GUTTER)
    return boxes
