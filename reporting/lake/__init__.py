"""Where the tables of a use case are, SQL on them without Spark, and how good the model is by them."""

from livegold.reporting.lake.paths import Lake
from livegold.reporting.lake.quality import LiveQuality, newest_quality
from livegold.reporting.lake.sql import arrow_dataset, database, open_table, query

__all__ = ["Lake", "LiveQuality", "arrow_dataset", "database", "newest_quality", "open_table", "query"]
