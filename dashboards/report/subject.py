"""The subject of a use case's visuals, taken from its semantic model. Does not make the visuals."""

from __future__ import annotations

from livegold.reporting.blocks import Standing, Subject
from livegold.reporting.pbir import Json, measure
from livegold.reporting.schema import PULSE
from livegold.reporting.semantic import (
    CompleteBuckets,
    Freshness,
    LastUpdate,
    StateColour,
    StateText,
    model_measures,
    pages_of,
    slicing_tables,
)
from livegold.reporting.specification import State, UseCase


def subject_of(case: UseCase) -> Subject:
    """The subject, with the model's measures for states, complete buckets and freshness."""
    measures = model_measures(case, "push")
    return Subject(
        case=case,
        pages=pages_of(case),
        formats={m.name: m.format for m in measures},
        descriptions={m.name: m.description for m in measures},
        tables=slicing_tables(case),
        starts={p.name: p.start for p in case.task.parameters},
        standings={s.measure: _standing(s) for s in case.states},
        complete=lambda name: _measure(CompleteBuckets(name).name),
        last_update=_measure(LastUpdate().name),
        freshness=_measure(Freshness(0).name),
    )


def _standing(state: State) -> Standing:
    text = StateText(state)
    return Standing(state, _measure(text.name), _measure(StateColour(state).name), text.description)


def _measure(name: str) -> Json:
    return measure(PULSE, name)
