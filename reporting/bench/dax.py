"""Evaluates the measures' DAX, as put into the dataset, over the rows the service holds, with a third-party engine.

The engine (pbix-mcp, extra `templates`) keeps rows as Python lists: a value over 200,000 rows takes a while, so it is
used for fewer contexts than SQL.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from livegold.reporting.bench.gold import Answer
from livegold.reporting.measures import Among
from livegold.reporting.schema import BUCKET_NO, PULSE, TOTALS
from livegold.reporting.specification import UseCase


def engine_is_here() -> bool:
    """Whether the engine is installed."""
    return importlib.util.find_spec("pbix_mcp") is not None


class DaxAnswers:
    """A dataset given by its `definition` (as returned by the service) and the rows of its tables."""

    def __init__(
        self,
        case: UseCase,
        definition: dict[str, Any],
        pulse: pa.Table,
        totals: pa.Table,
        dimensions: dict[str, list[dict[str, Any]]],
    ) -> None:
        self._engine = engine = importlib.import_module("pbix_mcp.dax.engine")
        self._keys = {d.name: f"{d.table}.key" for d in case.all_dimensions}
        self._dax = {m["name"]: m["expression"] for t in definition["tables"] for m in t["measures"]}
        self._tables = {PULSE: _columns_and_rows(pulse), TOTALS: _columns_and_rows(totals)}
        for name, rows in dimensions.items():
            self._tables[name] = {
                "columns": ["key", "label", "order"],
                "rows": [[r["key"], r["label"], r["order"]] for r in rows],
            }
        self._relationships = [
            {
                "FromTable": r["fromTable"],
                "FromColumn": r["fromColumn"],
                "ToTable": r["toTable"],
                "ToColumn": r["toColumn"],
                "IsActive": 1,
            }
            for r in definition["relationships"]
            if r["fromTable"] in self._tables
        ]
        decimals = {
            c["name"]
            for t in definition["tables"]
            if t["name"] == PULSE
            for c in t["columns"]
            if c["dataType"] == "Decimal"
        }
        engine.mark_currency_columns(
            self._tables, {t: decimals & set(self._tables[t]["columns"]) for t in (PULSE, TOTALS)}
        )

    def ask(self, measures: Sequence[str], where: Sequence[Among] = (), bucket_no: int | None = None) -> Answer:
        """One row with a value per measure: a card, or one point of a time axis."""
        context: dict[str, list[Any]] = {}
        for condition in where:
            key = self._keys[condition.column]
            kept = set(context.get(key, condition.values)) & set(condition.values)
            context[key] = sorted(kept) or ["no such value"]
        if bucket_no is not None:
            context[f"{PULSE}.{BUCKET_NO}"] = [bucket_no]
        found = self._engine.evaluate_measures_batch(
            list(measures), self._tables, dict(self._dax), context, relationships=self._relationships
        )
        return [{name: found[name] for name in measures}]


def _columns_and_rows(table: pa.Table) -> dict[str, list[Any]]:
    columns = [[float(v) if isinstance(v, Decimal) else v for v in c.to_pylist()] for c in table.columns]
    return {"columns": table.column_names, "rows": [list(row) for row in zip(*columns, strict=True)]}
