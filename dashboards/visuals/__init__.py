"""What each block of the vocabulary becomes: the `visual` object of a PBIR file, and its place. No files here.

Which fields and objects a visual has is said in `livegold.dashboards.report`, which those who read the files rely on. A
module for each kind of visual; `container` is what is around one, `subject` what they are about.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livegold.dashboards.layout import Box, Placed
from livegold.dashboards.pbir import Json, entry, literal
from livegold.dashboards.visuals.cards import confusion_matrix, tile
from livegold.dashboards.visuals.charts import chart, trend
from livegold.dashboards.visuals.header import BACK_HEIGHT, BACK_WIDTH, back, header
from livegold.dashboards.visuals.slicers import of_cut_off, of_dimension, of_time
from livegold.dashboards.visuals.subject import Subject, page_name
from livegold.dashboards.visuals.tables import exceptions, ranking
from livegold.reporting.schema import CUT_OFF
from livegold.reporting.specification import (
    Block,
    Chart,
    ConfusionMatrix,
    CutOffSlider,
    Exceptions,
    Full,
    Header,
    Page,
    Ranking,
    Slicer,
    Tile,
    TimeRange,
    Trend,
)

__all__ = ["BACK_HEIGHT", "BACK_WIDTH", "Drawn", "Subject", "back_button", "draw", "page_name"]


@dataclass(frozen=True)
class Drawn:
    """A visual where it goes.

    `part` is what it is on the page, `key` tells it from the others of its page, `over` is the dimension of a chart,
    `met` the measure that is above 0 for what it shows.
    """

    part: str
    key: str
    box: Box
    visual: Json
    over: str = ""
    met: str = ""


def draw(subject: Subject, page: Page, placed: Sequence[Placed]) -> list[Drawn]:
    """In the same order; one visual for most blocks, several for a header. No two have the same key."""
    drawn: list[Drawn] = []
    seen: Counter[str] = Counter()
    for one in placed:
        block = one.block
        identity = _identity(block)
        key = f"{identity} {seen[identity]}"
        seen[identity] += 1
        if isinstance(block, Header):
            parts = header(subject, page, block, one.box)
            drawn += [Drawn(part, f"{key} {part}", box, visual) for part, box, visual in parts]
        else:
            over = block.dimension if isinstance(block, Chart) else ""
            met = ""
            if isinstance(block, Chart | Ranking) and block.dimension != CUT_OFF:
                met = subject.met(block.measures)
            drawn.append(Drawn(type(block).__name__, key, one.box, _visual(subject, block, one.box), over, met))
    return drawn


def back_button(box: Box) -> Drawn:
    """The way back, for a page that has no header."""
    return Drawn("Back", "back", box, back())


def _visual(subject: Subject, block: Block, box: Box) -> Json:
    match block:
        case Tile():
            return tile(subject, block, box)
        case Trend():
            return trend(subject, block)
        case Ranking():
            return ranking(subject, block)
        case Chart():
            return chart(subject, block)
        case Exceptions():
            return exceptions(subject, block)
        case ConfusionMatrix():
            return confusion_matrix(subject, block, box)
        case CutOffSlider():
            return of_cut_off(subject, block)
        case Slicer():
            return of_dimension(subject, block)
        case TimeRange():
            return of_time(block)
        case Full():
            return _full(block)
    raise TypeError(f"{type(block).__name__} is no block that can be drawn")


def _full(block: Full) -> Json:
    """As given; with a title and an alt text where it has none."""
    visual: Json = _plain(block.visual)
    around = visual.setdefault("visualContainerObjects", {})
    kind = str(visual.get("visualType", "visual"))
    around.setdefault("title", [entry(show=bool(block.title), text=block.title or kind)])
    general = around.setdefault("general", [{"properties": {}}])
    general[0].setdefault("properties", {}).setdefault("altText", literal(block.title or kind))
    return visual


def _identity(block: Block) -> str:
    """What tells a block from another of its kind, whatever its place and width."""
    shown = {k: _plain(v) for k, v in vars(block).items() if k not in ("width", "tooltip")}
    return f"{type(block).__name__} {json.dumps(shown, sort_keys=True)}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
