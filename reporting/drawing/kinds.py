"""The ways the preview draws a type of visual: as HTML, as a chart, or without rows. Contains no drawing itself.

A block names the drawings for the types of visuals it creates; the preview finds them by the type in the template's
files. For a type without a drawing, the preview shows a note that it cannot be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livegold.reporting.drawing.answer import Answer, Known
from livegold.reporting.pbir import Field, Visual

Options = dict[str, Any]
"""ECharts options; the key of a JavaScript function begins with a colon."""


def _no_problem(visual: Visual, known: Mapping[Field, Known]) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How visuals of some `types` (Power BI's `visualType`) are shown.

    `roles` are drawn and must have a field, `optional` ones may have one; a field in any other role would be silently
    left out. `problem` says why a visual cannot be drawn ("lineChart of Pulse[Trips]"), given its fields; empty if it
    can. `height` is the visual's height in pixels when a page is shown in one column without a phone layout; None fits
    the content.
    """

    types: tuple[str, ...]
    roles: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    problem: Callable[[Visual, Mapping[Field, Known]], str] = _no_problem
    height: int | None = None


@dataclass(frozen=True, kw_only=True)
class HtmlDrawing(Drawing):
    """HTML for an answer; a row that can be pointed at has its `point_key` as `data-point`.

    When rows arrive, drawings with `turn` 0 are filled first, those with 2 last. `scrolls`: it may exceed its box.
    """

    draw: Callable[[Visual, Answer], str]
    turn: int = 1
    scrolls: bool = False


@dataclass(frozen=True, kw_only=True)
class ChartDrawing(Drawing):
    """ECharts options for an answer, which may have no rows. `points` is the role whose values are its points."""

    draw: Callable[[Visual, Answer], Options]
    points: str = "Category"
    turn: int = 1


@dataclass(frozen=True)
class PageTab:
    """A page with a tab: its name in the files, its display name, whether it is the open one."""

    name: str
    shown: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class StillDrawing(Drawing):
    """HTML for a visual without rows; it is given the existing pages."""

    draw: Callable[[Visual, Sequence[PageTab]], str]


@dataclass(frozen=True, kw_only=True)
class SlicerDrawing(Drawing):
    """A visual to select values with: the preview provides the widget, by the field that is selected."""
