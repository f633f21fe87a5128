"""Shared by blocks that filter the page: `slicer` with one field, under the title of its card."""

from __future__ import annotations

from collections.abc import Mapping

from livegold.reporting.blocks.container import of_data, on_card
from livegold.reporting.drawing import Known, SlicerDrawing
from livegold.reporting.pbir import Field, Json, Visual, entry, projection
from livegold.reporting.schema import BUCKET, PULSE


def slicer(field: Json, title: str, objects: Json, alt: str, order: Json | None = None) -> Json:
    """A slicer without its own header: the title of the card says what it is."""
    values = {"Values": [{**projection(field, title), "active": True}]}
    return of_data("slicer", values, {**objects, "header": [entry(show=False)]}, on_card(title, alt), order)


def _problem(visual: Visual, known: Mapping[Field, Known]) -> str:
    (first, *more) = visual.projections
    if more:
        return f"{visual.kind} of several fields, {more[0].field}"
    if known[first.field].kind != "label" and first.field != Field(PULSE, BUCKET):
        return f"{visual.kind} of {first.field}"
    return ""


SLICER = SlicerDrawing(types=("slicer",), roles=("Values",), problem=_problem)
