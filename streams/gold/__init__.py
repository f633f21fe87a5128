"""Raw and gold: the tables, and what writes each batch to them exactly once."""

from livegold.streams.gold.raw import write_raw
from livegold.streams.gold.tables import create_tables
from livegold.streams.gold.writer import GoldWriter

__all__ = ["GoldWriter", "create_tables", "write_raw"]
