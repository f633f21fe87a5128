"""A visual that a block puts on a page: its PBIR, its place, and how it stands to the other visuals. Makes none."""

from __future__ import annotations

from dataclasses import dataclass

from livegold.reporting.pbir import Box, Json


@dataclass(frozen=True)
class Phone:
    """A visual's place in the one column of the phone layout: `height` and the `gap` below it, in the phone's pixels.

    Lower ranks come first, what there is most to see at a glance in; within a rank the page's order holds. Those that
    come with livegold are tens from 0 (header) over 20 (tiles) to 110 (slicers).
    """

    height: int
    rank: int
    gap: int = 8


@dataclass(frozen=True, kw_only=True)
class Part:
    """One visual.

    `visual` is the `visual` object of its PBIR file; `name` tells it from the others of its block and is part of its
    stable name. Without a `phone` it is left out of the layout for phones. `above_zero` is a measure: groups of the
    visual for which it is 0 or blank are left out. `selects` is what a reader of the page chooses by it (a dimension,
    "bucket", "cut_off"); what `ignores` the same is not narrowed by that choice.
    """

    visual: Json
    box: Box
    phone: Phone | None = None
    name: str = ""
    above_zero: str = ""
    selects: str = ""
    ignores: str = ""
