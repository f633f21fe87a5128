"""A ranking: a row per dimension value.

`tableEx`: label, then the measures, each followed by the text of its state if it has one, coloured by
`values.fontColor` with the column's `selector.metadata`; sorted by the first measure with a state, worst first, or else
by the first measure, largest first. Values of the dimension that never occurred are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livegold.reporting.blocks.container import of_data, on_card
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.subject import Subject, listed
from livegold.reporting.drawing import TABLE
from livegold.reporting.pbir import Box, colour_by, entry, in_table, projection, sort
from livegold.reporting.specification import Block, Page, ReportChecks


@dataclass(frozen=True)
class Ranking(Block):
    """A table with a row per dimension value, with the state of the measures that have one."""

    dimension: str
    measures: tuple[str, ...]
    tooltip: str = ""

    drawings = (TABLE,)

    def check(self, report: ReportChecks, place: str) -> None:
        report.one_of(self.dimension, report.dimensions, f"{place} dimension")
        report.all_of(self.measures, report.numbers, place)
        report.tooltip(self.tooltip, place)

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        """With states, the worst comes first, so that it is visible without scrolling; without, the largest."""
        shown = subject.dimension(self.dimension)
        projections = [projection(subject.label(self.dimension), shown)]
        stated = [m for m in self.measures if m in subject.standings]
        colours = []
        for name in self.measures:
            projections.append(projection(subject.measure(name)))
            if name in stated:
                standing = subject.standings[name]
                projections.append(projection(standing.text, "State" if len(stated) == 1 else ""))
                colours.append(entry(in_table(standing.text), fontColor=colour_by(standing.colour)))
        title = self.title or (f"{shown}, the worst first" if stated else f"{shown} by {self.measures[0]}")
        alt = f"Table of {listed(self.measures)} for each {shown.lower()}"
        first, direction = self.measures[0], "Descending"
        if stated:
            state = subject.standings[stated[0]].state
            first, direction = state.measure, "Ascending" if state.good > state.bad else "Descending"
            alt += f", with the state of {listed(stated)}, the worst first"
        visual = of_data(
            "tableEx",
            {"Values": projections},
            {"total": [entry(totals=False)], **({"values": colours} if colours else {})},
            {**on_card(title, alt), **subject.tooltip(self.tooltip)},
            sort(subject.measure(first), direction),
        )
        return [Part(visual=visual, box=box, phone=Phone(240, rank=30), above_zero=subject.met(self.measures))]
