"""The tools of a probe: paced calls whose answers are kept whatever they are, and row counts. Asks no questions."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from livegold.reporting.doctor.exchanges import Exchange, RecordingSession
from livegold.reporting.doctor.questions import NOT_COUNTED
from livegold.reporting.errors import LivegoldError, NotFound, Throttled, Transient
from livegold.reporting.powerbi import AtLeast, Dataset, PowerBIClient, Row, execute_query, sums_by
from livegold.reporting.powerbi.limits import MAX_POSTS_PER_MINUTE, MINUTE_SECONDS

log = logging.getLogger(__name__)

NAME = "livegold probe "
"""Prefix of the names of all datasets of a probe."""
# At three quarters of the allowed rate, nothing a probe observes is due to a rate limit.
PACE_SECONDS = MINUTE_SECONDS / (0.75 * MAX_POSTS_PER_MINUTE)
LONGEST_PAUSE_SECONDS = 120.0
# Accepted rows show up in queries within seconds; a sequence number is read back for longer.
SHOWS_WITHIN_SECONDS = 20.0
LOOK_SECONDS = 2.0
READ_BACK_SECONDS = 30.0
REMOVE_ATTEMPTS = 3
FIRST_LOOK_SECONDS = 0.1
# Resolution with which it is known when a number became readable.
FINE_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Answer:
    """The answer to a call: `error` if it was refused, `exchange` if there was any response."""

    value: Any = None
    error: LivegoldError | None = None
    exchange: Exchange | None = None

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def status(self) -> int | None:
        return self.exchange.status if self.exchange else getattr(self.error, "status", None)

    @property
    def words(self) -> str:
        """The answer in words: "accepted", "refused (400)" or "no answer"."""
        if self.error is None:
            return "accepted"
        return f"refused ({self.error.status})" if self.error.status else "no answer"


@dataclass(frozen=True)
class Result:
    """The answer to one question of `questions.QUESTIONS`, with the exchanges as evidence."""

    key: str
    answer: str
    detail: str = ""
    evidence: tuple[Exchange, ...] = ()


class Lab:
    """One probe's datasets, calls and results. `clock` gives seconds since the epoch; `sleep` waits some seconds."""

    def __init__(
        self,
        client: PowerBIClient,
        session: RecordingSession,
        claims: Mapping[str, object],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.client = client
        self.session = session
        self.claims = claims
        self.clock = clock
        self.sleep = sleep
        self.name = NAME + uuid.uuid4().hex[:8]
        self.dataset = ""
        self.can_query = False
        self.results: dict[str, Result] = {}
        self._sent_at = 0.0
        self._row = 0

    # Results.

    def found(self, key: str, answer: str, *given: Answer, detail: str = "") -> None:
        """Records the answer to a question; the first one counts."""
        evidence = tuple(a.exchange for a in given if a.exchange is not None)
        self.results.setdefault(key, Result(key, answer, detail, evidence))
        log.info("%s: %s", key, answer)

    # Calls.

    def attempt(self, call: Callable[[], Any]) -> Answer:
        """Makes a call and records the outcome. If the service asks for a pause, it waits and retries once."""
        answer = self.attempt_once(call)
        if isinstance(answer.error, Throttled):
            self.sleep(min(answer.error.retry_after or 1.0, LONGEST_PAUSE_SECONDS))
            answer = self.attempt_once(call)
        return answer

    def attempt_once(self, call: Callable[[], Any]) -> Answer:
        """The same without a retry."""
        self.session.reset()
        try:
            return Answer(call(), None, self.session.last)
        except LivegoldError as error:
            return Answer(None, error, self.session.last)

    def create(self, definition: Mapping[str, Any], retention: str) -> Answer:
        """Creates a dataset, which is the answer's `value`; one accepted but not returned is looked up by name."""
        answer = self.attempt(lambda: self.client.create_dataset(definition, retention))
        if answer.exchange is not None and answer.exchange.status < 300 and not isinstance(answer.value, Dataset):
            there = [d for d in self.client.datasets() if d.name == definition["name"]]
            return Answer(there[0] if there else None, None if there else answer.error, answer.exchange)
        return answer

    def post(self, table: str, rows: Sequence[Mapping[str, Any]] | bytes, number: int | None = None) -> Answer:
        """Posts rows to a table of the dataset, no sooner than the pace allows."""
        early = self._sent_at + PACE_SECONDS - self.clock()
        if early > 0:
            self.sleep(min(early, PACE_SECONDS))
        self._sent_at = self.clock()
        return self.attempt(lambda: self.client.post_rows(self.dataset, table, rows, number))

    def next_row(self) -> int:
        """A row number not used yet."""
        self._row += 1
        return self._row

    def numbers(self, table: str) -> Answer:
        return self.attempt(lambda: self.client.sequence_numbers(self.dataset, table))

    # Looking at what was stored.

    def rows(self, table: str, by: Sequence[str], first: int) -> list[Row] | None:
        """The rows from number `first` on, with the columns `by`; None if queries are refused."""
        query = sums_by(table, ["n", *by], {"times": "one"}, at_least=AtLeast("n", first))
        try:
            return execute_query(self.client, self.dataset, query)
        except Transient as error:
            self.sleep(min(error.retry_after or LOOK_SECONDS, LONGEST_PAUSE_SECONDS))
            return []
        except LivegoldError:
            return None

    def times(self, table: str, row: int) -> int | None:
        """How many times a row is stored, polled until it shows up or should have; None if it cannot be counted."""
        if not self.can_query:
            return None
        ends = self.clock() + SHOWS_WITHIN_SECONDS
        while True:
            rows = self.rows(table, [], row)
            if rows is None:
                return None
            found = sum(int(r["times"] or 0) for r in rows if r["n"] == row)
            if found or self.clock() >= ends:
                return found
            self.sleep(LOOK_SECONDS)

    def fate(self, answer: Answer, table: str, row: int, stored: str, dropped: str) -> str:
        """What happened to a row: refused, accepted and stored, accepted but not stored, or unknown."""
        if not answer.ok:
            return answer.words
        times = self.times(table, row)
        if times is None:
            return NOT_COUNTED
        return stored if times else dropped

    def read_back(self, table: str, number: int) -> tuple[float | None, Answer]:
        """Seconds until a number is shown for a table, None if it is not in time; and the last answer."""
        began, pause = self.clock(), FIRST_LOOK_SECONDS
        while True:
            asked = self.clock()
            answer = self.numbers(table)
            if answer.ok and any(n.number == number for n in answer.value):
                return asked - began, answer
            if self.clock() - began >= READ_BACK_SECONDS or isinstance(answer.error, NotFound):
                return None, answer
            self.sleep(pause)
            pause = min(2 * pause, FINE_LOOK_SECONDS)

    # Cleaning up.

    def remove(self) -> list[str]:
        """Deletes every dataset of this probe; returns the names of those left."""
        left = [self.name]
        for _ in range(REMOVE_ATTEMPTS):
            try:
                mine = [d for d in self.client.datasets() if d.name.startswith(self.name)]
            except LivegoldError as error:
                log.warning("looking for the datasets of the probe: %s", error)
                self.sleep(LOOK_SECONDS)
                continue
            left = [d.name for d in mine if not self._removed(d)]
            if not left:
                return []
            self.sleep(LOOK_SECONDS)
        return left

    def _removed(self, dataset: Dataset) -> bool:
        try:
            self.client.delete_dataset(dataset.id)
        except NotFound:
            return True
        except LivegoldError as error:
            log.warning("removing dataset %r: %s", dataset.name, error)
            return False
        return True


def columns(**types: str) -> list[dict[str, str]]:
    """Columns `n` and `one`, for identifying and counting rows, plus those given."""
    return [{"name": n, "dataType": t} for n, t in {"n": "Int64", "one": "Int64", **types}.items()]


def same(left: object, right: object) -> bool:
    """Whether two values are equal, comparing numbers regardless of type."""
    if isinstance(left, Decimal | int) and isinstance(right, Decimal | int) and not isinstance(left, bool):
        return Decimal(left) == Decimal(right)
    return left == right
