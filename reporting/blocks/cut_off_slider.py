"""The cut-off slider. `slicer` over `Cut Off`.`order`, `data.mode` Single; `general.filter` is its initial value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting import palette
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.slicers import SLICER, slicer
from livegold.reporting.blocks.subject import Subject
from livegold.reporting.pbir import Box, colour, column, entry, equals
from livegold.reporting.schema import CUT_OFF
from livegold.reporting.specification import Block, Page, ReportChecks


@dataclass(frozen=True, kw_only=True)
class CutOffSlider(Block):
    """A slider for the cut-off, on which the `cut_offs` measures of a binary task depend."""

    drawings = (SLICER,)

    @property
    def least_height(self) -> int:
        return 88

    def check(self, report: ReportChecks, place: str) -> None:
        report.of_task(self, place)

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        table, start = subject.tables[CUT_OFF], subject.starts[CUT_OFF]
        objects = {
            "data": [entry(mode="Single", numericStart=float(start))],
            "general": [entry(filter=equals(table, "order", start))],
            "slider": [entry(show=True, color=colour(palette.ACCENT))],
        }
        alt = subject.case.task.blocks[CutOffSlider]
        visual = slicer(column(table, "order"), self.title or "Cut-off", objects, alt)
        return [Part(visual=visual, box=box, phone=Phone(96, rank=70), selects=CUT_OFF)]
