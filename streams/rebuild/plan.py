"""Plans a rebuild: one version of raw, split into batches by arrival, and the model to score with. Does no scoring.

The plan is a file beside the fresh gold. A run that resumes after a crash makes the same batches of the same events,
with the same numbers; if the use case or the champion has changed in the meantime, the plan is no longer valid and the
rebuild starts again.

Batches follow the arrival of events, however raw's files are laid out, so that duplicates are detected and values of
dimensions admitted in the order in which they arrived.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from livegold.reporting.errors import NotFound
from livegold.reporting.lake import Lake, arrow_dataset, database, open_table, read_text, write_text
from livegold.reporting.specification import UseCase
from livegold.streams.hub import Positions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """How to build gold from raw. `ends` are the batches' last arrivals, in microseconds since 1970, ascending."""

    id: str
    raw_version: int
    digest: str
    model_version: str
    events: int
    ends: tuple[int, ...]
    positions: Positions

    def is_of(self, case: UseCase, model_version: str) -> bool:
        """Whether this plan wrote what the use case and the champion would write now."""
        return (self.digest, self.model_version) == (case.digest, model_version)

    def rows(self, spark: SparkSession, lake: Lake, number: int) -> DataFrame:
        """The events of one batch, with the columns of the Kafka source."""
        raw = spark.read.format("delta").option("versionAsOf", self.raw_version).load(lake.raw)
        rows = raw.where(F.col("arrival") <= F.lit(_time(self.ends[number])))
        if number > 0:
            rows = rows.where(F.col("arrival") > F.lit(_time(self.ends[number - 1])))
        return rows.select("key", "value", "topic", "partition", "offset", F.col("arrival").alias("timestamp"))


def make_plan(case: UseCase, lake: Lake, model_version: str, batch_events: int) -> Plan:
    """A plan for raw as it is now, in batches of about `batch_events` events; NotFound if raw has none.

    Events that arrived in the same microsecond are in the same batch, however many there are.
    """
    table = open_table(lake.raw)
    with database() as db:
        db.register("raw", arrow_dataset(table))
        ends = db.execute(
            f"""
            SELECT max(arrived), sum(n) FROM (
                SELECT arrived, n, (sum(n) OVER (ORDER BY arrived) - 1) // {batch_events} AS batch
                FROM (SELECT epoch_us(arrival) AS arrived, count(*) AS n FROM raw GROUP BY ALL))
            GROUP BY batch ORDER BY 1
            """
        ).fetchall()
        positions: dict[str, dict[str, int]] = {}
        for topic, partition, after in db.execute(
            'SELECT topic, "partition", max("offset") + 1 FROM raw GROUP BY ALL ORDER BY ALL'
        ).fetchall():
            positions.setdefault(topic, {})[str(partition)] = after
    if not ends:
        raise NotFound(f"use case {case.name} has no raw events in {lake.raw}: there is nothing to make gold from")
    return Plan(
        id=str(uuid.uuid4()),
        raw_version=table.version(),
        digest=case.digest,
        model_version=model_version,
        events=int(sum(n for _, n in ends)),
        ends=tuple(int(at) for at, _ in ends),
        positions=positions,
    )


def read_plan(lake: Lake) -> Plan | None:
    """The plan of an unfinished rebuild; None if there is none."""
    text = read_text(lake.rebuild_plan)
    if text is None:
        return None
    values = json.loads(text)
    return Plan(**{**values, "ends": tuple(values["ends"])})


def write_plan(lake: Lake, plan: Plan) -> None:
    write_text(lake.rebuild_plan, json.dumps(asdict(plan)))


def _time(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
