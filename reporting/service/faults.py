"""Injected faults: what the next matching requests get instead of, before or after their real answer.

Set only through `/_local/faults`. A fault specifies the requests it applies to by method and part of the path, how many
(`times`) or for how long (`seconds` of the service's clock), and what happens: a status, a delay, a dropped connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from livegold.reporting.service.problems import bad_request

CUTS = ("", "before", "after")
MAX_SECONDS = 86_400.0


@dataclass
class Fault:
    """`cut` is "before" (nothing is stored) or "after" (stored, but the answer is lost). `skip` requests pass first.

    `delay` and `retry_after` are in seconds. With `seconds` the fault lasts that long and `times` is ignored. An empty
    `method` or `path` matches any.
    """

    path: str = "/rows"
    method: str = "POST"
    times: int = 1
    skip: int = 0
    status: int = 0
    code: str = ""
    message: str = ""
    retry_after: float = 0.0
    delay: float = 0.0
    cut: str = ""
    empty: bool = False
    seconds: float = 0.0


class Faults:
    """The faults waiting for their requests, in the order they were set."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._waiting: list[Fault] = []
        self._until: dict[int, float] = {}
        self._lock = threading.Lock()

    def add(self, body: Any) -> dict[str, Any]:
        """Adds a fault from its JSON; raises a Problem of 400 naming an invalid key or value."""
        kinds = {f.name: type(f.default) for f in fields(Fault)}
        if not isinstance(body, dict):
            raise bad_request("a fault is a JSON object")
        for key, value in body.items():
            kind = kinds.get(key)
            number = kind is float and isinstance(value, int) and not isinstance(value, bool)
            if kind is None or not (type(value) is kind or number):
                what = f"{key[:40]!r} = {str(value)[:40]!r}"
                raise bad_request(f"fault: {what} is not one of {', '.join(kinds)} with a value of its type")
        fault = Fault(**body)
        if fault.cut not in CUTS:
            raise bad_request(f"fault: cut {fault.cut[:40]!r} is not 'before' or 'after'")
        if fault.status and not 400 <= fault.status <= 599:
            raise bad_request(f"fault: status {fault.status} is not 400 to 599")
        for name in ("retry_after", "delay", "seconds"):
            if not 0 <= getattr(fault, name) <= MAX_SECONDS:
                raise bad_request(f"fault: {name} {getattr(fault, name)!r} is not 0 to {MAX_SECONDS:.0f}")
        with self._lock:
            self._waiting.append(fault)
            if fault.seconds:
                self._until[id(fault)] = self._clock() + fault.seconds
        return asdict(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._until.clear()

    def waiting(self) -> list[dict[str, Any]]:
        with self._lock:
            self._drop_old()
            return [asdict(f) for f in self._waiting]

    def next(self, method: str, path: str) -> Fault | None:
        """The fault for this request, counted down; usually None."""
        with self._lock:
            self._drop_old()
            for fault in self._waiting:
                if fault.method in ("", method) and fault.path in path:
                    if fault.skip > 0:
                        fault.skip -= 1
                        return None
                    if fault.seconds:
                        return fault
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def _drop_old(self) -> None:
        now = self._clock()
        for fault in [f for f in self._waiting if f.seconds and self._until[id(f)] <= now]:
            self._waiting = [f for f in self._waiting if f is not fault]
            del self._until[id(fault)]
