"""Positions the blocks of a page: rows share its height, and columns are those of a 12-column grid. Draws nothing.

A row is at least as high as its blocks need; a page whose rows do not fit grows, and is then fitted to the width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting.pbir import Box
from livegold.reporting.specification import COLUMNS, Block, Page

PAGE = (1280, 720)
TOOLTIP = (320, 240)
MARGIN = 16
GUTTER = 8


@dataclass(frozen=True)
class Canvas:
    """The size, margin and gutter of a kind of page."""

    width: int
    height: int
    margin: int
    gutter: int


_CANVASES = {
    "page": Canvas(*PAGE, MARGIN, GUTTER),
    "drillthrough": Canvas(*PAGE, MARGIN, GUTTER),
    "tooltip": Canvas(*TOOLTIP, GUTTER, GUTTER),
}
_MIN_OF_TOOLTIP = 56


@dataclass(frozen=True)
class Cell:
    """A block and its position."""

    block: Block
    box: Box


@dataclass(frozen=True)
class Layout:
    width: int
    height: int
    blocks: tuple[Cell, ...]

    @property
    def grown(self) -> bool:
        """Whether it is higher than a normal page, so that it has to be scrolled."""
        return (self.width, self.height) not in (PAGE, TOOLTIP)


def lay_out(page: Page, above: int = 0) -> Layout:
    """Places blocks in reading order. `above` is reserved at the top, for what every page of the kind has."""
    canvas = _CANVASES[page.kind]
    top = canvas.margin + (above + canvas.gutter if above else 0)
    small = page.kind == "tooltip"
    least = [_MIN_OF_TOOLTIP if small else max(block.least_height for block in row.blocks) for row in page.rows]
    free = canvas.height - top - canvas.margin - canvas.gutter * (len(page.rows) - 1)
    heights = _shares([float(row.height) for row in page.rows], least, free)
    cells: list[Cell] = []
    y = top
    for row, height in zip(page.rows, heights, strict=True):
        column = 0
        for block in row.blocks:
            left, right = (_edge(canvas, c) for c in (column, column + block.width))
            box = Box(left, y, right - canvas.gutter - left, height)
            cells.append(Cell(block, box))
            column += block.width
        y += height + canvas.gutter
    return Layout(canvas.width, max(canvas.height, y - canvas.gutter + canvas.margin), tuple(cells))


def _edge(canvas: Canvas, column: int) -> int:
    """Left edge of a column."""
    usable = canvas.width - 2 * canvas.margin + canvas.gutter
    return canvas.margin + round(column * usable / COLUMNS)


def _shares(wanted: Sequence[float], least: Sequence[int], total: int) -> list[int]:
    """Splits `total` by the shares `wanted`, none below its `least`; exceeds `total` if that is impossible."""
    fixed: set[int] = set()
    while True:
        rest = total - sum(least[i] for i in fixed)
        shares = sum(w for i, w in enumerate(wanted) if i not in fixed)
        given = [least[i] if i in fixed else int(rest * w / shares) for i, w in enumerate(wanted)]
        small = {i for i, height in enumerate(given) if i not in fixed and height < least[i]}
        if not small:
            return given
        fixed |= small
