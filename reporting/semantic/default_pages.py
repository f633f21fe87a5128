"""Pages for a use case that declares none: its measures by scope, its dimensions, its exceptions. Draws nothing."""

from __future__ import annotations

from livegold.reporting.blocks import Chart, CutOffSlider, Exceptions, Header, Ranking, Slicer, Tile, Trend
from livegold.reporting.measures import ByBucket, TrailingWindow
from livegold.reporting.schema import CUT_OFF, EVENT_TIME, MODEL_VERSION, SCORE, SCORE_BAND
from livegold.reporting.specification import Block, Page, Row, UseCase

MAX_TILES = 4
MAX_LINES = 3


def default_pages(case: UseCase) -> tuple[Page, ...]:
    """A page to watch and a page for the model."""
    names = [m.name for m in case.measures]
    of_time = [m.name for m in case.measures if isinstance(m.scope, ByBucket | TrailingWindow)]
    trend = [m.name for m in case.measures if isinstance(m.scope, ByBucket)] or of_time
    stated = [s.measure for s in case.states]
    tiles = list(dict.fromkeys([*stated, *names]))[:MAX_TILES]
    dimension = case.dimensions[0].name if case.dimensions else SCORE_BAND
    shown = [c.name for c in case.spotlight_columns if c.name in (*case.spotlight.columns, EVENT_TIME, SCORE)]
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
    rows = [
        Row((Header(width=9), Slicer(MODEL_VERSION, width=3)), 0.6),
        Row((Chart(SCORE_BAND, tuple(names[:2]), width=6), Chart(MODEL_VERSION, tuple(names[:2]), width=6)), 2.2),
    ]
    if case.cut_offs:
        cut = [m.name for m in case.cut_offs]
        tiles_of_cut = tuple(Tile(name, width=2) for name in cut[:4])
        rows.append(Row((CutOffSlider(width=12 - 2 * len(tiles_of_cut)), *tiles_of_cut), 1.2))
        rows.append(Row((Chart(CUT_OFF, tuple(cut[:MAX_LINES]), "line"),), 1.8))
    return (live, Page("Model", tuple(rows)))
