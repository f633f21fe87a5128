"""Compares positions of events: hub with raw, raw with gold and quarantine. Does not look at the events' content.

Works on a DuckDB database in which `raw_at`, `predictions_at` and `quarantine_at` hold topic, partition, offset, and
`quarantine` is the table itself. Each function returns the problems it found, one line each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
from confluent_kafka import Consumer, KafkaError, TopicPartition

from livegold.reporting.schema import PREDICTIONS_TABLE, QUARANTINE_TABLE
from livegold.streams.hub import ANSWER_SECONDS, Failure, Hub, offsets

EXAMPLES = 3
"""Maximum number of positions shown in a line."""
TRAILING_LOOKED_AT = 100
"""Maximum number of offsets at a partition's end to look up in the hub: more mean that raw lags, not that they are
transaction markers."""


def line(db: duckdb.DuckDBPyConnection, positions: str, text: str) -> list[str]:
    """`text` with `{}` replaced by the row count of a query of positions, and examples; empty if there are no rows."""
    rows = db.execute(
        f"""
        SELECT count(*) OVER (), topic || '/' || "partition" || '/' || "offset" FROM ({positions})
        ORDER BY topic, "partition", "offset" LIMIT {EXAMPLES}
        """
    ).fetchall()
    if not rows:
        return []
    return [_said(text, rows[0][0], [r[1] for r in rows])]


def twice(db: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Events that occur more than once in a table."""
    found = f'SELECT topic, "partition", "offset" FROM {table}_at GROUP BY ALL HAVING count(*) > 1'
    return line(db, found, f"{{}} more than once in {table}")


def in_two_tables(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Events that are in both predictions and quarantine."""
    both = 'SELECT * FROM predictions_at SEMI JOIN quarantine_at q USING (topic, "partition", "offset")'
    return line(db, both, "{} both in predictions and in quarantine")


def without_reason(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Events in quarantine without a reason."""
    found = "SELECT * FROM quarantine WHERE coalesce(len(reasons), 0) = 0"
    return line(db, found, "{} in quarantine without a reason")


def beyond_raw(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Events of gold and quarantine that are not in raw; those after raw's last one may just not be there yet."""
    problems = []
    for table in (PREDICTIONS_TABLE, QUARANTINE_TABLE):
        absent = f"""
            WITH reach AS (SELECT topic, "partition", max("offset") AS last FROM raw_at GROUP BY ALL)
            SELECT a.topic, a."partition", a."offset", a."offset" > coalesce(reach.last, -1) AS ahead
            FROM (SELECT * FROM {table}_at ANTI JOIN raw_at r USING (topic, "partition", "offset")) a
            LEFT JOIN reach ON reach.topic = a.topic AND reach."partition" = a."partition"
        """
        problems += line(db, f"SELECT * FROM ({absent}) WHERE NOT ahead", f"{{}} in {table} and not in raw")
        late = f"raw is not yet caught up: {{}} in {table} and after raw's last one"
        problems += line(db, f"SELECT * FROM ({absent}) WHERE ahead", late)
    return problems


# ---- the hub ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Gap:
    """A range of offsets of a partition that raw lacks, from `first` to `last`."""

    partition: int
    first: int
    last: int
    kind: str
    """`expired`: no longer in the hub; `to come`: raw has none after them; otherwise `missing`."""

    def __len__(self) -> int:
        return self.last - self.first + 1


def held_by_hub(db: duckdb.DuckDBPyConnection, hub: Hub, deadline: float = ANSWER_SECONDS) -> tuple[int, list[str]]:
    """How many events the hub holds, and how raw differs. Raises what `offsets` raises."""
    if hub.folder is not None:
        return _held_by_folder(db, hub)
    held = offsets(hub, deadline)
    own = f"topic = {_text(hub.topic)}"
    problems = line(db, f"SELECT * FROM raw_at WHERE NOT ({own})", f"{{}} in raw and not of topic {hub.topic}")
    strange = f'SELECT * FROM raw_at WHERE {own} AND "partition" NOT IN ({", ".join(map(str, held))})'
    problems += line(db, strange, "{} in raw, from a partition that does not exist in the hub")
    gaps: list[_Gap] = []
    for partition, (first, following) in held.items():
        where = f'{own} AND "partition" = {partition}'
        beyond = f'SELECT * FROM raw_at WHERE {where} AND "offset" >= {following}'
        problems += line(db, beyond, f"{{}} in raw beyond the hub's next offset, {following}")
        gaps += _gaps(db, where, partition, first, following)
    lagging = [g for g in gaps if g.kind == "to come" and len(g) > TRAILING_LOOKED_AT]
    looked_at = [g for g in gaps if g.kind != "expired" and g not in lagging]
    there = _records_in(hub, looked_at)
    for kind, text in (
        ("expired", "{} not in raw and no more in the hub"),
        ("missing", "{} in the hub and not in raw"),
        ("to come", "raw is not yet caught up: {} in the hub and after raw's last one"),
    ):
        single = [(g.partition, o) for g, found in there.items() if g.kind == kind for o in found]
        whole = [g for g in gaps if g.kind == kind and g not in there]
        shown = sorted([*single, *((g.partition, g.first) for g in whole)])[:EXAMPLES]
        if shown:
            n = len(single) + sum(map(len, whole))
            problems.append(_said(text, n, [f"{hub.topic}/{p}/{o}" for p, o in shown]))
    nothing = sum(len(g) - len(found) for g, found in there.items())
    return sum(following - first for first, following in held.values()) - nothing, problems


def _gaps(db: duckdb.DuckDBPyConnection, where: str, partition: int, first: int, following: int) -> list[_Gap]:
    """The offsets missing in raw between the hub's first offset (or raw's own, if earlier) and the hub's next one."""
    n, low, high = db.execute(
        f'SELECT count(DISTINCT "offset"), min("offset"), max("offset") FROM raw_at '
        f'WHERE {where} AND "offset" < {following}'
    ).fetchall()[0]
    start = first if low is None else min(first, low)
    if n == following - start:
        return []
    rows = db.execute(
        f"""
        WITH known AS (
            SELECT DISTINCT "offset" AS o FROM raw_at WHERE {where} AND "offset" < {following}
            UNION ALL SELECT {start} - 1 UNION ALL SELECT {following}),
        pairs AS (SELECT o, lead(o) OVER (ORDER BY o) AS following FROM known)
        SELECT o + 1, following - 1 FROM pairs WHERE following > o + 1 ORDER BY o
        """
    ).fetchall()
    gaps = []
    for a, b in rows:
        if a < first:
            gaps.append(_Gap(partition, a, min(b, first - 1), "expired"))
        if b >= first:
            gaps.append(_Gap(partition, max(a, first), b, "to come" if high is None or a > high else "missing"))
    return gaps


def _records_in(hub: Hub, gaps: list[_Gap]) -> dict[_Gap, list[int]]:
    """The offsets in each gap at which the hub has a record.

    Transaction markers and records removed by compaction take up offsets too, but consumers never see them.
    """
    found: dict[_Gap, list[int]] = {gap: [] for gap in gaps}
    if not gaps:
        return found
    failure = Failure(hub)
    own = {
        "group.id": "livegold-reconcile",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_uncommitted",  # as Spark reads
        "auto.offset.reset": "earliest",
        "error_cb": failure,
    }
    consumer = Consumer(hub.client_options() | own)
    try:
        for partition in sorted({g.partition for g in gaps}):
            mine = [g for g in gaps if g.partition == partition]
            consumer.assign([TopicPartition(hub.topic, partition, mine[0].first)])
            for offset in _offsets_from(consumer, failure, hub):
                while mine and offset > mine[0].last:
                    mine.pop(0)
                if not mine:
                    break
                if offset >= mine[0].first:
                    found[mine[0]].append(offset)
    finally:
        consumer.close()
    return found


def _offsets_from(consumer: Consumer, failure: Failure, hub: Hub) -> Iterator[int]:
    """Offsets of the records of the assigned partition, up to its end."""
    heard = time.monotonic()
    while True:
        message = consumer.poll(1.0)
        if message is not None:
            error, offset = message.error(), message.offset()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    return
                raise failure.unreachable(error.str(), ANSWER_SECONDS)
            assert offset is not None, "a record that was read has its offset"
            heard = time.monotonic()
            yield offset
        failure.check()
        if time.monotonic() - heard > ANSWER_SECONDS:
            raise failure.unreachable("reading stopped", ANSWER_SECONDS)


def _held_by_folder(db: duckdb.DuckDBPyConnection, hub: Hub) -> tuple[int, list[str]]:
    """For a folder: the file is the topic and the line number the offset, so each file's lines count from 0."""
    total = sum(following for _, following in offsets(hub).values())
    gaps = """
        SELECT topic, 0 AS "partition", "offset" - 1 AS "offset" FROM (
            SELECT topic, "offset", lag("offset", 1, -1) OVER (PARTITION BY topic ORDER BY "offset") AS before
            FROM (SELECT DISTINCT topic, "offset" FROM raw_at))
        WHERE "offset" > before + 1
    """
    problems = line(db, gaps, "lines missing in raw at {}")
    in_raw = db.execute('SELECT count(*) FROM (SELECT DISTINCT topic, "offset" FROM raw_at)').fetchall()[0][0]
    if in_raw != total and not problems:
        problems.append(f"raw has {in_raw:,} of the {total:,} lines in {hub.where}")
    return total, problems


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def events(n: int) -> str:
    return f"{n:,} event" if n == 1 else f"{n:,} events"


def _said(text: str, n: int, examples: list[str]) -> str:
    more = ", ..." if n > len(examples) else ""
    return f"{text.format(events(n))}: {', '.join(examples)}{more}"
