"""Reads files of events (CSV, JSON lines, Parquet) as a use case's events. Does not publish them.

Columns and keys are matched to fields by name or alias, coded values become names, and whatever matches no field is
left out. Invalid data is kept: text that should be a number is passed on as text, and a line that is not JSON is passed
on byte for byte, so that the pipeline reports what is wrong and not this reader. Rows come in order of event time;
those whose time cannot be read come last. Memory does not grow with a CSV or Parquet file; JSON lines take 16 bytes a
line.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import count as count_from
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import orjson

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.pipeline import read_time
from livegold.reporting.schema import REPLAY_TIME
from livegold.reporting.specification import Field, UseCase
from livegold.streams.hub.publisher import Event

READ_MEMORY = "1GB"
"""Memory that sorting a file may use; beyond this it spills to temporary files."""
_ROWS = 10_000
_SAMPLE = 1_000  # rows examined to find out which fields a file has

_KINDS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".jsonl": "json", ".ndjson": "json", ".json": "json"}
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_WHOLE_AS_FRACTION = re.compile(r"(-?\d+)\.0+")


class EventFile:
    """One file, as events of a use case. The constructor checks the file, reading only a sample of its rows.

    Raises WrongUse if the file is missing, of an unknown kind or unreadable, or has no column for a required field
    (except for the business key: a row without one gets a digest of its content as its key).
    """

    def __init__(self, path: Path, use_case: UseCase) -> None:
        if not path.is_file():
            raise WrongUse(f"event file {path} does not exist: give the path of {_kinds()} file")
        kind = _KINDS.get(_suffix(path))
        if kind is None:
            raise WrongUse(f"event file {path} is of no known kind: give {_kinds()} file")
        self.path = path
        self.use_case = use_case
        self._rows: _Table | _Lines = (
            _Lines(path, ZoneInfo(use_case.time_zone)) if kind == "json" else _Table(path, kind)
        )
        self._mapping = _Mapping(use_case)
        columns, fields = self._look()
        self.columns = tuple(columns)
        """The file's columns, as named in the file."""
        self.ignored = tuple(c for c in columns if self._mapping.field(c) is None)
        """Columns that match no field by name (a use case's `file_row` may still use them)."""
        required = {f.name for f in use_case.fields if f.required} - {use_case.event_id}
        if not fields or required - fields:
            raise WrongUse(
                f"event file {path} has no column for {choices(sorted(required - fields) or ['any field'])} of "
                f"{use_case.name}: found {', '.join(columns) or 'none'}; expected {self._mapping.expected()}"
            )

    def _look(self) -> tuple[list[str], set[str]]:
        columns = dict.fromkeys(self._rows.columns)
        fields = {f.name for c in columns if (f := self._mapping.field(c)) is not None}
        texts = isinstance(self._rows, _Table)
        for row in self._rows.sample(_SAMPLE):
            columns |= dict.fromkeys(row)
            fields |= set(self._mapping.fields_of(row, texts))
        return list(columns), fields

    @cached_property
    def count(self) -> int:
        """Rows in the file."""
        return self._rows.count()

    def events(self, round: int = 0) -> Iterator[dict[str, Any] | bytes]:
        """Every row once, in order of event time, as an event's JSON object, or as bytes if it is not an object.

        If the file has no business key, a digest of the row is used: equal rows have equal keys. In a `round` above 0
        keys end in `-<round>`; otherwise the whole round would be duplicates.
        """
        for event, line in self.with_lines(round):
            yield event if event is not None else line or b""

    def with_lines(self, round: int = 0) -> Iterator[tuple[dict[str, Any] | None, bytes | None]]:
        """Like `events`, but each with the file's original bytes where they are equivalent (JSON lines only).

        The event is None if the bytes are not a JSON object.
        """
        key = self.use_case.event_id
        texts = isinstance(self._rows, _Table)
        for row, line in self._rows.ordered(self._time_columns()):
            if row is None:
                yield None, line
                continue
            event = self._mapping.fields_of(row, texts)
            if key is not None:
                if key not in event:
                    event = {key: _digest(row), **event}
                if round:
                    event[key] = f"{event[key]}-{round}"
            yield event, line if line is not None and event == row else None

    def _time_columns(self) -> list[str]:
        return [c for c in self.columns if (f := self._mapping.field(c)) and f.name == self.use_case.event_time]


def replay(
    file: EventFile,
    *,
    rate: float | None = None,
    start: datetime | None = None,
    loop: bool = False,
    keep_times: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Event]:
    """The file's events as keys and bytes for the hub, repeated endlessly with `loop`.

    A replay is shown as if it happened now: each event gets the field `replay_time`, the moment it is due to be
    published: `start` + position / `rate` (without a rate, `now()`). The original times are kept, so that the model
    sees what it would have seen. (Events are spread over the replay by position, not in proportion to their times:
    nights would otherwise be gaps in a live window.) With `keep_times` nothing is added. A line that is not a JSON
    object is passed on unchanged.
    """
    start = start or now()
    key = file.use_case.event_id
    position = 0
    for round in count_from():
        for event, line in file.with_lines(round):
            if event is None:
                yield None, line or b""
            else:
                own = str(event[key]) if key is not None else None
                if keep_times:
                    yield own, line if line is not None else orjson.dumps(event)
                else:
                    due = now() if rate is None else start + timedelta(seconds=position / rate)
                    yield own, _with_time(event, line, _iso(due))
            position += 1
        if not loop or position == 0:
            return


class _Mapping:
    """Maps a row of a file, whatever its columns are called, to the fields of a use case."""

    def __init__(self, use_case: UseCase) -> None:
        self._use_case = use_case
        self._by_name: dict[str, Field] = {}
        for field in use_case.fields:
            for alias in field.aliases:
                self._by_name.setdefault(alias.lower(), field)
        self._by_name |= {field.name.lower(): field for field in use_case.fields}
        self._columns: dict[str, tuple[str, Field | None]] = {}
        self._convert = {field.name: _converter(field) for field in use_case.fields}

    def field(self, column: str) -> Field | None:
        return self._by_name.get(column.strip().lower())

    def expected(self) -> str:
        return ", ".join(" or ".join((f.name, *f.aliases)) for f in self._use_case.fields)

    def fields_of(self, row: Mapping[str, Any], texts: bool) -> dict[str, Any]:
        """The row's fields. With `texts` its values are table cells: empty ones are omitted, the others converted."""
        found: dict[str, Any] = {}
        for column, value in row.items():
            if texts and (value is None or value == ""):
                continue
            if column not in self._columns:
                self._columns[column] = column.strip().lower(), self.field(column)
            name, field = self._columns[column]
            found.setdefault(name, value)
            if field is not None:
                found[field.name] = _decoded(field, value) if field.codes else value
        if self._use_case.file_row is not None:
            found = dict(self._use_case.file_row(found))
        if not texts:
            return {name: value for name, value in found.items() if name in self._convert}
        return {name: convert(found[name]) for name, convert in self._convert.items() if name in found}


def _decoded(field: Field, value: Any) -> Any:
    text = str(value)
    if text in field.codes:
        return field.codes[text]
    whole = _WHOLE_AS_FRACTION.fullmatch(text)  # tools turn a column of codes with gaps into floating point
    return field.codes.get(whole[1], value) if whole else value


def _converter(field: Field) -> Callable[[Any], Any]:
    """A function from a cell's text to the JSON value of its field; text that cannot be converted is kept."""
    if field.type == "boolean":
        return lambda v: {"true": True, "false": False}.get(v.strip().lower(), v) if isinstance(v, str) else v
    if field.type == "int":
        return _whole
    if field.type == "double" or field.type.startswith("decimal"):
        return _number
    return lambda v: v


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not _JSON_NUMBER.fullmatch(text):
        return value
    number = float(text)
    # 1e999 is read as infinity, which JSON does not have; digits beyond a double's precision would be lost.
    exact = len(text.lstrip("-0.")) <= 16
    return number if exact and abs(number) != float("inf") else value


def _whole(value: Any) -> Any:
    number = _number(value)
    is_whole = isinstance(number, float) and number.is_integer() and abs(number) < 2**53
    return int(number) if is_whole else number


def _digest(row: Mapping[str, Any]) -> str:
    content = orjson.dumps([[k, v] for k, v in sorted(row.items()) if v is not None])
    return hashlib.blake2b(content, digest_size=10).hexdigest()


class _Table:
    """Rows of a CSV or Parquet file as text, sorted on disk if they do not fit into memory."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path = path
        self._source = "read_parquet($path)"
        if kind == "csv":
            # Blank lines and missing cells at the end of a line are invalid data, not a reason to stop.
            self._source = (
                "read_csv($path, all_varchar = true, header = true, null_padding = true, strict_mode = false)"
            )
        with self._connection() as connection:
            self.columns = [r[0] for r in self._run(connection, f"DESCRIBE SELECT * FROM {self._source}").fetchall()]

    def sample(self, most: int) -> Iterator[dict[str, Any]]:
        with self._connection() as connection:
            yield from self._dicts(self._run(connection, f"SELECT {self._texts()} FROM {self._source} LIMIT {most}"))

    def count(self) -> int:
        with self._connection() as connection:
            row = self._run(connection, f"SELECT count(*) FROM {self._source}").fetchone()
        assert row is not None
        return int(row[0])

    def ordered(self, time_columns: list[str]) -> Iterator[tuple[dict[str, Any], None]]:
        times = ", ".join(f"try_cast({_name(c)} AS TIMESTAMP)" for c in time_columns)
        by = f"coalesce({times}) NULLS LAST, " if times else ""
        query = (
            f"SELECT * EXCLUDE (livegold_row) FROM (SELECT {self._texts()}, row_number() OVER () AS livegold_row "
            f"FROM {self._source}) ORDER BY {by}livegold_row"
        )
        with self._connection() as connection:
            for row in self._dicts(self._run(connection, query)):
                yield row, None

    def _texts(self) -> str:
        return ", ".join(f"CAST({_name(c)} AS VARCHAR) AS {_name(c)}" for c in self.columns)

    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(
            config={"memory_limit": READ_MEMORY, "temp_directory": tempfile.gettempdir(), "threads": 2}
        )
        connection.execute("SET TimeZone = 'UTC'")  # a Parquet time with a zone has to read the same everywhere
        return connection

    def _run(self, connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyConnection:
        try:
            return connection.execute(query, {"path": str(self._path)})
        except duckdb.Error as error:
            raise self._unreadable(error) from error

    def _dicts(self, result: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
        names = [column[0] for column in result.description]
        while True:
            try:
                rows = result.fetchmany(_ROWS)
            except duckdb.Error as error:
                raise self._unreadable(error) from error
            if not rows:
                return
            for row in rows:
                yield dict(zip(names, row, strict=True))

    def _unreadable(self, error: duckdb.Error) -> WrongUse:
        first = " ".join(str(error).split("Possible ")[0].split())
        return WrongUse(f"event file {self._path} cannot be read: {first[:300]}")


class _Lines:
    """Lines of a JSON-lines file: first an index of times and byte positions, then each line from its position."""

    columns: tuple[str, ...] = ()

    def __init__(self, path: Path, zone: tzinfo) -> None:
        self._path = path
        self._zone = zone

    def sample(self, most: int) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as lines:
            for _, line in zip(range(most), lines, strict=False):
                row = _object(line)
                if row is not None:
                    yield row

    def count(self) -> int:
        with self._path.open("rb") as lines:
            return sum(1 for _ in lines)

    def ordered(self, time_columns: list[str]) -> Iterator[tuple[dict[str, Any] | None, bytes]]:
        if self._path.stat().st_size == 0:
            return
        places, times = self._index(time_columns)
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number in np.argsort(times, kind="stable").tolist():
                line = data[places[number] : places[number + 1]].removesuffix(b"\n").removesuffix(b"\r")
                yield _object(line), line

    def _index(self, time_columns: list[str]) -> tuple[Any, Any]:
        places, times = [0], []
        with self._path.open("rb") as lines:
            for line in lines:
                places.append(places[-1] + len(line))
                times.append(_time(_object(line), time_columns, self._zone))
        return np.array(places, dtype=np.int64), np.array(times, dtype=np.float64)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _time(row: Mapping[str, Any] | None, columns: Iterable[str], zone: tzinfo) -> float:
    for column in columns:
        try:
            return read_time(str((row or {})[column]), zone).timestamp()
        except (KeyError, ValueError, OverflowError):
            continue
    return float("inf")


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _with_time(event: dict[str, Any], line: bytes | None, moment: str) -> bytes:
    if line is None or REPLAY_TIME in event or not event:
        return orjson.dumps(event | {REPLAY_TIME: moment})
    # Serializing the event again would drop a duplicated key, and with it an error that the pipeline has to find.
    return line.rstrip()[:-1] + f',"{REPLAY_TIME}":"{moment}"}}'.encode()


def _suffix(path: Path) -> str:
    # DuckDB decompresses CSV by itself.
    return path.with_suffix("").suffix.lower() if path.name.lower().endswith(".csv.gz") else path.suffix.lower()


def _kinds() -> str:
    return "a " + choices(_KINDS)


def _name(column: str) -> str:
    escaped = column.replace('"', '""')
    return f'"{escaped}"'
