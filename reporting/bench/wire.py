"""Traffic to and from the service: POSTs, rows and statuses, counted at the HTTP session."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any
from urllib.parse import unquote

import requests

from livegold.reporting.bench.clock import SimulatedClock
from livegold.reporting.powerbi import Session
from livegold.reporting.powerbi.limits import HOUR_SECONDS, MINUTE_SECONDS
from livegold.reporting.sinks import CUT_MARK

# Simulated seconds that a response takes.
ANSWER_SECONDS = 0.1


class Sliding:
    """The maximum amount within any `window` seconds."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._came: deque[tuple[float, int]] = deque()
        self._sum = 0
        self.most = 0

    def add(self, at: float, amount: int) -> None:
        self._came.append((at, amount))
        self._sum += amount
        while self._came[0][0] <= at - self._window:
            self._sum -= self._came.popleft()[1]
        self.most = max(self.most, self._sum)


class CountingSession(Session):
    """A session that counts POSTs of rows by response status. A response takes simulated time."""

    def __init__(self, ca: str, clock: SimulatedClock) -> None:
        super().__init__(ca)
        self._clock = clock
        self.statuses: Counter[int] = Counter()
        self.rows: Counter[str] = Counter()
        self.posts: Counter[str] = Counter()
        self.cut_texts = 0
        self.rows_an_hour = Sliding(HOUR_SECONDS)
        self.posts_a_minute = Sliding(MINUTE_SECONDS)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        sent = self._clock()
        answer = super().request(method, url, *args, **options)
        self._clock.sleep(ANSWER_SECONDS)
        if method == "POST" and str(url).endswith("/rows"):
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                # Rows are flat and no simulated text contains a brace: one for the body, one for each row.
                rows = options["data"].count(b"{") - 1
                table = unquote(str(url).rsplit("/", 2)[1])
                self.rows[table] += rows
                self.posts[table] += 1
                self.cut_texts += options["data"].count(CUT_MARK.encode())
                self.rows_an_hour.add(sent, rows)
                self.posts_a_minute.add(sent, 1)
        return answer
