"""What the log of a Delta table says of livegold's own writes: how far each has come, and what it noted. Reads only.

Through delta-rs, which reads what Spark wrote and what it wrote itself: no Spark is needed, and none of Spark's or
Delta's own classes, which are out of reach under Spark Connect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deltalake import DeltaTable

from livegold.reporting.lake.sql import open_table


def transaction_version(path: str, app_id: str) -> int:
    """The highest `txnVersion` the table has for an app id, or -1. NotFound where there is no table."""
    found = open_table(path).transaction_version(app_id)
    return -1 if found is None else int(found)


def commit_records(table: DeltaTable, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The `userMetadata` of the newest commits of a table, where it is a JSON object; the newest first."""
    for commit in table.history(limit):
        try:
            record = json.loads(commit.get("userMetadata") or "null")
        except ValueError:
            # Somebody else's commit.
            continue
        if isinstance(record, dict):
            yield record
