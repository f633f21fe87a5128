"""A slicer for the page's time range. `slicer` over `Pulse`.`bucket`, `data.mode` Between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.slicers import SLICER, slicer
from livegold.reporting.blocks.subject import Subject
from livegold.reporting.pbir import Box, column, entry
from livegold.reporting.schema import BUCKET, PULSE
from livegold.reporting.specification import Block, Page


@dataclass(frozen=True, kw_only=True)
class TimeRange(Block):
    """Selects the time range of the page; all-time measures are not affected."""

    drawings = (SLICER,)

    @property
    def least_height(self) -> int:
        return 72

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        title, alt = self.title or "Time (UTC)", "From when to when the page looks"
        visual = slicer(column(PULSE, BUCKET), title, {"data": [entry(mode="Between")]}, alt)
        return [Part(visual=visual, box=box, phone=Phone(96, rank=110), selects=BUCKET)]
