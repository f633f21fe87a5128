"""What a Delta table's log says about livegold's own writes: their progress and their metadata. Reads only.

Uses delta-rs, which reads tables written by Spark and by itself: it needs neither Spark nor the JVM classes of Spark
and Delta, which are not accessible under Spark Connect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deltalake import DeltaTable

from livegold.reporting.lake.sql import open_table


def transaction_version(path: str, app_id: str) -> int:
    """The highest `txnVersion` the table has for an app id, or -1. Raises NotFound if there is no table."""
    found = open_table(path).transaction_version(app_id)
    return -1 if found is None else int(found)


def commit_records(table: DeltaTable, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The `userMetadata` of a table's commits, newest first, where it is a JSON object."""
    for commit in table.history(limit):
        try:
            record = json.loads(commit.get("userMetadata") or "null")
        except ValueError:
            # Somebody else's commit.
            continue
        if isinstance(record, dict):
            yield record
