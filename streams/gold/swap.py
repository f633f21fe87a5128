"""A complete fresh gold takes the old one's place, in steps that the next start finishes after a crash.

From the moment `decide` returns the fresh gold is the one that counts:

1. each table of gold and quarantine is overwritten with the fresh one's rows, by one commit with a `txnAppId` of the
   rebuild, so that Delta skips what is done;
2. the checkpoints of gold's query and of the feeds are deleted: the query begins after the last event of raw that was
   used, and each feed under a new id, by which its sink knows that all of gold comes again;
3. where the hub is read on is noted; the plan of the rebuild is deleted, then the decision, then the fresh tables.

Tables are overwritten and not renamed. A rename costs nothing and is over at once; but Spark keeps what it knows of a
path for an hour, so that every session that has read the old gold would take the new one for more of the same, and
where a lake is a URL nothing can be renamed at all. What a table held before stays in its history.
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
    """`keep` leaves the files of the old gold to the tables' history."""

    rebuild: str
    dimensions: list[str]
    positions: Positions
    keep: bool


def decide(spark: SparkSession, case: UseCase, lake: Lake, rebuild: str, positions: Positions, keep: bool) -> None:
    """Decides for the fresh gold of a rebuild; `positions` are those after the last events that are in it."""
    create_tables(spark, case, lake, extend=False)
    decision = _Decision(rebuild, [d.name for d in case.all_dimensions], positions, keep)
    write_text(f"{lake.rebuild}/{DECISION}", json.dumps(asdict(decision)))


def finish_swap(spark: SparkSession, lake: Lake) -> bool:
    """Does what is left of a swap that was decided; False where there is none. Nothing of the use case may run."""
    text = read_text(f"{lake.rebuild}/{DECISION}")
    if text is None:
        return False
    decision = _Decision(**json.loads(text))
    fresh = lake.fresh(decision.rebuild)
    # Predictions take the longest to write: the others follow in seconds.
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
    # In this order: the plan would be gone on with as if nothing were decided, and the decision needs the fresh tables.
    delete_file(lake.rebuild_plan)
    delete_file(f"{lake.rebuild}/{DECISION}")
    delete_folder(lake.rebuild)
    return True


def read_on_after(lake: Lake) -> Positions | None:
    """After which events of the hub a gold that was made from raw goes on; None for one that was not."""
    text = read_text(lake.gold_start)
    return None if text is None else json.loads(text)["positions"]


def _queries_of_gold(lake: Lake) -> Iterable[str]:
    folder = lake.checkpoint("gold").rpartition("/")[0]
    return ["gold", *(name for name in names_in(folder) if name.startswith(FEEDS))]
