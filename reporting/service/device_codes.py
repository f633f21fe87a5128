"""Device codes: how a user signs in on a machine without a browser. Not for service principals.

There is no user behind the local service, so a code is approved automatically once a client has asked about it and been
told to wait: clients get "authorization_pending" first and then their token. A code may also be approved or denied
earlier by hand.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

LIFE_SECONDS = 900
INTERVAL_SECONDS = 1
# no vowels and no ambiguous letters
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
MAX_WAITING = 1_000

PENDING = "authorization_pending"
DECLINED = "authorization_declined"
EXPIRED = "expired_token"
UNKNOWN = "bad_verification_code"
APPROVED = ""


@dataclass
class _Waiting:
    user_code: str
    made: float
    asked: int = 0
    answer: str = PENDING


class DeviceCodes:
    """Codes issued and not yet used, in memory. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}

    def give(self) -> tuple[str, str]:
        """A new (device code, user code)."""
        device, user = secrets.token_urlsafe(48), "".join(secrets.choice(LETTERS) for _ in range(9))
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[device] = _Waiting(user, self._clock())
        return device, user

    def ask(self, device: str) -> str:
        """APPROVED (which uses up the code), or the error for the client."""
        with self._lock:
            found = self._waiting.get(device)
            if found is None:
                return UNKNOWN
            if self._clock() > found.made + LIFE_SECONDS:
                return EXPIRED
            found.asked += 1
            if found.answer == PENDING and found.asked > 1:
                found.answer = APPROVED
            if found.answer == APPROVED:
                del self._waiting[device]
            return found.answer

    def decide(self, user_code: str, approve: bool) -> bool:
        """Records the user's decision; False if no such code is waiting."""
        wanted = user_code.strip().upper()
        with self._lock:
            for waiting in self._waiting.values():
                if waiting.user_code == wanted:
                    waiting.answer = APPROVED if approve else DECLINED
                    return True
        return False
