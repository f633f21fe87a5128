"""Follows a dataset of the local service: requests only new rows, and puts them into `Tables`. Computes nothing.

A table holds the rows numbered (stored - held, stored]: basicFIFO drops the oldest, and so do we. A dataset that was
deleted is looked up again by its name; one that was recreated is read from its start.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.json as pj
import requests

from livegold.dashboards.preview.tables import Tables
from livegold.reporting.errors import LivegoldError, WrongUse
from livegold.reporting.home import read_endpoint
from livegold.reporting.powerbi import Session

ASK_SECONDS = 0.05
GONE_SECONDS = 0.5
"""Pause after the service did not answer."""
PAGE_ROWS = 50_000
TIMEOUT = (2.0, 30.0)


@dataclass(frozen=True)
class Source:
    """The state of a source: `problem` says in plain words why no rows come; `rows_at` (epoch) is the last arrival."""

    name: str
    problem: str = "not asked yet"
    rows_at: float | None = None
    rows: int = 0


class ServiceRows:
    """Keeps `tables` in sync with the dataset `name` of the service that runs for `home`. `clock` is in seconds."""

    def __init__(self, tables: Tables, home: Path, name: str, clock: Callable[[], float] = time.time) -> None:
        self._tables = tables
        self._home = home
        self._clock = clock
        self._dataset = ""
        self._seen: dict[str, int] = {}
        self._held: dict[str, int] = {}
        self._firsts: dict[str, int] = {}
        self._session: Session | None = None
        self._api = ""
        self.source = Source(name)

    def step(self) -> bool:
        """Polls once; returns whether rows changed. Errors go to `source.problem`, and the next step retries."""
        try:
            changed = self._follow()
        except requests.RequestException:
            self._session = None
            self._problem("the local Power BI service does not answer")
            return False
        except LivegoldError as error:
            self._session = None
            self._problem(str(error))
            return False
        if changed:
            self.source = replace(self.source, problem="", rows_at=self._clock(), rows=sum(self._held.values()))
        elif self.source.problem:
            self._problem("")
        return changed

    def run(self, stop: threading.Event, changed: Callable[[], None]) -> None:
        """Polls until told to stop; `changed` is called when rows or the source's state changed."""
        while not stop.is_set():
            before = self.source
            begun = time.monotonic()
            new = self.step()
            if new or before.problem != self.source.problem:
                changed()
            pause = GONE_SECONDS if self.source.problem else ASK_SECONDS
            stop.wait(max(0.0, pause - (time.monotonic() - begun)))

    def _follow(self) -> bool:
        shown = self._definition()
        if shown is None:
            return self._tables.commit()
        with self._tables.lock:
            for table in shown["tables"]:
                if table["name"] in self._tables.names:
                    self._follow_table(table["name"], int(table["stored"]), int(table["held"]))
            return self._tables.commit()

    def _follow_table(self, table: str, stored: int, held: int) -> None:
        seen = self._seen.get(table, 0)
        first = stored - held
        before = self._firsts.get(table, 0)
        if self._held.get(table, 0) and (held == 0 or (first > before and not self._tables.is_fact(table))):
            self._tables.empty(table)
            seen = first
        elif first > before:
            self._tables.drop(table, first)
        self._firsts[table] = first
        after = max(seen, first)
        while after < stored:
            rows, last = self._rows(table, after)
            if not rows.num_rows:
                break
            self._tables.add(table, rows, last - rows.num_rows + 1)
            after = last
        self._seen[table], self._held[table] = max(after, stored - held), held

    def _rows(self, table: str, after: int) -> tuple[pa.Table, int]:
        url = f"{self._root}/tables/{quote(table, safe='')}/rows?after={after}&limit={PAGE_ROWS}"
        answer = self._get(url)
        return rows_of(answer.content, self._tables.schema(table))

    def _definition(self) -> dict[str, Any] | None:
        """The dataset with its row counts. If there is none of the name, drops all rows and raises WrongUse."""
        if self._dataset:
            answer = self._ask(f"{self._root}")
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                return found
        named = [d for d in self._get(f"{self._service()}/_local/datasets").json()["value"] if self._is_ours(d)]
        if not named:
            if self._dataset or self._tables.newest is not None:
                self._forget("")
            raise WrongUse(f"the dataset {self.source.name!r} is not there yet: it comes with the first rows")
        if named[-1]["id"] != self._dataset:
            self._forget(named[-1]["id"])
        shown: dict[str, Any] = self._get(self._root).json()
        return shown

    def _is_ours(self, dataset: dict[str, Any]) -> bool:
        return bool(dataset["name"] == self.source.name)

    def _forget(self, dataset: str) -> None:
        self._tables.clear()
        self._tables.commit()
        self._dataset, self._seen, self._held, self._firsts = dataset, {}, {}, {}

    @property
    def _root(self) -> str:
        return f"{self._service()}/_local/datasets/{self._dataset}"

    def _service(self) -> str:
        if self._session is None:
            endpoint = read_endpoint(self._home)
            self._session = Session(endpoint.ca, TIMEOUT)
            self._api = endpoint.api.rstrip("/")
        return self._api

    def _get(self, url: str) -> requests.Response:
        answer = self._ask(url)
        answer.raise_for_status()
        return answer

    def _ask(self, url: str) -> requests.Response:
        self._service()
        assert self._session is not None
        return self._session.get(url)

    def _problem(self, text: str) -> None:
        self.source = replace(self.source, problem=text)


def rows_of(body: bytes, schema: pa.Schema) -> tuple[pa.Table, int]:
    """The rows in the service's answer, with exact decimals, and the number of the last row."""
    head = json.loads(body[: body.index(b',"rows":[')] + b"}")
    wanted = pa.schema([("rows", pa.list_(pa.struct(list(schema))))])
    read = pj.read_json(
        io.BytesIO(body),
        # A single block, because a block must contain the whole object.
        read_options=pj.ReadOptions(block_size=len(body) + 64),
        parse_options=pj.ParseOptions(explicit_schema=wanted, unexpected_field_behavior="ignore"),
    )
    structs = read.column("rows").combine_chunks().flatten()
    columns = {field.name: structs.field(i) for i, field in enumerate(structs.type)}
    return pa.table({f.name: columns[f.name] for f in schema}, schema=schema), int(head["last"])
