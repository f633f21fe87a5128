"""`tableEx`: a row for each value of a dimension, or for each single prediction."""

from __future__ import annotations

from livegold.dashboards.pbir import Json, colour_by, column, entry, in_table, measure, projection, sort
from livegold.dashboards.visuals.container import of_data, on_card
from livegold.dashboards.visuals.subject import Subject, listed, words
from livegold.reporting.schema import PULSE, SPOTLIGHT
from livegold.reporting.semantic import StateColour, StateText
from livegold.reporting.specification import Exceptions, Ranking

SEVERITY = "severity"


def ranking(subject: Subject, block: Ranking) -> Json:
    """With states the worst comes first, so that it is seen without scrolling; without, the largest."""
    shown = subject.dimension(block.dimension)
    projections = [projection(subject.label(block.dimension), shown)]
    stated = [m for m in block.measures if m in subject.states]
    colours = []
    for name in block.measures:
        projections.append(projection(measure(PULSE, name)))
        if name in stated:
            text = measure(PULSE, StateText(subject.states[name]).name)
            by_state = colour_by(measure(PULSE, StateColour(subject.states[name]).name))
            projections.append(projection(text, "State" if len(stated) == 1 else ""))
            colours.append(entry(in_table(text), fontColor=by_state))
    title = block.title or (f"{shown}, the worst first" if stated else f"{shown} by {block.measures[0]}")
    said = f"Table of {listed(block.measures)} for each {shown.lower()}"
    first, direction = block.measures[0], "Descending"
    if stated:
        state = subject.states[stated[0]]
        first, direction = state.measure, "Ascending" if state.good > state.bad else "Descending"
        said += f", with the state of {listed(stated)}, the worst first"
    return of_data(
        "tableEx",
        {"Values": projections},
        {"total": [entry(totals=False)], **({"values": colours} if colours else {})},
        {**on_card(title, said), **subject.tooltip(block.tooltip)},
        sort(measure(PULSE, first), direction),
    )


def exceptions(subject: Subject, block: Exceptions) -> Json:
    """The severity is shown always: a table is sorted by what it shows."""
    dimensions = {d.name for d in subject.case.all_dimensions}
    names = list(dict.fromkeys((*block.columns, SEVERITY)))
    projections = [
        projection(subject.label(n), subject.dimension(n))
        if n in dimensions
        else projection(column(SPOTLIGHT, n), words(n))
        for n in names
    ]
    title = block.title or "Single predictions, the most severe first"
    said = f"Table of single predictions, the most severe first: {listed([words(n).lower() for n in names])}"
    return of_data(
        "tableEx",
        {"Values": projections},
        {"total": [entry(totals=False)]},
        on_card(title, said),
        sort(column(SPOTLIGHT, SEVERITY), "Descending"),
    )
