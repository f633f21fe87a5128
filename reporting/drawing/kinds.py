"""The ways in which the preview draws a type of visual: as HTML, as a chart, as what shows no rows. No drawing itself.

A block names the drawings of the types of visuals that it makes; the preview finds them by the type in the template's
files. A type that has none says in its place that it cannot be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livegold.reporting.drawing.answer import Answer, Known
from livegold.reporting.pbir import Field, Visual

Options = dict[str, Any]
"""Options of ECharts; a function in JavaScript has a key that begins with a colon."""


def _no_problem(visual: Visual, known: Mapping[Field, Known]) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How visuals of some `types` (Power BI's `visualType`) are shown.

    `roles` are those that are drawn and must have a field, `optional` those that may have one: a field in any other
    would be left out without a word. `problem` says why one visual cannot be drawn ("lineChart of Pulse[Trips]"), given
    what its fields are; empty if it can. `height` is that of the visual in pixels where a page is shown in one column
    without a layout for phones; None is as high as it turns out.
    """

    types: tuple[str, ...]
    roles: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    problem: Callable[[Visual, Mapping[Field, Known]], str] = _no_problem
    height: int | None = None


@dataclass(frozen=True, kw_only=True)
class HtmlDrawing(Drawing):
    """HTML of an answer; a row that can be pointed at has `data-point`, its `point_key`.

    `turn`: those of 0 are filled first when rows come, those of 2 last. `scrolls`: it may be higher than its box.
    """

    draw: Callable[[Visual, Answer], str]
    turn: int = 1
    scrolls: bool = False


@dataclass(frozen=True, kw_only=True)
class ChartDrawing(Drawing):
    """Options of ECharts for an answer, which may have no rows. `points` is the role whose values are its points."""

    draw: Callable[[Visual, Answer], Options]
    points: str = "Category"
    turn: int = 1


@dataclass(frozen=True)
class PageTab:
    """A page that has a tab: its name in the files, the name that is shown, whether it is the one that is open."""

    name: str
    shown: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class StillDrawing(Drawing):
    """HTML of what shows no rows; it is given the pages that there are."""

    draw: Callable[[Visual, Sequence[PageTab]], str]


@dataclass(frozen=True, kw_only=True)
class SlicerDrawing(Drawing):
    """What a person chooses by: the preview has its widgets, found by the field that is chosen."""
