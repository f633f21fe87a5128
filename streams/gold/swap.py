"""Replaces gold with a complete fresh one, in steps that the next start finishes after a crash.

From the moment `decide` returns, the fresh gold is the one that counts:

1. each table of gold and quarantine is overwritten with the fresh one's rows, in one commit with a `txnAppId` of the
   rebuild, so that Delta skips what is already done;
2. the checkpoints of gold's query and of the feeds are deleted: the query starts after the last event of raw that was
   used, and each feed starts under a new id, which tells its sink that all of gold will be sent again;
3. the position from which to continue reading the hub is stored; the plan of the rebuild is deleted, then the
   decision, then the fresh tables.

Tables are overwritten, not renamed. A rename is free and instant, but Spark caches what it knows about a path for an
hour, so every session that has read the old gold would mistake the new one for more of the same; and if the lake is a
URL, nothing can be renamed at all. The previous contents of a table stay in its history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from pyspark.sql import SparkSession

from livegold.reporting.lake import (
    Lake,
    delete_file,
    delete_folder,
    names_in,
    open_table,
    read_text,
    write_text,
)
from livegold.reporting.specification import UseCase
from livegold.streams.checkpoints import begin_anew
from livegold.streams.gold.tables import create_tables
from livegold.streams.hub import Positions

DECISION = "swap.json"
FEEDS = "feed-"


@dataclass(frozen=True)
class _Decision:
    """`keep` keeps the files of the old gold for the tables' history."""

    rebuild: str
    dimensions: list[str]
    positions: Positions
    keep: bool


def decide(spark: SparkSession, case: UseCase, lake: Lake, rebuild: str, positions: Positions, keep: bool) -> None:
    """Commits to the fresh gold of a rebuild; `positions` are the offsets after the last events it contains."""
    create_tables(spark, case, lake, extend=False)
    decision = _Decision(rebuild, [d.name for d in case.all_dimensions], positions, keep)
    write_text(f"{lake.rebuild}/{DECISION}", json.dumps(asdict(decision)))


def finish_swap(spark: SparkSession, lake: Lake) -> bool:
    """Finishes a swap that was decided; False if there is none. Nothing else of the use case may be running."""
    text = read_text(f"{lake.rebuild}/{DECISION}")
    if text is None:
        return False
    decision = _Decision(**json.loads(text))
    fresh = lake.fresh(decision.rebuild)
    # Predictions take the longest to write; the others follow within seconds.
    pairs = [(fresh.predictions, lake.predictions), (fresh.quarantine, lake.quarantine)]
    pairs += [(fresh.pulse, lake.pulse), (fresh.spotlight, lake.spotlight)]
    pairs += [(fresh.dimension(name), lake.dimension(name)) for name in decision.dimensions]
    for new, live in pairs:
        writer = spark.read.format("delta").load(new).write.format("delta").mode("overwrite")
        writer = writer.option("overwriteSchema", "true")
        writer.option("txnAppId", f"{decision.rebuild}/swap").option("txnVersion", 0).save(live)
    for name in _queries_of_gold(lake):
        begin_anew(lake.checkpoint(name))
    write_text(lake.gold_start, json.dumps({"positions": decision.positions}))
    if not decision.keep:
        for _, live in pairs:
            open_table(live).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    # In this order: a remaining plan would be resumed as if nothing were decided; the decision needs the fresh tables.
    delete_file(lake.rebuild_plan)
    delete_file(f"{lake.rebuild}/{DECISION}")
    delete_folder(lake.rebuild)
    return True


def read_on_after(lake: Lake) -> Positions | None:
    """The hub positions after which a gold rebuilt from raw continues; None if gold was not rebuilt."""
    text = read_text(lake.gold_start)
    return None if text is None else json.loads(text)["positions"]


def _queries_of_gold(lake: Lake) -> Iterable[str]:
    folder = lake.checkpoint("gold").rpartition("/")[0]
    return ["gold", *(name for name in names_in(folder) if name.startswith(FEEDS))]
