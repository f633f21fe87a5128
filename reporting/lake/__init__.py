"""The tables of a use case: their paths, their logs, SQL on them without Spark, and the live quality of the model."""

from livegold.reporting.lake.files import delete_file, delete_folder, is_remote, names_in, read_text, write_text
from livegold.reporting.lake.log import commit_records, transaction_version
from livegold.reporting.lake.paths import Lake
from livegold.reporting.lake.quality import LiveQuality, newest_quality
from livegold.reporting.lake.sql import arrow_dataset, database, open_table, query

__all__ = [
    "Lake",
    "LiveQuality",
    "arrow_dataset",
    "commit_records",
    "database",
    "delete_file",
    "delete_folder",
    "is_remote",
    "names_in",
    "newest_quality",
    "open_table",
    "query",
    "read_text",
    "transaction_version",
    "write_text",
]
