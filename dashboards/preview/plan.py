"""Plans how a visual is shown: its question and its drawing, or why it cannot be drawn. Does not build the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livegold.dashboards.preview.context import filters_of
from livegold.dashboards.preview.questions import UnknownField, Vocabulary
from livegold.dashboards.preview.tables import Label
from livegold.reporting.blocks import BLOCKS
from livegold.reporting.drawing import (
    Answer,
    ChartDrawing,
    Drawing,
    Filters,
    HtmlDrawing,
    Options,
    Question,
    SlicerDrawing,
    StillDrawing,
)
from livegold.reporting.pbir import Choice, Field, Visual, value_of
from livegold.reporting.semantic import pages_of
from livegold.reporting.specification import UseCase


@dataclass(frozen=True)
class Plan:
    """One visual. `problem` says why it cannot be drawn; `dimensions` are those its rows can be drilled through by."""

    visual: Visual
    drawing: Drawing | None = None
    question: Question | None = None
    problem: str = ""
    dimensions: tuple[str, ...] = ()

    @property
    def is_chart(self) -> bool:
        return isinstance(self.drawing, ChartDrawing) and not self.problem

    @property
    def turn(self) -> int:
        """Its turn to be filled among the visuals of its page."""
        return self.drawing.turn if isinstance(self.drawing, HtmlDrawing | ChartDrawing) else 1

    def options(self, answer: Answer) -> Options:
        """The options of its chart."""
        assert isinstance(self.drawing, ChartDrawing)
        return self.drawing.draw(self.visual, answer)

    def html(self, answer: Answer) -> str:
        """The HTML of a visual that is not a chart."""
        assert isinstance(self.drawing, HtmlDrawing)
        return self.drawing.draw(self.visual, answer)


def drawings_of(case: UseCase) -> dict[str, Drawing]:
    """The drawings of livegold's own blocks and of the use case's blocks, by type of visual."""
    own = dict.fromkeys(type(block) for page in pages_of(case) for block in page.blocks)
    return {kind: drawing for block in (*BLOCKS, *own) for drawing in block.drawings for kind in drawing.types}


def plan_of(visual: Visual, vocabulary: Vocabulary) -> Plan:
    """The plan of one visual; never raises an error."""
    drawing = drawings_of(vocabulary.case).get(visual.kind)
    if drawing is None:
        return Plan(visual, problem=visual.kind)
    if isinstance(drawing, StillDrawing):
        return Plan(visual, drawing)
    if visual.odd:
        return Plan(visual, drawing, problem=f"{visual.kind} with {visual.odd}")
    problem = _problem(visual, drawing, vocabulary)
    if problem or isinstance(drawing, SlicerDrawing):
        return Plan(visual, drawing, problem=problem)
    fields = tuple(dict.fromkeys(p.field for p in visual.projections))
    above = tuple((c.field, c.above) for c in visual.filters if c.above is not None)
    others = tuple(dict.fromkeys((*_beside(visual), *(f for f, _ in above if f not in fields))))
    question = Question(fields, visual.order, beside=others, above=above)
    known = [vocabulary.known(f) for f in fields]
    return Plan(visual, drawing, question, dimensions=tuple(k.name for k in known if k.kind == "label"))


def conditions_of(
    visual: Visual, page: Filters, vocabulary: Vocabulary, labels: Callable[[str], tuple[Label, ...]]
) -> Filters:
    """The filters the files give a visual: its own and its page's."""
    return page.merged(filters_of(visual.filters, vocabulary, labels))


def _problem(visual: Visual, drawing: Drawing, vocabulary: Vocabulary) -> str:
    try:
        known = {p.field: vocabulary.known(p.field) for p in visual.projections}
        for field in (*_beside(visual), *(c.field for c in visual.filters if c.above is not None)):
            vocabulary.known(field)
        filters_of(visual.filters, vocabulary, lambda _: ())
    except UnknownField as error:
        return f"{visual.kind} with {error}"
    strange = [p.role for p in visual.projections if p.role not in (*drawing.roles, *drawing.optional)]
    if strange:
        return f"{visual.kind} with role {strange[0]}"
    missing = [r for r in drawing.roles if not visual.of(r)]
    if missing:
        return f"{visual.kind} without {missing[0]}"
    return drawing.problem(visual, known)


def _beside(visual: Visual) -> tuple[Field, ...]:
    """The measures used by formatting: colours, reference labels, titles."""
    found: dict[Field, None] = {}

    def walk(node: Any) -> None:
        if isinstance(node, Mapping):
            if "expr" in node or "solid" in node:
                value = value_of(node)
                if isinstance(value, Field):
                    found[value] = None
                elif isinstance(value, Choice):
                    found[value.field] = None
            for inside in node.values():
                walk(inside)
        elif isinstance(node, list | tuple):
            for inside in node:
                walk(inside)

    walk(visual.objects)
    walk(visual.container)
    own = {p.field for p in visual.projections}
    return tuple(f for f in found if f.is_measure and f not in own)
