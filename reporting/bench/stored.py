"""The rows stored by the local service, read back page by page and queried with SQL. Asks no sink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from livegold.reporting.bench.gold import Answer, asked, connection
from livegold.reporting.measures import Filter, Measure
from livegold.reporting.powerbi import Session, data_type, fact_columns
from livegold.reporting.schema import COMPLETE_TICK, PULSE, TICK, TOTALS
from livegold.reporting.service.stored_rows import PAGE_ROWS, StoredRows
from livegold.reporting.specification import UseCase

_TYPES = {
    "String": pa.string(),
    "Int64": pa.int64(),
    "Double": pa.float64(),
    "Decimal": pa.decimal128(38, 4),
    "Boolean": pa.bool_(),
    "DateTime": pa.string(),
}


class Stored(StoredRows):
    """The rows of one use case, as tables."""

    def __init__(self, case: UseCase, api: str, dataset: str, session: Session) -> None:
        super().__init__(api, dataset, session)
        self._case = case

    def pulse(self) -> pa.Table:
        """All rows of Pulse currently held."""
        return self._table(PULSE, self.rows(PULSE))

    def totals(self) -> pa.Table:
        """The newest complete tick of Totals, as the measures find it."""
        _, held = self.counts(TOTALS)
        read = PAGE_ROWS
        while True:
            rows = self.rows(TOTALS, read)
            tick = max((r[COMPLETE_TICK] for r in rows), default=0)
            if read >= held or (tick and rows[0][TICK] < tick):
                return self._table(TOTALS, [r for r in rows if tick and r[TICK] == tick])
            read *= 2

    def _table(self, table: str, rows: list[dict[str, Any]]) -> pa.Table:
        made = {}
        for column in fact_columns(self._case, table):
            kind = _TYPES[data_type(column.type)]
            values = [row[column.name] for row in rows]
            if pa.types.is_floating(kind):
                values = [None if v is None else float(v) for v in values]
            made[column.name] = pa.array(values, kind)
        return pa.table(made)


class StoredAnswers:
    """Measures over rows that were read back: all-time ones from `totals` (one tick), all others from `pulse`."""

    def __init__(self, case: UseCase, pulse: pa.Table, totals: pa.Table) -> None:
        self._case = case
        self._database = connection()
        self._database.register("pulse", pulse)
        self._database.register("totals", totals)

    def close(self) -> None:
        self._database.close()

    def so_far(self, measures: Sequence[Measure], by: Sequence[str], where: Sequence[Filter]) -> Answer:
        return asked(self._database, self._case, "totals", measures, by, where)

    def in_time(self, measures: Sequence[Measure], by: Sequence[str], where: Sequence[Filter]) -> Answer:
        return asked(self._database, self._case, "pulse", measures, by, where)
