"""What a run says of itself is counted from gold's commits, and nothing about them ends the run."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake

from livegold.reporting.lake import Lake
from livegold.streams.gold import BatchCounts
from livegold.streams.status import GoldCounts


def commit(lake: Lake, events: int) -> None:
    """A batch of gold, as its commit records it."""
    record = {f.name: 0 for f in fields(BatchCounts)} | {"events": events, "model_version": "7"}
    properties = CommitProperties(custom_metadata={"userMetadata": json.dumps(record)})
    write_deltalake(lake.predictions, pa.table({"n": [1]}), mode="append", commit_properties=properties)


def test_a_lake_that_is_out_of_reach_for_a_while_ends_no_count(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), "trips")
    counts = GoldCounts(lake)
    counts.start()
    assert counts.read()["events"] == 0
    commit(lake, 3)
    assert counts.read()["events"] == 3
    table, away = Path(lake.predictions), tmp_path / "away"
    table.rename(away)
    table.write_text("Nothing of a table.")
    assert counts.read()["events"] == 3
    table.unlink()
    away.rename(table)
    commit(lake, 4)
    assert (counts.read()["events"], counts.model_version) == (7, "7")
