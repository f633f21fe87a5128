"""The slider of the cut-off. `slicer` over `Cut Off`.`order`, `data.mode` Single; `general.filter` is how it starts."""

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
    """Drag the threshold: what follows from it are the use case's `cut_off` measures."""

    drawings = (SLICER,)

    @property
    def least_height(self) -> int:
        return 88

    def check(self, report: ReportChecks, place: str) -> None:
        if CUT_OFF not in report.parameters:
            report.fail(place, "has nothing to move: give the use case cut_offs")

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        table, start = subject.tables[CUT_OFF], subject.starts[CUT_OFF]
        objects = {
            "data": [entry(mode="Single", numericStart=float(start))],
            "general": [entry(filter=equals(table, "order", start))],
            "slider": [entry(show=True, color=colour(palette.ACCENT))],
        }
        alt = f"Cut-off in percent: from this score on the model says {subject.case.model.positive}"
        visual = slicer(column(table, "order"), self.title or "Cut-off", objects, alt)
        return [Part(visual=visual, box=box, phone=Phone(96, rank=70), selects=CUT_OFF)]
