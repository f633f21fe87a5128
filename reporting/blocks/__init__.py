"""The building blocks of report pages: one file per kind of block, with everything livegold knows about it.

A block is a frozen dataclass derived from `Block`: which names of its use case it may use, the height it needs, its
visuals in PBIR with their positions on a page and on a phone, and how the preview draws them. A new one is a class in
one file, here or next to a use case. `part` defines a visual and `subject` what it can refer to; `container`, `cards`,
`charts` and `slicers` are shared by several blocks.
"""

from livegold.reporting.blocks.chart import Chart
from livegold.reporting.blocks.confusion_matrix import ConfusionMatrix
from livegold.reporting.blocks.container import of_data, on_band, on_card
from livegold.reporting.blocks.cut_off_slider import CutOffSlider
from livegold.reporting.blocks.exceptions import Exceptions
from livegold.reporting.blocks.full import Full
from livegold.reporting.blocks.header import BACK_HEIGHT, Header, back_button
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.ranking import Ranking
from livegold.reporting.blocks.slicer import Slicer
from livegold.reporting.blocks.subject import Standing, Subject, listed, page_name, words
from livegold.reporting.blocks.tile import Tile
from livegold.reporting.blocks.time_range import TimeRange
from livegold.reporting.blocks.trend import Trend
from livegold.reporting.specification import Block

BLOCKS: tuple[type[Block], ...] = (
    Chart,
    ConfusionMatrix,
    CutOffSlider,
    Exceptions,
    Full,
    Header,
    Ranking,
    Slicer,
    Tile,
    TimeRange,
    Trend,
)
"""The blocks that come with livegold."""

__all__ = [
    "BACK_HEIGHT",
    "BLOCKS",
    "Chart",
    "ConfusionMatrix",
    "CutOffSlider",
    "Exceptions",
    "Full",
    "Header",
    "Part",
    "Phone",
    "Ranking",
    "Slicer",
    "Standing",
    "Subject",
    "Tile",
    "TimeRange",
    "Trend",
    "back_button",
    "listed",
    "of_data",
    "on_band",
    "on_card",
    "page_name",
    "words",
]
