"""What a report shows: pages of rows of blocks on a grid of twelve columns. No block of any kind, and no drawing.

A use case says *what* to show; `dashboards` makes visuals of it and the preview shows those. The blocks that come with
livegold are in `livegold.reporting.blocks`. Names in here are those of measures and dimensions of the use case;
`UseCase` refuses any other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from livegold.reporting.blocks import Part, Subject
    from livegold.reporting.drawing import Drawing
    from livegold.reporting.pbir import Box
    from livegold.reporting.specification.page_checks import ReportChecks

COLUMNS = 12
"""Columns of the grid; the blocks of a row fill them."""


@dataclass(frozen=True, kw_only=True)
class Block(ABC):
    """One thing on a page: all that livegold knows of a kind of block is in its class, so that a new one is one file.

    `width` is columns of the grid; `title` takes the place of the usual one. What else a block says of itself are
    fields of its dataclass: texts, numbers, tuples and mappings of them.
    """

    width: int = COLUMNS
    title: str = ""

    drawings: ClassVar[tuple[Drawing, ...]] = ()
    """How the preview draws the types of visuals that it makes."""
    leads_back: ClassVar[bool] = False
    """Whether there is, on a page to drill through to, the way back in it."""

    @property
    def least_height(self) -> int:
        """Pixels that it needs on an ordinary page."""
        return 120

    @property
    def over_buckets(self) -> tuple[str, ...]:
        """Measures that it shows by bucket: the model gets each of them without the bucket that is still open."""
        return ()

    def check(self, report: ReportChecks, place: str) -> None:  # noqa: B027
        """Raises SpecificationError, by the methods of `report`, for what its use case has not; `place` says where.

        A block that names nothing of its use case has nothing to check.
        """

    @abstractmethod
    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        """Its visuals, in reading order: one for most blocks, all of them within `box`."""


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
