"""Raw and gold: the tables, and the writers that write each batch to them exactly once."""

from livegold.streams.gold.raw import RawWriter
from livegold.streams.gold.swap import decide, finish_swap, read_on_after
from livegold.streams.gold.tables import create_tables
from livegold.streams.gold.writer import BatchCounts, GoldWriter

__all__ = [
    "BatchCounts",
    "GoldWriter",
    "RawWriter",
    "create_tables",
    "decide",
    "finish_swap",
    "read_on_after",
]
