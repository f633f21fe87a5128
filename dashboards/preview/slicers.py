"""Slicers as widgets: a list of a dimension's values, a time range, a cut-off slider. All work with the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from livegold.dashboards.preview.context import BUCKET_FIELD, Chosen, seconds, time_of
from livegold.dashboards.preview.engine import Engine
from livegold.reporting.drawing import Filters, font
from livegold.reporting.pbir import Visual
from livegold.reporting.schema import CUT_OFF
from livegold.reporting.semantic import parameter_of

Choose = Callable[[str, Filters], None]


def make_slicer(visual: Visual, engine: Engine, chosen: Chosen, choose: Choose) -> Any:
    """The widget for a slicer that can be drawn, created in the current element; it has a `refresh` method."""
    field = visual.projections[0].field
    if field == BUCKET_FIELD:
        return TimeSlicer(visual, engine, chosen, choose)
    name = engine.vocabulary.dimension(field)
    kind = CutOffSlicer if name == CUT_OFF else ListSlicer
    return kind(visual, engine, chosen, choose)


class ListSlicer:
    """Any number of values of a dimension; selecting none means all."""

    def __init__(self, visual: Visual, engine: Engine, chosen: Chosen, choose: Choose) -> None:
        self._visual, self._engine, self._choose = visual, engine, choose
        self._name = engine.vocabulary.dimension(visual.projections[0].field)
        before = dict(chosen.by_slicer.get(visual.name, Filters()).values).get(self._name, ())
        self._options = self._labels()
        self._select = ui.select(
            {k: v for k, v in self._options.items()},
            multiple=True,
            value=[k for k in before if k in self._options],
            on_change=lambda e: self._changed(list(e.value or ())),
        )
        self._select.props('dense borderless options-dense clearable popup-content-class="lg-popup"')
        said = visual.alt or str(visual.title)
        self._select.props["aria-label"] = said
        self._select.style(font(visual, "items", names=("textSize", "fontFamily", "fontColor")))
        self._shown(self._select.value)

    def refresh(self) -> None:
        labels = self._labels()
        if labels != self._options:
            self._options = labels
            self._select.set_options(dict(labels), value=[k for k in self._select.value if k in labels])

    def _labels(self) -> dict[str, str]:
        return {v.key: v.label for v in self._engine.labels(self._name)}

    def _changed(self, keys: list[str]) -> None:
        self._shown(keys)
        self._choose(self._visual.name, Filters().among(self._name, tuple(keys)) if keys else Filters())

    def _shown(self, keys: list[str]) -> None:
        labels = [self._options.get(k, k) for k in keys]
        self._select.props["display-value"] = "All" if not labels else ", ".join(labels)
        self._select.update()


class TimeSlicer:
    """From one bucket to another. An end that was not moved stays open, so that new rows are shown."""

    def __init__(self, visual: Visual, engine: Engine, chosen: Chosen, choose: Choose) -> None:
        self._visual, self._engine, self._choose = visual, engine, choose
        self._length = engine.case.bucket_seconds
        before = chosen.by_slicer.get(visual.name, Filters())
        self._first = None if before.first is None else seconds(before.first)
        self._last = None if before.last is None else seconds(before.last)
        self._low = self._high = 0
        self._text = ui.label("").classes("lg-chosen")
        self._text.style(font(visual, "date", names=("textSize", "fontFamily", "fontColor")))
        self._range = ui.range(
            min=0, max=1, step=1, value={"min": 0, "max": 1}, on_change=lambda e: self._moved(e.value)
        )
        self._range.props["aria-label"] = visual.alt or str(visual.title)
        self._setting = False
        self.refresh()

    def refresh(self) -> None:
        span = self._engine.span()
        if span is None:
            self._text.set_text("no rows yet")
            return
        low, high = (seconds(t) for t in span)
        if (low, high) != (self._low, self._high):
            self._low, self._high = low, high
            self._setting = True
            self._range.props["min"], self._range.props["max"] = low, max(high, low + self._length)
            self._range.props["step"] = self._length
            self._range.value = {
                "min": low if self._first is None else max(low, self._first),
                "max": max(high, low + self._length) if self._last is None else self._last,
            }
            self._range.update()
            self._setting = False
        self._say()

    def _moved(self, value: dict[str, int]) -> None:
        if self._setting:
            return
        self._first = None if value["min"] <= self._low else int(value["min"])
        self._last = None if value["max"] >= self._high else int(value["max"])
        self._say()
        first = None if self._first is None else time_of(self._first)
        last = None if self._last is None else time_of(self._last)
        self._choose(self._visual.name, Filters(first=first, last=last))

    def _say(self) -> None:
        begin = time_of(self._low if self._first is None else self._first)
        end = "now" if self._last is None else f"{time_of(self._last):%H:%M:%S}"
        text = f"{begin:%H:%M:%S} – {end}"
        if self._text.text != text:
            self._text.set_text(text)


class CutOffSlicer:
    """One of the cut-offs."""

    def __init__(self, visual: Visual, engine: Engine, chosen: Chosen, choose: Choose) -> None:
        self._visual, self._engine, self._choose = visual, engine, choose
        before = chosen.by_slicer.get(visual.name, Filters()).cut_off
        start = parameter_of(engine.case, CUT_OFF).start if before is None else before
        self._text = ui.label(f"{start}%").classes("lg-big")
        self._slider = ui.slider(min=0, max=100, step=10, value=start, on_change=lambda e: self._moved(int(e.value)))
        self._slider.props("markers snap")
        self._slider.props["aria-label"] = visual.alt or str(visual.title)
        with ui.element("div").classes("lg-ends"):
            ui.label("0%")
            ui.label("100%")

    def refresh(self) -> None:
        orders = [v.order for v in self._engine.labels(CUT_OFF) if v.order is not None]
        if len(orders) > 1:
            limits = (orders[0], orders[-1], orders[1] - orders[0])
            if (self._slider.props["min"], self._slider.props["max"], self._slider.props["step"]) != limits:
                self._slider.props["min"], self._slider.props["max"], self._slider.props["step"] = limits
                self._slider.update()

    def _moved(self, value: int) -> None:
        self._text.set_text(f"{value}%")
        self._choose(self._visual.name, Filters(cut_off=value))
