"""Where the tables of a use case are, what their logs say, and SQL on them without Spark."""

from livegold.reporting.lake.files import delete_file, delete_folder, is_remote, names_in, read_text, write_text
from livegold.reporting.lake.log import commit_records, transaction_version
from livegold.reporting.lake.paths import Lake
from livegold.reporting.lake.sql import arrow_dataset, database, open_table, query

__all__ = [
    "Lake",
    "arrow_dataset",
    "commit_records",
    "database",
    "delete_file",
    "delete_folder",
    "is_remote",
    "names_in",
    "open_table",
    "query",
    "read_text",
    "transaction_version",
    "write_text",
]
