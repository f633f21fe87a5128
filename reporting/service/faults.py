"""Faults on demand: what the next matching requests meet instead of, before or after their real answer.

Set through `/_local/faults` only. A fault names the requests it is for by method and a part of the path, how many
(`times`), and what happens: a status, a delay in seconds, a cut connection.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

from reporting.service.problems import bad_request

CUTS = ("", "before", "after")


@dataclass
class Fault:
    """`cut` is "before" (nothing is stored) or "after" (stored, but the answer is lost). `skip` requests pass first."""

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


class Faults:
    """The faults that wait for their requests, in the order they were set."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, body: Any) -> dict[str, Any]:
        """A fault from its JSON; a Problem of 400 names a key or value that cannot be."""
        kinds = {f.name: type(f.default) for f in fields(Fault)}
        if not isinstance(body, dict):
            raise bad_request("a fault is a JSON object")
        for key, value in body.items():
            kind = kinds.get(key)
            number = kind is float and isinstance(value, int) and not isinstance(value, bool)
            if kind is None or not (type(value) is kind or number):
                raise bad_request(
                    f"fault: {key!r} = {value!r} is not one of {', '.join(kinds)} with a value of its type"
                )
        fault = Fault(**body)
        if fault.cut not in CUTS:
            raise bad_request(f"fault: cut {fault.cut!r} is not 'before' or 'after'")
        with self._lock:
            self._waiting.append(fault)
        return asdict(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(f) for f in self._waiting]

    def next(self, method: str, path: str) -> Fault | None:
        """The fault this request meets, counted down; None for most."""
        with self._lock:
            for fault in self._waiting:
                if fault.method in ("", method) and fault.path in path:
                    if fault.skip > 0:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None
