"""A gauge, as somebody would add it beside a use case: a new type of visual, in one file that is not livegold's.

Power BI's `gauge` has a number in the role Y and what it should be in TargetValue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livegold.reporting.blocks import Part, Phone, Subject, of_data, on_card
from livegold.reporting.drawing import Answer, HtmlDrawing, Known, Values
from livegold.reporting.pbir import Box, Field, Visual, projection
from livegold.reporting.specification import Block, Page, ReportChecks


def _draw(visual: Visual, answer: Answer) -> str:
    """A bar from 0 to 100% with a mark where the target is."""
    values = Values(answer, answer.rows[0] if answer.rows else None)
    (shown,), targets = visual.of("Y"), visual.of("TargetValue")
    share = min(max(float(values[shown.field] or 0), 0), 1)
    marks = "".join(f'<i class="gauge-target" style="left:{float(values[t.field] or 0):.1%}"></i>' for t in targets)
    bar = f'<div class="gauge-bar" style="width:{share:.1%};background:#0B5FD0;height:20px"></div>'
    return f'<div class="gauge">{bar}{marks}<b>{values.text(shown.field)}</b></div>'


def _problem(visual: Visual, known: Mapping[Field, Known]) -> str:
    wrong = [k.field for k in known.values() if k.kind != "measure"]
    return f"{visual.kind} of {wrong[0]}" if wrong else ""


@dataclass(frozen=True)
class Gauge(Block):
    """A share and what it should be. A choice of `whatever` dimension does not narrow it."""

    measure: str
    target: str = ""
    whatever: str = ""

    drawings = (
        HtmlDrawing(types=("gauge",), roles=("Y",), optional=("TargetValue",), problem=_problem, draw=_draw, height=90),
    )

    @property
    def least_height(self) -> int:
        return 180

    def check(self, report: ReportChecks, place: str) -> None:
        report.all_of((self.measure, *((self.target,) if self.target else ())), report.numbers, place)
        if self.whatever:
            report.one_of(self.whatever, report.dimensions, f"{place} dimension")

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        title = self.title or self.measure
        fields = {"Y": [projection(subject.measure(self.measure))]}
        if self.target:
            fields["TargetValue"] = [projection(subject.measure(self.target))]
        around = on_card(title, f"Gauge: {subject.described(self.measure, title)}")
        visual = of_data("gauge", fields, {}, around)
        return [Part(visual=visual, box=box, phone=Phone(132, rank=25), ignores=self.whatever)]
