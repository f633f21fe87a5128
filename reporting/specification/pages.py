"""What a report shows: pages of rows of blocks on a twelve-column grid. Defines no concrete block and draws nothing.

A use case says *what* to show; `dashboards` turns it into visuals, which the preview shows. The blocks that come with
livegold are in `livegold.reporting.blocks`. Names refer to measures and dimensions of the use case; `UseCase` rejects
any others.
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
"""Columns of the grid, filled by the blocks of a row."""


@dataclass(frozen=True, kw_only=True)
class Block(ABC):
    """One element of a page. Everything livegold knows about a kind of block is in its class: a new kind is one file.

    `width` is in grid columns; `title` replaces the default one. A block's other options are fields of its dataclass:
    texts, numbers, and tuples and mappings of them.
    """

    width: int = COLUMNS
    title: str = ""

    drawings: ClassVar[tuple[Drawing, ...]] = ()
    """How the preview draws the types of visuals it produces."""
    leads_back: ClassVar[bool] = False
    """Whether it contains the back button on a drillthrough page."""

    @property
    def least_height(self) -> int:
        """Minimum height in pixels on an ordinary page."""
        return 120

    @property
    def over_buckets(self) -> tuple[str, ...]:
        """Measures it shows by bucket: the model gets a version of each without the bucket that is still open."""
        return ()

    def check(self, report: ReportChecks, place: str) -> None:  # noqa: B027
        """Raises SpecificationError, via the methods of `report`, for names the use case lacks; `place` says where.

        A block that refers to nothing in its use case has nothing to check.
        """

    @abstractmethod
    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        """Its visuals in reading order: one for most blocks, all within `box`."""


@dataclass(frozen=True)
class Row:
    """Blocks side by side; `height` is a share of the combined height of the page's rows."""

    blocks: tuple[Block, ...]
    height: float = 1.0


@dataclass(frozen=True)
class Page:
    """A page of the report.

    `kind` is `page`, `drillthrough` (for one value of `dimension`, reached from every visual that shows it) or
    `tooltip` (small, shown by the blocks that name the page as their `tooltip`). The first `page` also has a phone
    layout.
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
    """How the value of a measure is rated: good from `good` on, bad from `bad` on, to be watched in between.

    If `good` is above `bad`, more is better; otherwise less is. `words` are the labels of the three states.
    """

    measure: str
    good: float
    bad: float
    words: tuple[str, str, str] = ("good", "watch", "bad")
