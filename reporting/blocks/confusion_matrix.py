"""The confusion matrix of a binary model. `cardVisual`, four measures in two rows of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting.blocks.cards import bare
from livegold.reporting.blocks.container import of_data, on_card
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.subject import Subject
from livegold.reporting.drawing import CARD
from livegold.reporting.palette import STATE_COLOURS
from livegold.reporting.pbir import DEFAULT, Box, colour, entry, projection, query_ref
from livegold.reporting.specification import Block, Page, ReportChecks


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix(Block):
    """Four measures that count predicted against actual outcomes, as given by a binary task's `confusion_matrix`."""

    measures: tuple[str, str, str, str]

    drawings = (CARD,)

    @property
    def least_height(self) -> int:
        return 152

    def check(self, report: ReportChecks, place: str) -> None:
        report.of_task(self, place)
        report.all_of(self.measures, report.numbers, place)

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        fields = [subject.measure(m) for m in self.measures]
        title = self.title or "Predicted and actual"
        alt = subject.case.task.blocks[ConfusionMatrix]
        right, wrong = STATE_COLOURS[0], STATE_COLOURS[2]
        size = 22.0 if box.width >= 280 and box.height >= 200 else 16.0
        # Layout of the callouts: the arrangement has no selector, the padding around them has the default one.
        grid = entry(orientation=0.0, style="Cards", rowCount=2, columnCount=2, maxTiles=4, cellPadding=4)
        objects = {
            **bare(),
            "layout": [grid, entry(DEFAULT, paddingUniform=0)],
            "value": [
                entry(DEFAULT, fontSize=size, labelDisplayUnits=1.0),
                *(
                    entry({"metadata": query_ref(f)}, fontColor=colour(c))
                    for f, c in zip(fields, (right, wrong, wrong, right), strict=True)
                ),
            ],
            "label": [entry(DEFAULT, show=True, position="belowValue", fontSize=9.0, textWrap=True)],
        }
        visual = of_data("cardVisual", {"Data": [projection(f) for f in fields]}, objects, on_card(title, alt))
        return [Part(visual=visual, box=box, phone=Phone(200, rank=60))]
