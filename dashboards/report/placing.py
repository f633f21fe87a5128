"""Places the visuals of a page and gives each a stable name. Does not define what a visual shows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livegold.dashboards.report.layout import MARGIN, Layout, lay_out
from livegold.reporting.blocks import BACK_HEIGHT, Part, Subject, back_button
from livegold.reporting.pbir import stable_name
from livegold.reporting.specification import Block, Page


@dataclass(frozen=True)
class Placed:
    """A visual of a page and its name, which does not depend on where its block is placed."""

    name: str
    part: Part


def place(subject: Subject, page: Page) -> tuple[Layout, list[Placed]]:
    """The page's visuals in reading order; names are unique.

    A drill-through page always has a back button, even if none of its blocks provides one.
    """
    bare = page.kind == "drillthrough" and not any(b.leads_back for b in page.blocks)
    layout = lay_out(page, above=BACK_HEIGHT if bare else 0)

    def placed(key: str, part: Part) -> Placed:
        return Placed(stable_name(subject.case.name, "visual", page.name, key), part)

    made = [placed("back", back_button(MARGIN, MARGIN))] if bare else []
    seen: Counter[str] = Counter()
    for one in layout.blocks:
        identity = _identity(one.block)
        key = f"{identity} {seen[identity]}"
        seen[identity] += 1
        for part in one.block.parts(subject, page, one.box):
            made.append(placed(f"{key} {part.name}" if part.name else key, part))
    return layout, made


def _identity(block: Block) -> str:
    """What distinguishes a block from others of its kind, whatever its position and width."""
    shown = {k: _plain(v) for k, v in vars(block).items() if k not in ("width", "tooltip")}
    return f"{type(block).__name__} {json.dumps(shown, sort_keys=True)}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
