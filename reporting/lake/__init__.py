"""Where the tables of a use case are, and SQL on them without Spark."""

from livegold.reporting.lake.paths import Lake
from livegold.reporting.lake.sql import arrow_dataset, database, open_table, query

__all__ = ["Lake", "arrow_dataset", "database", "open_table", "query"]
