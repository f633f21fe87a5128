"""Every error livegold raises, drawn once. Not for catching errors: who catches what is said where it is caught.

    LivegoldError
    ├── Transient            try again: nothing is wrong with what was asked
    │   ├── Throttled            the service asked for a pause (HTTP 429)
    │   ├── ServiceUnavailable   5xx, time-outs, refused connections
    │   └── Ambiguous            the request may or may not have been carried out
    └── Terminal             a person must act: trying again gives the same answer
        ├── WrongUse             refused before anything starts (exit code 2)
        │   ├── SpecificationError   a use case that cannot be
        │   └── SettingsError        a setting that is missing, unknown or wrong
        ├── CheckFailed          the check ran and the answer is no (exit code 1)
        ├── Refused              the Power BI service refused the request for good
        ├── NotFound             ... because a workspace, dataset or table is not there
        ├── Unauthorized         ... because of who asks
        └── SecondWriter         somebody else writes to the same table

A message is one line: what was being done, with what value, what would be valid, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable


class LivegoldError(Exception):
    """Root of all errors that livegold raises on purpose; its text is fit to be shown to a user as it is.

    `status`, `code` and `request_id` are those of the HTTP answer that caused it, where there was one.
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
    """May go away by itself. `retry_after` is the number of seconds the other side asked for, if it did."""

    def __init__(self, message: str, *, retry_after: float | None = None, **http: object) -> None:
        super().__init__(message, **http)  # type: ignore[arg-type]
        self.retry_after = retry_after


class Throttled(Transient):
    """The service wants a pause (HTTP 429)."""


class ServiceUnavailable(Transient):
    """No usable answer: 5xx, a time-out before anything was sent, a refused connection."""


class Ambiguous(Transient):
    """The connection broke after the request was sent: it may have been carried out."""


class Terminal(LivegoldError):
    """The same request will be answered the same way: a person must act."""


class WrongUse(Terminal):
    """Refused before anything was started."""

    exit_code = 2


class SpecificationError(WrongUse):
    """A use case that cannot be: names the place in it, the value and the valid choices."""


class SettingsError(WrongUse):
    """A setting that is missing, unknown or has a value that cannot be."""


class CheckFailed(Terminal):
    """A check ran to its end and the answer is no."""


class Refused(Terminal):
    """The service refused the request for good (400, 413 and the like)."""


class NotFound(Terminal):
    """A workspace, dataset or table is not there (404)."""


class Unauthorized(Terminal):
    """The service or Entra ID does not accept who asks (401, 403, AADSTS...)."""


class SecondWriter(Terminal):
    """A sequence number that is not ours: somebody else writes to the same table."""


def choices(valid: Iterable[object]) -> str:
    """The valid values of something, for the end of an error message: `a, b or c`."""
    names = [str(v) for v in valid]
    if len(names) < 2:
        return "".join(names) or "none"
    return ", ".join(names[:-1]) + " or " + names[-1]
