"""A pipeline on a Spark Connect server, in a process of its own: `connect_process.py URL SETTINGS FILE STEP`.

SETTINGS is JSON. What the sink gets goes into FILE, from the process that the server starts for it. After STEP of gold,
if it is given, gold fails.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
from pathlib import Path

from pyspark.sql import SparkSession

from livegold.reporting.errors import LivegoldError
from livegold.reporting.home import StatusFile
from livegold.reporting.settings.settings import load
from livegold.reporting.specification import load_use_case
from livegold.streams.local.session import spark_session
from livegold.streams.switch import Pipeline
from stream_cases import ListingSink, fail_at


def main() -> None:
    url, changed, listing, stop_after = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    SparkSession.builder.remote(url).getOrCreate()
    settings, case = load({}, Path("none"), **changed), load_use_case("taxi_tips")
    spark = spark_session(settings)
    assert not hasattr(spark, "_jvm")
    on_step = functools.partial(fail_at, stop_after)
    pipeline = Pipeline(spark, case, settings, {"listing": ListingSink(listing)}, on_step)
    said: dict[str, object] = {"pid": os.getpid()}
    try:
        pipeline.run("batch", threading.Event())
    except LivegoldError as error:
        said |= {"class": type(error).__name__, "text": str(error)}
    status = StatusFile(settings.home, case.name).read() or {}
    print(json.dumps(said | status["gold"]))


main()
