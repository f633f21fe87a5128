"""The visuals of one page of the template in one browser tab, placed as in its files. Does not decide when to draw."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from nicegui import ui

from livegold.dashboards.preview.context import Chosen, filters_of
from livegold.dashboards.preview.engine import Engine
from livegold.dashboards.preview.frame import frame, names_of, shown_rows, title
from livegold.dashboards.preview.plan import Plan, conditions_of, plan_of
from livegold.dashboards.preview.questions import UnknownField
from livegold.dashboards.preview.slicers import Choose, make_slicer
from livegold.dashboards.preview.template import Page, Template
from livegold.reporting.drawing import (
    Answer,
    ChartDrawing,
    Filters,
    HtmlDrawing,
    PageTab,
    SlicerDrawing,
    StillDrawing,
    Values,
    point_key,
    point_of,
)


class Board:
    """The visuals of one page in one tab, inside the element it was made in.

    `choose` is called with a slicer's name and its selection.
    """

    def __init__(self, engine: Engine, template: Template, page: Page, chosen: Chosen, choose: Choose) -> None:
        self._engine, self._template, self._choose = engine, template, choose
        self.page = page
        self.chosen = chosen
        self.plans = {v.name: plan_of(v, engine.vocabulary) for v in page.visuals if not v.hidden}
        self._drawn: dict[str, Answer | str] = {}
        self._holders: dict[str, Any] = {}
        self._titles: dict[str, Any] = {}
        self._slicers: list[Any] = []
        self.answers: dict[str, Answer] = {}
        for plan in self.plans.values():
            self._place(plan)

    def questions(self) -> list[tuple[str, Any, Filters]]:
        """Name, question and filters of every visual that has a question."""
        engine = self._engine
        page = filters_of(self.page.filters, engine.vocabulary, engine.labels)
        made = []
        for name, plan in self.plans.items():
            if plan.question is not None:
                own = conditions_of(plan.visual, page, engine.vocabulary, engine.labels)
                made.append((name, plan.question, self.chosen.for_visual(plan.visual, own)))
        return made

    def show(self, name: str, answer: Answer | UnknownField) -> None:
        """Draws an answer if it differs from the one shown."""
        plan, holder = self.plans[name], self._holders[name]
        if isinstance(answer, UnknownField):
            if self._drawn.get(name) != str(answer):
                self._drawn[name] = str(answer)
                holder.set_content(_cannot(f"{plan.visual.kind} with {answer}")) if not plan.is_chart else None
            return
        before = self._drawn.get(name)
        if before is answer or (isinstance(before, Answer) and before == answer):
            self.answers[name] = answer
            return
        self._drawn[name] = self.answers[name] = answer
        if plan.is_chart:
            holder.options.clear()
            holder.options.update(plan.options(answer))
            holder.update()
        else:
            # Not through the element's content, which would lose focus, hover and selection in it each time.
            rows = shown_rows(answer, names_of(plan.visual.projections, answer.fields))
            parts = ", ".join(json.dumps(part) for part in (name, plan.html(answer), rows))
            ui.run_javascript(f"livegold.fill({parts})")
        head = title(plan.visual, Values(answer, answer.rows[0] if answer.rows else None))
        if name in self._titles and self._titles[name].content != head:
            self._titles[name].set_content(head)

    def refresh_slicers(self) -> None:
        for slicer in self._slicers:
            slicer.refresh()

    def point(self, name: str, key: Any) -> Filters | None:
        """The filters that a row or point of a visual stands for."""
        plan, answer = self.plans.get(name), self.answers.get(name)
        if plan is None or answer is None:
            return None
        if isinstance(plan.drawing, ChartDrawing):
            return point_of(answer, plan.visual.of(plan.drawing.points)[0].field, key)
        return next((p for p in answer.points if point_key(p) == key), None)

    def targets(self, plan: Plan) -> list[tuple[Page, str]]:
        """Pages that a visual's rows can be drilled through to, each with the dimension that is kept."""
        found = []
        for page in self._template.pages:
            if page.kind == "drillthrough" and page.bound:
                name = self._engine.vocabulary.dimension(page.bound[0])
                if name in plan.dimensions:
                    found.append((page, name))
        return found

    def _place(self, plan: Plan) -> None:
        visual = plan.visual
        box, phone = visual.box, visual.phone
        style = f"--x:{box.x:g};--y:{box.y:g};--w:{box.width:g};--h:{box.height:g};z-index:{visual.z:g};"
        if phone:
            style += f"--mx:{phone.x:g};--my:{phone.y:g};--mw:{phone.width:g};--mh:{phone.height:g};"
        if plan.drawing and plan.drawing.height:
            style += f"--ch:{plan.drawing.height}px;"
        section = ui.element("section").classes(f"lg-visual lg-{visual.kind}").style(style + frame(visual))
        if not phone:
            section.classes("lg-nophone")
        section.props["data-visual"] = visual.name
        section.props["data-kind"] = visual.kind
        section.props["aria-label"] = visual.alt or (visual.title if isinstance(visual.title, str) else "")
        section.props["role"] = "group"
        if plan.question is not None:
            section.props["tabindex"] = "0"
            tooltip = str(visual.look("visualTooltip", "section", "") or "")
            if visual.look("visualTooltip", "type") == "Canvas" and tooltip in self._template.by_name:
                section.props["data-tooltip"] = tooltip
            if self.targets(plan):
                section.props["data-drill"] = "1"
        with section:
            if plan.problem:
                ui.html(_cannot(plan.problem), sanitize=False).classes("lg-fill")
                return
            head = title(visual)
            if visual.look("title", "show", False):
                self._titles[visual.name] = ui.html(head, sanitize=False).classes("lg-head")
            self._fill(plan)

    def _fill(self, plan: Plan) -> None:
        visual, drawing = plan.visual, plan.drawing
        scrolls = isinstance(drawing, HtmlDrawing) and drawing.scrolls
        with ui.element("div").classes("lg-fill lg-scroll" if scrolls else "lg-fill"):
            if isinstance(drawing, ChartDrawing):
                known = self._engine.vocabulary.known
                nothing = Answer(tuple(known(f) for f in plan.question.fields) if plan.question else (), ())
                self._holders[visual.name] = ui.echart(plan.options(nothing), renderer="svg")
            elif isinstance(drawing, SlicerDrawing):
                self._slicers.append(make_slicer(visual, self._engine, self.chosen, self._choose))
            elif isinstance(drawing, StillDrawing):
                tabs = [PageTab(p.name, p.shown, p.name == self.page.name) for p in self._template.tabs]
                ui.html(drawing.draw(visual, tabs), sanitize=False).classes("lg-body")
            else:
                body = ui.html("", sanitize=False).classes(f"lg-body lg-filled lg-{visual.kind}")
                self._holders[visual.name] = body


def _cannot(what: str) -> str:
    return f'<div class="lg-cannot">cannot be drawn here: {escape(what)}</div>'
