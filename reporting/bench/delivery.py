"""Sends days of gold through the real powerbi sink to the real local service in simulated time, and checks the result.

Whatever gold wrote while the sink was busy becomes one batch of the feed, as in a run: that is how a sink that had to
wait catches up. Prints nothing; `livegold.reporting.bench.shown` does.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from livegold.reporting.bench.clock import SimulatedClock
from livegold.reporting.bench.comparison import Compared, Comparison, random_filters
from livegold.reporting.bench.dax import DaxAnswers, engine_is_here
from livegold.reporting.bench.demand import HOUR, Demand
from livegold.reporting.bench.gold import Gold
from livegold.reporting.bench.simulated import GoldBatch, Simulation
from livegold.reporting.bench.stored import Stored, StoredAnswers
from livegold.reporting.bench.wire import CountingSession
from livegold.reporting.errors import CheckFailed
from livegold.reporting.powerbi import Session
from livegold.reporting.powerbi.limits import MAX_POSTS_PER_MINUTE, MAX_ROWS_BASIC_FIFO, MAX_ROWS_PER_HOUR
from livegold.reporting.schema import PULSE, SPOTLIGHT
from livegold.reporting.service.local_client import client_of
from livegold.reporting.service.server import LocalService
from livegold.reporting.sinks import FeedBatch, PowerBISink
from livegold.reporting.specification import UseCase

CHECKPOINTS = 6
FILTERS = 4
DAX_FILTERS = 1
# How often the service is asked how many rows it stored, in simulated seconds: the resolution of FIFO's edge.
COUNT_SECONDS = 120.0
EVENTS = "events in the newest whole tick of Totals"
# The first complete bucket if no row was dropped yet.
EVERYTHING = 0
# What the service answers once an hour, so that the client repeats the request with a new token.
TOKEN_EXPIRED = 403


@dataclass(frozen=True)
class Check:
    """A condition that must hold, with what was found."""

    name: str
    wanted: str
    found: str
    passed: bool


@dataclass(frozen=True)
class Checkpoint:
    """The service's rows compared with gold at one moment. `span` is the time Pulse holds completely, in seconds."""

    hour: float
    spell: str
    stored: int
    held: int
    span: float
    compared: Compared
    dax: Compared | None
    seconds: float


@dataclass
class Told:
    """What the simulation offered the sink."""

    events: int = 0
    late: int = 0
    gold_batches: int = 0
    feed_batches: int = 0
    pulse_rows: int = 0
    spotlight_rows: int = 0
    refused_sums: int = 0
    refused_values: int = 0
    long_texts: int = 0
    behind: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Delivered:
    """A use case from start to end."""

    case: str
    demand: Demand
    told: Told
    rows: dict[str, int]
    posts: int
    events_shown: int
    statuses: dict[int, int]
    most_rows_an_hour: int
    most_posts_a_minute: int
    held: dict[str, int]
    thinned: int
    cut: int
    nulled: int
    checkpoints: tuple[Checkpoint, ...]
    checks: tuple[Check, ...]
    wall_seconds: float
    compared_seconds: float

    @property
    def behind(self) -> tuple[float, float]:
        """Seconds from gold to Power BI: the median and the longest."""
        return statistics.median(self.told.behind), max(self.told.behind)

    def require(self) -> None:
        """Raises CheckFailed for the first check that did not pass."""
        for check in self.checks:
            if not check.passed:
                raise CheckFailed(f"{self.case}: {check.name}: wanted {check.wanted}, found {check.found}")


class Delivery:
    """One use case: `run`, then any number of `compare` while the service is running. `folder` must not exist."""

    def __init__(
        self,
        case: UseCase,
        demand: Demand,
        service: LocalService,
        clock: SimulatedClock,
        folder: Path,
        say: Callable[[str], None] = lambda line: None,
        *,
        checkpoints: int = CHECKPOINTS,
        filters: int = FILTERS,
    ) -> None:
        self._case = case
        self._demand = demand
        self._service = service
        self._clock = clock
        self._say = say
        self._number_of_checkpoints = checkpoints
        self._filters = filters
        self._start = clock()
        self._simulation = Simulation(case, demand, self._start)
        self._wire = CountingSession(service.endpoint.ca, clock)
        self._sink = PowerBISink(
            case,
            client_of(service, self._wire),
            folder / "sink",
            clock=clock,
            sleep=clock.sleep,
            rng=random.Random(demand.seed),
        )
        self._gold = Gold(case, folder / "gold")
        self._reading = Session(service.endpoint.ca)
        self._told = Told()
        self._edge: list[tuple[int, int]] = []  # (rows of Pulse stored, newest bucket in them)
        self._checkpoints: list[Checkpoint] = []
        self._spell = "usual"

    def close(self) -> None:
        self._sink.close()
        self._gold.close()
        self._reading.close()

    @property
    def stored(self) -> Stored:
        """What the service has stored for this use case, once the sink is open."""
        return Stored(self._case, self._service.endpoint.api, self._sink.dataset, self._reading)

    def run(self) -> Delivered:
        """Runs all hours, with checkpoints along the way; raises what the sink raises, but never CheckFailed."""
        begun = time.monotonic()
        self._sink.open()
        parts = self._number_of_checkpoints
        due = [self._start + self._demand.seconds * (n + 1) / parts for n in range(parts - 1)]
        due += [self._start + s.last - 1 for s in self._demand.spells if s.rate]
        due.sort()
        counted = 0.0
        for number, batches in enumerate(self._feed()):
            self._write(number, batches)
            if self._clock() - counted >= COUNT_SECONDS:
                counted = self._clock()
                self._note_edge()
            if due and self._clock() >= due[0]:
                due = [d for d in due if d > self._clock()]
                self.compare(random.Random(number), self._filters)
        self.compare(random.Random(0), 2 * self._filters)
        return self.outcome(time.monotonic() - begun)

    def compare(self, rng: random.Random, filters: int) -> Checkpoint:
        """Compares the service's rows with gold now."""
        begun = time.monotonic()
        self._note_edge()
        self._gold.ready()
        stored, held = self.stored.counts(PULSE)
        whole_from = self._whole_from(stored - held)
        pulse, totals = self.stored.pulse(), self.stored.totals()
        values = {d.name: self._gold.values(d.name) for d in self._case.all_dimensions}
        contexts = random_filters(self._case, values, filters, rng)
        answers = StoredAnswers(self._case, pulse, totals)
        try:
            comparison = Comparison(self._case, self._gold, answers, whole_from)
            compared = comparison.compare(contexts, rng)
        finally:
            answers.close()
        dax = None
        if engine_is_here():
            dax = comparison.compare_dax(self._dax_answers(pulse, totals), contexts[: 1 + DAX_FILTERS])
        assert self._gold.newest is not None
        assert self._gold.oldest is not None
        found = Checkpoint(
            hour=(self._clock() - self._start) / HOUR,
            spell=self._spell,
            stored=stored,
            held=held,
            span=(self._gold.newest + 1 - max(whole_from, self._gold.oldest)) * self._case.bucket_seconds,
            compared=compared,
            dax=dax,
            seconds=time.monotonic() - begun,
        )
        self._checkpoints.append(found)
        self._say(
            f"{self._case.name}: hour {found.hour:.1f} ({found.spell}): {self._told.events:,} events, Pulse"
            f" {stored:,} rows, {compared.values:,} values compared, {len(compared.differences)} differ"
        )
        return found

    def outcome(self, wall_seconds: float) -> Delivered:
        """The figures, and the checks of everything that must hold. Asks sink and service once more."""
        status = self._sink.status()
        definition = self.stored.definition()
        events = self._case.events_column
        assert events is not None
        shown = sum(self.stored.totals().column(events).to_pylist())
        held = {t["name"]: t["held"] for t in definition["tables"]}
        stored = {t["name"]: t["stored"] for t in definition["tables"]}
        return Delivered(
            case=self._case.name,
            demand=self._demand,
            told=self._told,
            rows=stored,
            posts=sum(self._wire.posts.values()),
            events_shown=shown,
            statuses=dict(self._wire.statuses),
            most_rows_an_hour=self._wire.rows_an_hour.most,
            most_posts_a_minute=self._wire.posts_a_minute.most,
            held=held,
            thinned=status["spotlight_thinned"],
            cut=status["strings_cut"],
            nulled=status["values_nulled"],
            checkpoints=tuple(self._checkpoints),
            checks=(*self._checks(dict(status), stored, held), _equal(EVENTS, self._told.events, shown)),
            wall_seconds=wall_seconds,
            compared_seconds=sum(c.seconds for c in self._checkpoints),
        )

    def _feed(self) -> Iterator[list[GoldBatch]]:
        """What gold wrote since the sink was last ready, or else the next batch."""
        waiting: list[GoldBatch] = []
        for batch in self._simulation.batches():
            if waiting and batch.ends > self._clock():
                yield waiting
                waiting = []
            # The sink may have let time pass, so that this one is already due.
            if not waiting:
                self._clock.wait_until(batch.ends)
            waiting.append(batch)
        if waiting:
            yield waiting

    def _write(self, number: int, batches: list[GoldBatch]) -> None:
        pulse = pa.concat_tables([b.pulse for b in batches])
        spotlight = pa.concat_tables([b.spotlight for b in batches])
        self._spell = batches[-1].spell
        self._gold.add(pulse)
        told = self._told
        told.events += sum(b.events for b in batches)
        told.late += sum(b.late for b in batches)
        told.gold_batches += len(batches)
        told.feed_batches += 1
        told.pulse_rows += pulse.num_rows
        told.spotlight_rows += spotlight.num_rows
        told.refused_sums += sum(b.refused_sums for b in batches)
        told.refused_values += sum(b.refused_values for b in batches)
        told.long_texts += sum(b.long_texts for b in batches)
        self._sink.write(
            FeedBatch(
                number=number,
                pulse=pulse,
                spotlight=spotlight,
                dimensions=self._simulation.dimensions(batches[-1].ends),
                feed="simulated",
            )
        )
        told.behind += [self._clock() - b.ends for b in batches]

    def _note_edge(self) -> None:
        assert self._gold.newest is not None
        stored, _ = self.stored.counts(PULSE)
        self._edge.append((stored, self._gold.newest))

    def _whole_from(self, dropped: int) -> int:
        """The first bucket of which FIFO dropped no row: no row has a later bucket than gold had when it was stored."""
        if dropped == 0:
            return EVERYTHING
        return next(newest for stored, newest in self._edge if stored >= dropped) + 1

    def _dax_answers(self, pulse: pa.Table, totals: pa.Table) -> DaxAnswers:
        dimensions = {d.table: self.stored.rows(d.table) for d in self._case.all_dimensions}
        return DaxAnswers(self._case, self.stored.definition(), pulse, totals, dimensions)

    def _checks(self, status: dict[str, object], stored: dict[str, int], held: dict[str, int]) -> Iterator[Check]:
        wire, told = self._wire, self._told
        yield _equal("429 answers to livegold", 0, wire.statuses[429])
        others = sum(n for status, n in wire.statuses.items() if status not in (200, TOKEN_EXPIRED))
        yield _equal("POSTs answered with neither 200 nor an expired token", 0, others)
        yield _at_most("rows in any hour", MAX_ROWS_PER_HOUR, wire.rows_an_hour.most)
        yield _at_most("POSTs in any minute", MAX_POSTS_PER_MINUTE, wire.posts_a_minute.most)
        ever, now = stored[PULSE], held[PULSE]
        yield Check(
            "Pulse past what basicFIFO holds",
            f"over {MAX_ROWS_BASIC_FIFO:,} rows, {MAX_ROWS_BASIC_FIFO:,} held",
            f"{ever:,} rows, {now:,} held",
            ever > MAX_ROWS_BASIC_FIFO == now,
        )
        tables = status["tables"]
        assert isinstance(tables, dict)
        ledger = {name: figures["rows"] for name, figures in tables.items()}
        yield _equal("rows by the ledger and by the service", {n: s for n, s in stored.items() if s}, ledger)
        names = {d.table: d.name for d in self._case.all_dimensions}
        bounds = self._simulation.bounds
        for table, name in names.items():
            if name in bounds:
                yield _equal(f"values of {table} at its bound", bounds[name], held[table])
        thinned = status["spotlight_thinned"]
        assert isinstance(thinned, int)
        yield _equal("spotlight offered = stored + thinned", told.spotlight_rows, stored[SPOTLIGHT] + thinned)
        yield _equal("texts over 4,000 characters cut and counted", wire.cut_texts, status["strings_cut"])
        yield self._check_nulled(status["values_nulled"], told.long_texts - wire.cut_texts)
        for what, found in (
            ("SQL", [c.compared for c in self._checkpoints]),
            ("DAX", [c.dax for c in self._checkpoints if c.dax is not None]),
        ):
            if not found and what == "DAX":
                continue
            differences = [d for c in found for d in c.differences]
            yield Check(
                f"measures on the service's rows ({what}) equal to gold",
                "no value differs",
                f"{sum(c.values for c in found):,} values, {len(differences)} differ"
                + (f", first {differences[0]}" if differences else ""),
                not differences and sum(c.values for c in found) > 0,
            )

    def _check_nulled(self, nulled: object, not_sent: int) -> Check:
        """All refused sums, plus the refused values of spotlight rows that were sent: `not_sent` rows were thinned."""
        told = self._told
        least = told.refused_sums + (0 if not_sent else told.refused_values)
        most = told.refused_sums + told.refused_values
        wanted = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        assert isinstance(nulled, int)
        name = "values that Power BI refuses nulled and counted"
        return Check(name, wanted, f"{nulled:,}", least <= nulled <= most)


def _equal(name: str, wanted: object, found: object) -> Check:
    return Check(name, _shown(wanted), _shown(found), wanted == found)


def _at_most(name: str, limit: int, found: int) -> Check:
    return Check(name, f"at most {limit:,}", f"{found:,}", found <= limit)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v:,}" for k, v in sorted(value.items()))
    return f"{value:,}" if isinstance(value, int) else str(value)
