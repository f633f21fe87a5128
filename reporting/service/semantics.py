"""How the local service treats sequence numbers where the real behaviour is not public. Not for limits or faults.

Public clients show that the header and the list of numbers exist; how the real service responds to a repeated number is
unknown. So it can be chosen here, and a client can be tested under each possibility.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

from livegold.reporting.errors import choices
from livegold.reporting.service.problems import bad_request

STORED = "stored"
IGNORED = "ignored"
REJECTED = "rejected"
REPEATED = (STORED, IGNORED, REJECTED)
REJECTED_STATUSES = (400, 409)
MAX_SECONDS = 86_400.0


@dataclass(frozen=True)
class SequenceSemantics:
    """One choice for each unknown. A number is *repeated* if the same client has already sent it or a higher one.

    `repeated`: its rows are "stored" again, "ignored" (200, nothing stored) or "rejected" (`rejected_status`, 400 or
    409). `readable_after_seconds`: how long (by the service's clock) until an accepted number appears in
    `sequenceNumbers`. `delete_resets`: deleting a table's rows also forgets its numbers. `offered`: if false,
    `sequenceNumbers` answers 404 and the header is ignored. Raises a Problem of 400 for an invalid value.
    """

    repeated: str = STORED
    readable_after_seconds: float = 0.0
    delete_resets: bool = False
    offered: bool = True
    rejected_status: int = 400

    def __post_init__(self) -> None:
        if self.repeated not in REPEATED:
            raise bad_request(f"semantics: repeated is {self.repeated!r}: give {choices(REPEATED)}")
        seconds = self.readable_after_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_SECONDS:
            raise bad_request(f"semantics: readable_after_seconds is {seconds!r}: give 0 to {MAX_SECONDS:.0f}")
        if type(self.rejected_status) is not int or self.rejected_status not in REJECTED_STATUSES:
            raise bad_request(f"semantics: rejected_status is {self.rejected_status!r}: give 400 or 409")
        for name in ("delete_resets", "offered"):
            if not isinstance(getattr(self, name), bool):
                raise bad_request(f"semantics: {name} is {getattr(self, name)!r}: give true or false")


class ChosenSemantics:
    """The semantics in force, which a test may change while the service runs."""

    def __init__(self, semantics: SequenceSemantics | None = None) -> None:
        self._lock = threading.Lock()
        self._current = semantics or SequenceSemantics()

    @property
    def current(self) -> SequenceSemantics:
        with self._lock:
            return self._current

    def choose(self, body: Any) -> dict[str, Any]:
        """Sets the semantics from JSON, with defaults for what it leaves out. Returns the complete semantics."""
        known = [f.name for f in fields(SequenceSemantics)]
        if not isinstance(body, dict):
            raise bad_request("semantics are a JSON object")
        for key in body:
            if key not in known:
                raise bad_request(f"semantics: {key!r} is unknown: give {choices(known)}")
        made = SequenceSemantics(**body)
        with self._lock:
            self._current = made
        return self.shown()

    def shown(self) -> dict[str, Any]:
        return asdict(self.current)
