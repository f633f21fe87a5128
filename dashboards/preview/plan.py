"""How a visual of the files is shown: what it asks and which drawing it gets, or why it cannot be drawn. No page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livegold.dashboards.preview.context import BUCKET_FIELD, filters_of
from livegold.dashboards.preview.drawing.cards import card
from livegold.dashboards.preview.drawing.charts import BARS, COLUMNS, LINES, chart
from livegold.dashboards.preview.drawing.grids import table
from livegold.dashboards.preview.drawing.style import beside
from livegold.dashboards.preview.pbir import Visual
from livegold.dashboards.preview.questions import Answer, Filters, Question, UnknownField, Vocabulary
from livegold.dashboards.preview.tables import Label

CHARTS = (*LINES, *COLUMNS, *BARS)
STILL = ("textbox", "actionButton", "pageNavigator", "shape", "basicShape")
# The roles of a type that are drawn; a field in another role would be left out without a word.
_ROLES: Mapping[str, tuple[str, ...]] = {
    "cardVisual": ("Data",),
    "tableEx": ("Values",),
    "slicer": ("Values",),
    **dict.fromkeys(CHARTS, ("Category", "Y")),
}
HTML: Mapping[str, Callable[[Visual, Answer], str]] = {"cardVisual": card, "tableEx": table}


@dataclass(frozen=True)
class Plan:
    """One visual. `problem` says why it cannot be drawn; `drills` are the dimensions its rows can be drilled by."""

    visual: Visual
    question: Question | None = None
    problem: str = ""
    dimensions: tuple[str, ...] = ()

    @property
    def is_chart(self) -> bool:
        return self.visual.kind in CHARTS and not self.problem

    def options(self, answer: Answer) -> dict[str, Any]:
        return chart(self.visual, answer)

    def html(self, answer: Answer) -> str:
        return HTML[self.visual.kind](self.visual, answer)


def plan_of(visual: Visual, vocabulary: Vocabulary) -> Plan:
    """The plan of one visual; never an error."""
    if visual.kind in STILL:
        return Plan(visual)
    if visual.kind not in _ROLES:
        return Plan(visual, problem=visual.kind)
    if visual.odd:
        return Plan(visual, problem=f"{visual.kind} with {visual.odd}")
    problem = _problem(visual, vocabulary)
    if problem:
        return Plan(visual, problem=problem)
    if visual.kind == "slicer":
        return Plan(visual)
    fields = tuple(dict.fromkeys(p.field for p in visual.projections))
    above = tuple((c.field, c.above) for c in visual.filters if c.above is not None)
    others = tuple(dict.fromkeys((*beside(visual), *(f for f, _ in above if f not in fields))))
    question = Question(fields, visual.order, beside=others, above=above)
    known = [vocabulary.known(f) for f in fields]
    return Plan(visual, question, dimensions=tuple(k.name for k in known if k.kind == "label"))


def conditions_of(
    visual: Visual, page: Filters, vocabulary: Vocabulary, labels: Callable[[str], tuple[Label, ...]]
) -> Filters:
    """What the files narrow a visual by: its own filters and its page's."""
    return page.merged(filters_of(visual.filters, vocabulary, labels))


def _problem(visual: Visual, vocabulary: Vocabulary) -> str:
    roles = _ROLES[visual.kind]
    try:
        known = {p.field: vocabulary.known(p.field) for p in visual.projections}
        for field in (*beside(visual), *(c.field for c in visual.filters if c.above is not None)):
            vocabulary.known(field)
        filters_of(visual.filters, vocabulary, lambda _: ())
    except UnknownField as error:
        return f"{visual.kind} with {error}"
    strange = [p.role for p in visual.projections if p.role not in roles]
    if strange:
        return f"{visual.kind} with role {strange[0]}"
    missing = [r for r in roles if not visual.of(r)]
    if missing:
        return f"{visual.kind} without {missing[0]}"
    if visual.kind in CHARTS:
        (category, *more) = visual.of("Category")
        if more:
            return f"{visual.kind} with a second category {more[0].field}"
        if known[category.field].kind not in ("label", "time"):
            return f"{visual.kind} over {category.field}"
        wrong = [p.field for p in visual.of("Y") if known[p.field].kind != "measure"]
        if wrong:
            return f"{visual.kind} of {wrong[0]}"
    if visual.kind == "tableEx":
        kinds = {k.kind for k in known.values()}
        if "spotlight" in kinds and not kinds <= {"spotlight", "label"}:
            other = next(k.field for k in known.values() if k.kind not in ("spotlight", "label"))
            return f"tableEx of Spotlight with {other}"
        if visual.look("total", "totals", True) is not False and "measure" in kinds:
            return "tableEx with a row of totals"
    if visual.kind == "cardVisual":
        wrong = [k.field for k in known.values() if k.kind not in ("measure", "first")]
        if wrong:
            return f"cardVisual of {wrong[0]}"
    if visual.kind == "slicer":
        (projection, *more) = visual.projections
        if more:
            return f"slicer of several fields, {more[0].field}"
        if known[projection.field].kind != "label" and projection.field != BUCKET_FIELD:
            return f"slicer of {projection.field}"
    return ""
