"""Exceptions: individual predictions worth seeing. `tableEx` of columns of Spotlight, sorted by severity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting.blocks.container import of_data, on_card
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.subject import Subject, listed, words
from livegold.reporting.drawing import TABLE
from livegold.reporting.pbir import Box, column, entry, projection, sort
from livegold.reporting.schema import SPOTLIGHT, WRITTEN
from livegold.reporting.specification import Block, Page, ReportChecks

SEVERITY = "severity"


@dataclass(frozen=True)
class Exceptions(Block):
    """Individual predictions from Spotlight, most severe first. `columns` are columns of Spotlight or dimensions."""

    columns: tuple[str, ...]

    drawings = (TABLE,)

    def check(self, report: ReportChecks, place: str) -> None:
        # Gold's bookkeeping columns are not in any model.
        own = {name for name, *_ in WRITTEN}
        valid = [c.name for c in report.case.spotlight_columns if c.name not in own]
        report.all_of(self.columns, valid, f"{place} column")

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        """Severity is always shown, because a table can only be sorted by a column it shows."""
        dimensions = {d.name for d in subject.case.all_dimensions}
        names = list(dict.fromkeys((*self.columns, SEVERITY)))
        projections = [
            projection(subject.label(n), subject.dimension(n))
            if n in dimensions
            else projection(column(SPOTLIGHT, n), words(n))
            for n in names
        ]
        title = self.title or "Single predictions, the most severe first"
        alt = f"Table of single predictions, the most severe first: {listed([words(n).lower() for n in names])}"
        visual = of_data(
            "tableEx",
            {"Values": projections},
            {"total": [entry(totals=False)]},
            on_card(title, alt),
            sort(column(SPOTLIGHT, SEVERITY), "Descending"),
        )
        return [Part(visual=visual, box=box, phone=Phone(260, rank=90))]
