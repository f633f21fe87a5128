"""A list of a dimension's values to select from. `slicer` over the label, `data.mode` Dropdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.slicers import SLICER, slicer
from livegold.reporting.blocks.subject import Subject
from livegold.reporting.pbir import Box, entry, sort
from livegold.reporting.specification import Block, Page, ReportChecks


@dataclass(frozen=True)
class Slicer(Block):
    """A list of a dimension's values to filter the page by."""

    dimension: str

    drawings = (SLICER,)

    @property
    def least_height(self) -> int:
        return 72

    def check(self, report: ReportChecks, place: str) -> None:
        report.one_of(self.dimension, report.dimensions, f"{place} dimension")

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        title = self.title or subject.dimension(self.dimension)
        field = subject.label(self.dimension)
        alt = f"Choose {title.lower()}: filters the page"
        visual = slicer(field, title, {"data": [entry(mode="Dropdown")]}, alt, sort(field, "Ascending"))
        return [Part(visual=visual, box=box, phone=Phone(76, rank=100), selects=self.dimension)]
