"""`slicer`: what filters the page, and the slider of the cut-off."""

from __future__ import annotations

from livegold.dashboards import theme
from livegold.dashboards.pbir import Json, colour, column, entry, equals, projection, sort
from livegold.dashboards.visuals.container import of_data, on_card
from livegold.dashboards.visuals.subject import Subject
from livegold.reporting.schema import CUT_OFF, PULSE
from livegold.reporting.semantic import parameter_of
from livegold.reporting.specification import CutOffSlider, Slicer, TimeRange


def of_dimension(subject: Subject, block: Slicer) -> Json:
    title = block.title or subject.dimension(block.dimension)
    field = subject.label(block.dimension)
    objects = {"data": [entry(mode="Dropdown")]}
    return _slicer(field, title, objects, f"Choose {title.lower()}: filters the page", sort(field, "Ascending"))


def of_time(block: TimeRange) -> Json:
    title = block.title or "Time (UTC)"
    objects = {"data": [entry(mode="Between")]}
    return _slicer(column(PULSE, "bucket"), title, objects, "From when to when the page looks")


def of_cut_off(subject: Subject, block: CutOffSlider) -> Json:
    parameter = parameter_of(subject.case, CUT_OFF)
    objects = {
        "data": [entry(mode="Single", numericStart=float(parameter.start))],
        "general": [entry(filter=equals(parameter.table, "order", parameter.start))],
        "slider": [entry(show=True, color=colour(theme.ACCENT))],
    }
    said = subject.case.model.task.blocks[CutOffSlider]
    return _slicer(column(parameter.table, "order"), block.title or "Cut-off", objects, said)


def _slicer(field: Json, title: str, objects: Json, said: str, order: Json | None = None) -> Json:
    """Its own header is off: the title of the card says what it is."""
    values = {"Values": [{**projection(field, title), "active": True}]}
    return of_data("slicer", values, {**objects, "header": [entry(show=False)]}, on_card(title, said), order)
