"""A visual that a block puts on a page: its PBIR, its position, and its relation to other visuals. Creates none."""

from __future__ import annotations

from dataclasses import dataclass

from livegold.reporting.pbir import Box, Json


@dataclass(frozen=True)
class Phone:
    """A visual's place in the single column of the phone layout: `height` and the `gap` below it, in phone pixels.

    Lower ranks come first and should say most at a glance; within a rank the page's order applies. livegold's own
    blocks use multiples of ten from 0 (header) through 20 (tiles) to 110 (slicers).
    """

    height: int
    rank: int
    gap: int = 8


@dataclass(frozen=True, kw_only=True)
class Part:
    """One visual.

    `visual` is the `visual` object of its PBIR file; `name` distinguishes it from the others of its block and is part
    of its stable name. Without a `phone` it is left out of the phone layout. `above_zero` is a measure: groups of the
    visual for which it is 0 or blank are left out. `selects` is what a reader selects with it (a dimension, "bucket",
    "cut_off"); a visual that `ignores` the same is not filtered by that selection.
    """

    visual: Json
    box: Box
    phone: Phone | None = None
    name: str = ""
    above_zero: str = ""
    selects: str = ""
    ignores: str = ""
