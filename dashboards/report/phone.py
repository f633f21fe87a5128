"""The phone layout of a page: one column, most important first. Does not lay out the page itself."""

from __future__ import annotations

from collections.abc import Sequence

from livegold.dashboards.report.placing import Placed
from livegold.reporting.pbir import Box

WIDTH = 324
"""Width of the phone canvas in Power BI, in its own pixels."""
_MARGIN = 8


def phone_boxes(placed: Sequence[Placed]) -> dict[str, Box]:
    """Boxes by visual name, from top to bottom; visuals of equal rank are in page order."""
    shown = [(one.name, one.part.phone) for one in placed if one.part.phone]
    boxes: dict[str, Box] = {}
    y = _MARGIN
    for name, phone in sorted(shown, key=lambda s: s[1].rank):
        boxes[name] = Box(_MARGIN, y, WIDTH - 2 * _MARGIN, phone.height)
        y += phone.height + phone.gap
    return boxes
