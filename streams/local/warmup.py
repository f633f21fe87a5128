"""A warm-up run: synthetic events go through the whole pipeline, into a folder that is then deleted.

A fresh JVM needs half a minute for its first batch, because it compiles while it works. After a warm-up the first real
batch takes as long as any other. It is not for measuring or testing: nothing of it is kept or counted.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from livegold.reporting.settings import Settings
from livegold.reporting.sinks import FeedBatch, Sink
from livegold.reporting.specification import UseCase
from livegold.streams.hub import FILE_EVENTS, FILE_SUFFIX

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BATCHES, EVENTS = 2, 400


def warm_up(spark: SparkSession, case: UseCase, settings: Settings) -> None:
    """Runs two small batches through raw, gold and a feed; does nothing for a use case without a generator.

    Scores with the current champion, and raises what a run raises.
    """
    if case.generator is None:
        return
    from livegold.streams.switch import Pipeline

    now = datetime.now(UTC)
    values = [value for _, value in islice(case.generator(0, now, 50.0, now=lambda: now), BATCHES * EVENTS)]
    with tempfile.TemporaryDirectory(prefix="livegold-warm-up-", ignore_cleanup_errors=True) as folder:
        hub = Path(folder) / "hub"
        hub.mkdir()
        for number in range(BATCHES):
            lines = [v for v in values[number * EVENTS :][:EVENTS] if b"\n" not in v]
            (hub / f"{number}{FILE_SUFFIX}").write_bytes(b"\n".join(lines) + b"\n")
        own = {
            "home": folder,
            "lake": str(Path(folder) / "lake"),
            "mlflow.uri": settings.mlflow_uri,
            "hub.kind": "folder",
            "hub.folder": str(hub),
            # One file per batch.
            "hub.batch_events": str(FILE_EVENTS),
        }
        elsewhere = replace(settings, values=MappingProxyType({**settings.values, **own}))
        Pipeline(spark, case, elsewhere, {"warm-up": _Nowhere()}).run("batch", threading.Event())


class _Nowhere(Sink):
    """A sink that discards everything."""

    def check(self) -> None: ...

    def source_id(self) -> str | None:
        return None

    def reset(self, *, drop: bool = False) -> None: ...

    def open(self) -> None: ...

    def write(self, batch: FeedBatch) -> None: ...

    def close(self) -> None: ...

    def status(self) -> Mapping[str, Any]:
        return {}
