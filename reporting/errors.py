"""The hierarchy of all errors livegold raises. Not for catching them: that is documented where they are caught.

    LivegoldError
    ├── Transient            retry: nothing is wrong with the request
    │   ├── Throttled            the service asked for a pause (HTTP 429)
    │   ├── ServiceUnavailable   5xx, timeouts, refused connections
    │   └── Ambiguous            the request may or may not have been carried out
    └── Terminal             a person must act: a retry gives the same answer
        ├── WrongUse             rejected before anything starts (exit code 2)
        │   ├── SpecificationError   an invalid use case
        │   └── SettingsError        a setting that is missing, unknown or invalid
        ├── CheckFailed          the check ran and failed (exit code 1)
        ├── Refused              the service permanently rejected the request
        ├── NotFound             ... because a workspace, dataset or table does not exist
        ├── Unauthorized         ... because of the caller
        └── SecondWriter         somebody else is writing to the same table

A message is one line: what was being done, with what value, what would be valid, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable


class LivegoldError(Exception):
    """Base of all errors that livegold raises deliberately; its text can be shown to a user as it is.

    `status`, `code` and `request_id` are those of the HTTP response that caused it, if there was one.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id


class Transient(LivegoldError):
    """May resolve itself. `retry_after` is the number of seconds the other side asked to wait, if any."""

    def __init__(self, message: str, *, retry_after: float | None = None, **http: object) -> None:
        super().__init__(message, **http)  # type: ignore[arg-type]
        self.retry_after = retry_after


class Throttled(Transient):
    """The service asks for a pause (HTTP 429)."""


class ServiceUnavailable(Transient):
    """No usable answer: 5xx, a timeout before anything was sent, a refused connection."""


class Ambiguous(Transient):
    """The connection broke after the request was sent: it may have been carried out."""


class Terminal(LivegoldError):
    """The same request would fail in the same way: a person must act."""


class WrongUse(Terminal):
    """Rejected before anything was started."""

    exit_code = 2


class SpecificationError(WrongUse):
    """An invalid use case: names the place in it, the value and the valid choices."""


class SettingsError(WrongUse):
    """A setting that is missing, unknown or has an invalid value."""


class CheckFailed(Terminal):
    """A check ran to completion and failed."""


class Refused(Terminal):
    """The service permanently rejected the request (400, 413 and the like)."""


class NotFound(Terminal):
    """A workspace, dataset or table does not exist (404)."""


class Unauthorized(Terminal):
    """The service or Entra ID does not accept the caller (401, 403, AADSTS...)."""


class SecondWriter(Terminal):
    """A sequence number is not ours: somebody else is writing to the same table."""


def choices(valid: Iterable[object]) -> str:
    """The valid values of something, for the end of an error message: `a, b or c`."""
    names = [str(v) for v in valid]
    if len(names) < 2:
        return "".join(names) or "none"
    return ", ".join(names[:-1]) + " or " + names[-1]
