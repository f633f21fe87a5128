"""Checks the eventstream sink's destination: settings, reachability, authentication, topic. Sends nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from livegold.reporting.errors import LivegoldError, ServiceUnavailable
from livegold.reporting.findings import NOT_CHECKED, OK, Finding, refused
from livegold.reporting.settings import Settings
from livegold.reporting.sinks.eventstream.messages import check_columns
from livegold.reporting.sinks.eventstream.messenger import SECRET, Messenger, Target
from livegold.reporting.specification import UseCase

AREA = "eventstream"
ANSWER_SECONDS = 15.0


def eventstream_access(settings: Settings, case: UseCase | None, deadline: float = ANSWER_SECONDS) -> Iterator[Finding]:
    if not settings.has_secret(SECRET) and not settings["eventstream.servers"]:
        yield Finding(AREA, "reachable", NOT_CHECKED, "not set up", "docs/eventstream.md says how, where it is wanted")
        return
    ends = time.monotonic() + deadline

    def waiting(trouble: str) -> None:
        if time.monotonic() > ends:
            raise ServiceUnavailable(
                f"eventstream {target.where}: no answer in {deadline:.0f} s ({trouble}): "
                "check eventstream.servers and that the way to its port is open"
            )

    try:
        target = Target.of(settings, case.name if case else "")
        messenger = Messenger(target, waiting)
        try:
            messenger.check()
        finally:
            messenger.close()
        if case is not None:
            check_columns(case)
    except LivegoldError as error:
        yield refused(AREA, "reachable", error)
        return
    yield Finding(AREA, "reachable", OK, f"{target.where}, {target.security}, let in, the topic is there")
