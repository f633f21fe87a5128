"""The pipeline's steps on in-memory events, in DuckDB: with the same SQL that Spark runs at scale.

Tables are Arrow tables. Not for reading events, scoring them, or storing anything: the caller holds the model, the
admitted dimension values and the tables.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from livegold.reporting.pipeline.database import Database, refused
from livegold.reporting.pipeline.dialect import text_literal
from livegold.reporting.pipeline.dimensions import declared_values, fresh_columns, fresh_values, identity_of
from livegold.reporting.pipeline.gold import (
    arrival_buckets,
    counts_rejected,
    prediction_steps,
    predictions,
    pulse,
    pulse_row_columns,
    rejected_pulse,
    spotlight,
)
from livegold.reporting.pipeline.query import Columns
from livegold.reporting.pipeline.scoring import labelled_columns
from livegold.reporting.pipeline.validation import event_columns, validity
from livegold.reporting.schema import MODEL_VERSION
from livegold.reporting.specification import UseCase

OK = "ok"


class LocalPipeline:
    """The pipeline of one use case. Every method raises NotForDuckDB if DuckDB rejects SQL of the use case."""

    def __init__(self, case: UseCase, connection: duckdb.DuckDBPyConnection) -> None:
        self.case = case
        self._database = Database(connection)

    def validated(self, events: pa.Table) -> pa.Table:
        """`events` with `validation.event_columns` and `ok`.

        `events` has the columns of `validation.event_fields` and SOURCE; events whose fields could not be read are
        excluded.
        """
        rows = self._database.with_steps(self._database.rows(events), event_columns(self.case))
        rows = self._database.with_columns(rows, {OK: validity(self.case)})
        with refused("events"):
            return rows.to_arrow_table()

    def labelled(self, scored: pa.Table) -> pa.Table:
        """`scored` (valid events with score) with `scoring.labelled_columns`."""
        rows = self._database.with_steps(self._database.rows(scored), labelled_columns(self.case))
        with refused("outcome"):
            return rows.to_arrow_table()

    def admitted(self, valid: pa.Table, known: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
        """The values of each dimension by identity: those `known` (or else declared), plus those that `valid` events
        bring, as far as there is room.
        """
        found: dict[str, dict[str, str]] = {}
        for dimension in self.case.all_dimensions:
            own = dict(known.get(dimension.name) or declared_values(dimension))
            room = dimension.limit - len(own)
            if dimension.values is None and room > 0 and dimension.column in valid.column_names:
                rows = self._database.with_columns(self._database.rows(valid), fresh_columns(dimension))
                fresh = self._database.select(rows, fresh_values(own, room)).to_arrow_table().column("came").to_pylist()
                own |= {identity_of(came["value"]): came["value"] for came in fresh}
            found[dimension.name] = own
        return found

    def predictions(
        self, labelled: pa.Table, admitted: Mapping[str, Mapping[str, str]], version: str | None, written: Columns
    ) -> pa.Table:
        """Rows of gold `predictions`. Without `version`, `labelled` must contain model_version."""
        rows = self._database.rows(labelled)
        stamped = {**written} if version is None else {**written, MODEL_VERSION: text_literal(version)}
        rows = self._database.with_columns(rows, stamped)
        rows = self._database.with_steps(rows, prediction_steps(self.case, admitted))
        with refused("predictions"):
            return self._database.select(rows, predictions(self.case)).to_arrow_table()

    def pulse(self, predicted: pa.Table, rejected: pa.Table) -> pa.Table:
        """Rows of gold `pulse` without gold's bookkeeping columns; `rejected` has each rejected event's arrival."""
        columns = list(pulse_row_columns(self.case))
        found = self._database.select(self._database.rows(predicted), pulse(self.case)).to_arrow_table().select(columns)
        if not counts_rejected(self.case):
            return found
        bad = self._database.with_columns(self._database.rows(rejected), arrival_buckets(self.case))
        more = self._database.select(bad, rejected_pulse(self.case)).to_arrow_table().select(columns)
        return pa.concat_tables([found, more.cast(found.schema)])

    def spotlight(self, predicted: pa.Table, limit: int | None = None) -> pa.Table:
        """Rows of gold `spotlight` of one batch."""
        return self._database.select(self._database.rows(predicted), spotlight(self.case, limit)).to_arrow_table()
