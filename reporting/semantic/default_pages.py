"""Pages for a use case that declares none: its measures by scope, its dimensions, its exceptions. Draws nothing."""

from __future__ import annotations

from livegold.reporting.blocks import Exceptions, Header, Ranking, Slicer, Tile, Trend
from livegold.reporting.measures import ByBucket, TrailingWindow
from livegold.reporting.schema import EVENT_TIME, MODEL_VERSION
from livegold.reporting.specification import Block, Page, Row, UseCase

MAX_TILES = 4
MAX_LINES = 3


def default_pages(case: UseCase) -> tuple[Page, ...]:
    """A live page and a model page."""
    names = [m.name for m in case.measures]
    of_time = [m.name for m in case.measures if isinstance(m.scope, ByBucket | TrailingWindow)]
    trend = [m.name for m in case.measures if isinstance(m.scope, ByBucket)] or of_time
    stated = [s.measure for s in case.states]
    tiles = list(dict.fromkeys([*stated, *names]))[:MAX_TILES]
    dimension = case.dimensions[0].name if case.dimensions else MODEL_VERSION
    worth_seeing = {*case.spotlight.columns, EVENT_TIME, case.model.task.answer}
    shown = [c.name for c in case.spotlight_columns if c.name in worth_seeing]
    middle: list[Block] = [Ranking(dimension, tuple(tiles[:3]), width=4 if trend else 12)]
    if trend:
        middle.insert(0, Trend(tuple(trend[:MAX_LINES]), width=8))
    live = Page(
        "Live",
        (
            Row((Header(width=9), Slicer(dimension, width=3)), 0.6),
            Row(tuple(Tile(name, width=12 // len(tiles)) for name in tiles), 1.2),
            Row(tuple(middle), 2.4),
            Row((Exceptions(tuple(shown)),), 1.6),
        ),
    )
    head = Row((Header(width=9), Slicer(MODEL_VERSION, width=3)), 0.6)
    return (live, Page("Model", (head, *case.model.task.model_rows(case))))
