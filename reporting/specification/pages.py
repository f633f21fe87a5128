"""What a report shows, in a small vocabulary: pages of rows of blocks on a grid of twelve columns. Draws nothing.

A use case says *what* to show; `dashboards` makes visuals of it and the preview shows those. Names in here are those of
measures and dimensions of the use case; `UseCase` refuses any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

COLUMNS = 12
"""Columns of the grid; the blocks of a row fill them."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One thing on a page. `width` is columns of the grid; `title` takes the place of the usual one."""

    width: int = COLUMNS
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Header(Block):
    """The page's title, the time of the last update and whether it is stale."""


@dataclass(frozen=True)
class Tile(Block):
    """One measure, large; with its state where the use case has a `State` for it, and beside `against` if given."""

    measure: str
    against: str = ""


@dataclass(frozen=True)
class Trend(Block):
    """Measures by bucket, as lines over the closed buckets; `expected` are the measures of the band's low and high."""

    measures: tuple[str, ...]
    expected: tuple[str, str] | None = None
    tooltip: str = ""


@dataclass(frozen=True)
class Ranking(Block):
    """A table with a row for each value of a dimension, with the state of those measures that have one."""

    dimension: str
    measures: tuple[str, ...]
    tooltip: str = ""


@dataclass(frozen=True)
class Chart(Block):
    """Measures by a dimension, as `columns`, `bars` or `line`. `dimension` may be `cut_off`."""

    dimension: str
    measures: tuple[str, ...]
    kind: Literal["columns", "bars", "line"] = "columns"
    tooltip: str = ""


@dataclass(frozen=True)
class Exceptions(Block):
    """Single predictions of Spotlight, the most severe first. `columns` are columns of Spotlight or dimensions."""

    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix(Block):
    """The four measures that count what was said against what was, in the order of the task's `confusion_matrix`."""

    measures: tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class CutOffSlider(Block):
    """Drag the cut-off: what follows from it are the task's `cut_offs`."""


@dataclass(frozen=True)
class Slicer(Block):
    """A list of a dimension's values to filter the page by."""

    dimension: str


@dataclass(frozen=True, kw_only=True)
class TimeRange(Block):
    """From when to when the page looks; measures so far are not narrowed by it."""


@dataclass(frozen=True)
class Full(Block):
    """A visual given in full: the `visual` object of a PBIR file, put where the grid has it."""

    visual: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """Blocks beside each other; `height` is a share of what the rows of the page have together."""

    blocks: tuple[Block, ...]
    height: float = 1.0


@dataclass(frozen=True)
class Page:
    """A page of the report.

    `kind` is `page`, `drillthrough` (for one value of `dimension`, reached from every visual that shows it) or
    `tooltip` (small, shown by the blocks that name the page as their `tooltip`). The first `page` has a layout for
    phones too.
    """

    name: str
    rows: tuple[Row, ...]
    kind: Literal["page", "drillthrough", "tooltip"] = "page"
    dimension: str = ""
    description: str = field(default="")

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for row in self.rows for block in row.blocks)


@dataclass(frozen=True)
class State:
    """What a measure says about how things are: good from `good` on, bad from `bad` on, to be watched in between.

    `good` above `bad` means that more is better, below it that less is. `words` are said for the three.
    """

    measure: str
    good: float
    bad: float
    words: tuple[str, str, str] = ("good", "watch", "bad")
