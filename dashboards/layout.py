"""Where the blocks of a page go: rows that share its height, columns of a grid of twelve. Draws nothing.

A row is at least as high as its blocks need; a page whose rows do not fit grows, and is then fitted to the width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livegold.reporting.specification import (
    COLUMNS,
    Block,
    ConfusionMatrix,
    CutOffSlider,
    Header,
    Page,
    Slicer,
    Tile,
    TimeRange,
)

PAGE = (1280, 720)
TOOLTIP = (320, 240)
MARGIN = 16
GUTTER = 8


@dataclass(frozen=True)
class Box:
    """Pixels, from the page's upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Canvas:
    """What a page of a kind is cut from."""

    width: int
    height: int
    margin: int
    gutter: int


_CANVASES = {
    "page": Canvas(*PAGE, MARGIN, GUTTER),
    "drillthrough": Canvas(*PAGE, MARGIN, GUTTER),
    "tooltip": Canvas(*TOOLTIP, GUTTER, GUTTER),
}
_LEAST: Mapping[type[Block], int] = {Header: 72, Slicer: 72, TimeRange: 72, CutOffSlider: 88, Tile: 96}
# Columns from which on a header is one line; below, its parts stand one upon the other.
_WIDE_HEADER = 5
_MIN_OF_OTHERS = 120
_MIN_OF_TOOLTIP = 56


@dataclass(frozen=True)
class Placed:
    """A block and where it goes."""

    block: Block
    box: Box


@dataclass(frozen=True)
class Layout:
    width: int
    height: int
    blocks: tuple[Placed, ...]

    @property
    def grown(self) -> bool:
        """Higher than a page is, so that it has to be scrolled."""
        return (self.width, self.height) not in (PAGE, TOOLTIP)


def lay_out(page: Page, above: int = 0) -> Layout:
    """Blocks in reading order. `above` is left free at the top, for what every page of the kind has."""
    canvas = _CANVASES[page.kind]
    top = canvas.margin + (above + canvas.gutter if above else 0)
    least = [max(_least(block, page) for block in row.blocks) for row in page.rows]
    free = canvas.height - top - canvas.margin - canvas.gutter * (len(page.rows) - 1)
    heights = _shares([float(row.height) for row in page.rows], least, free)
    placed: list[Placed] = []
    y = top
    for row, height in zip(page.rows, heights, strict=True):
        column = 0
        for block in row.blocks:
            left, right = (_edge(canvas, c) for c in (column, column + block.width))
            box = Box(left, y, right - canvas.gutter - left, height)
            placed.append(Placed(block, box))
            column += block.width
        y += height + canvas.gutter
    return Layout(canvas.width, max(canvas.height, y - canvas.gutter + canvas.margin), tuple(placed))


def _edge(canvas: Canvas, column: int) -> int:
    """Left edge of a column."""
    usable = canvas.width - 2 * canvas.margin + canvas.gutter
    return canvas.margin + round(column * usable / COLUMNS)


def _least(block: Block, page: Page) -> int:
    if page.kind == "tooltip":
        return _MIN_OF_TOOLTIP
    if isinstance(block, Header) and block.width < _WIDE_HEADER:
        return 2 * _LEAST[Header]
    return 152 if isinstance(block, ConfusionMatrix) else _LEAST.get(type(block), _MIN_OF_OTHERS)


def _shares(wanted: Sequence[float], least: Sequence[int], total: int) -> list[int]:
    """`total` by the shares `wanted`, none below its `least`; more than `total` where that cannot be."""
    fixed: set[int] = set()
    while True:
        rest = total - sum(least[i] for i in fixed)
        shares = sum(w for i, w in enumerate(wanted) if i not in fixed)
        given = [least[i] if i in fixed else int(rest * w / shares) for i, w in enumerate(wanted)]
        small = {i for i, height in enumerate(given) if i not in fixed and height < least[i]}
        if not small:
            return given
        fixed |= small
