"""A pipeline in a process of its own, to be killed: `pipeline_process.py SETTINGS-AS-JSON SWITCH STEP NUMBER`.

SWITCH is batch, stream, or raw for a rebuild. With a STEP it kills itself and its JVM, as `kill -9` does, when gold has
done that step for the NUMBERth time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from livegold.reporting.settings.settings import load
from livegold.reporting.specification import load_use_case
from livegold.streams.local.session import spark_session
from livegold.streams.models.registry import import_early
from livegold.streams.rebuild import Rebuild
from livegold.streams.switch import Pipeline


def main() -> None:
    changed, switch, wanted, number = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    settings = load({}, Path("none"), **changed)
    lock, seen = threading.Lock(), 0

    def on_step(step: str) -> None:
        nonlocal seen
        with lock:
            seen += step == wanted
            if wanted and seen >= number:
                os.killpg(0, signal.SIGKILL)

    import_early()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    spark, case = spark_session(settings), load_use_case("taxi_tips")
    if switch == "raw":
        Rebuild(spark, case, settings, {}, on_step).run(stop)
    else:
        Pipeline(spark, case, settings, {}, on_step).run(switch, stop)


main()
