"""A tile: one large measure with its state and what it is compared with.

`cardVisual`: Data is the measure; `referenceLabel` entries (selector id `field-...`, in `order`) have the state's text,
with the measure of the state's colour as `referenceLabelValue.valueFontColor`; then `against`, with its name in
`referenceLabelTitle.titleText`. `accentBar.color` is the state's colour, or the accent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting import palette
from livegold.reporting.blocks.cards import bare, reference_labels
from livegold.reporting.blocks.container import of_data, on_card
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.subject import Subject
from livegold.reporting.drawing import CARD
from livegold.reporting.pbir import DEFAULT, EVERY_VALUE, Box, Json, colour, colour_by, entry, projection
from livegold.reporting.specification import Block, Page, ReportChecks


@dataclass(frozen=True)
class Tile(Block):
    """One large measure, with its state if the use case has a `State` for it, and compared with `against` if given."""

    measure: str
    against: str = ""

    drawings = (CARD,)

    @property
    def least_height(self) -> int:
        return 96

    def check(self, report: ReportChecks, place: str) -> None:
        report.all_of((self.measure, *((self.against,) if self.against else ())), report.numbers, place)

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        main = subject.measure(self.measure)
        title = self.title or self.measure
        standing = subject.standings.get(self.measure)
        alt = [f"Number: {subject.described(self.measure, title)}"]
        labels: list[tuple[str, Json, Json | None]] = []
        bars = [entry(DEFAULT, show=True, position="Left", width=5.0, color=colour(palette.ACCENT))]
        if standing:
            by_state = colour_by(standing.colour)
            # Before the plain one, which remains where this has no effect.
            bars.insert(0, entry(EVERY_VALUE, color=by_state))
            labels.append(("", standing.text, by_state))
            alt.append(f"its state: {standing.description}")
        if self.against:
            labels.append((self.against, subject.measure(self.against), None))
            alt.append(f"beside it {self.against}")
        objects: Json = {
            "accentBar": bars,
            **bare(),
            "value": [entry(DEFAULT, fontSize=_points(box), labelDisplayUnits=1.0, horizontalAlignment="left")],
            "label": [entry(DEFAULT, show=False)],
            **(reference_labels(main, labels) if labels else {}),
        }
        around = on_card(title, "; ".join(alt))
        visual = of_data("cardVisual", {"Data": [projection(main, title)]}, objects, around)
        return [Part(visual=visual, box=box, phone=Phone(144, rank=20))]


def _points(box: Box) -> float:
    """Font size in points that fits a tile's number."""
    if box.width >= 280 and box.height >= 120:
        return 36.0 if box.height >= 136 else 30.0
    return 24.0 if box.width >= 180 and box.height >= 96 else 18.0
