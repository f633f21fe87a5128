"""What runs on Spark runs under Spark Connect: here a server with Delta and Kafka, and no JVM in our process."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyspark
import pytest

from livegold.reporting.lake.paths import Lake
from livegold.reporting.settings.settings import Settings
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.accounts.reconciliation import reconcile
from livegold.streams.checkpoints import query_of
from livegold.streams.local.java import check_java
from livegold.streams.local.processes import Child
from livegold.streams.local.session import LOCAL, REQUIRED, known_jars
from stream_cases import gold_rows, made_events, publish_events

pytestmark = [pytest.mark.spark, pytest.mark.broker, pytest.mark.long]

PROCESS = Path(__file__).with_name("connect_process.py")
START_SECONDS = 90
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


@pytest.fixture
def server(tmp_path: Path, champion_uri: str) -> Iterator[str]:
    """The URL of a Connect server that has what a cluster has: Delta, Kafka, and livegold on its path."""
    for module in ("grpc", "grpc_status", "zstandard"):
        pytest.importorskip(module)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The champion was trained by a session of livegold's own, so that the jars are here.
    own = LOCAL | REQUIRED | {"spark.jars": ",".join(known_jars()), "spark.driver.memory": "2g"}
    own |= {"spark.connect.grpc.binding.port": str(port), "spark.sql.warehouse.dir": str(tmp_path / "warehouse")}
    home = Path(pyspark.__file__).parent
    command = [str(home / "bin" / "spark-submit"), "--master", "local[2]", "--class", SERVER]
    for key, value in own.items():
        command += ["--conf", f"{key}={value}"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVEGOLD_")}
    environment |= {
        "SPARK_HOME": str(home),
        "JAVA_HOME": str(check_java().parents[1]),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(PROCESS.parent), *filter(None, sys.path)]),
    }
    log = tmp_path / "server.log"
    with Child([*command, "spark-internal"], log=log, environment=environment) as child:
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            assert child.exit_code is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)
        yield f"sc://127.0.0.1:{port}"


def answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_a_batch_under_spark_connect_is_whole_and_says_what_became_of_the_events(
    server: str, case: UseCase, make_settings: Callable[..., Settings], topic: str, tmp_path: Path
) -> None:
    settings = make_settings("connect", hub__topic=topic)
    events = made_events(91, 1_200)
    publish_events(settings, topic, events)
    changed = {k.replace(".", "__"): settings[k] for k in ("home", "hub.servers", "hub.topic", "mlflow.uri")}
    changed["hub__batch_events"] = "700"

    def run(stop_after: str = "") -> dict[str, Any]:
        process = subprocess.run(
            [sys.executable, str(PROCESS), server, json.dumps(changed), str(tmp_path / "listing"), stop_after],
            capture_output=True,
            text=True,
            timeout=240,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert process.returncode == 0, process.stderr[-3000:]
        found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
        return found

    # What is raised in the process that the server starts is the same error in this one.
    failed = run("predictions")
    assert failed["class"] == "WrongUse"
    elsewhere = re.fullmatch(r"stopped after predictions in process (\d+)", failed["text"])
    assert elsewhere is not None
    assert int(elsewhere[1]) != failed["pid"]

    counts = run()
    lake = Lake.of(settings, case.name)
    valid = sorted(str(key) for kind, (key, _) in events if kind in ("valid", "late"))
    assert [row[0] for row in gold_rows(lake.predictions)] == valid
    # Of the first batch the predictions were there already.
    assert failed["batches"] == counts["batches"] == 1
    assert failed["events"] + counts["events"] == len(events)
    assert failed["predictions"] + counts["predictions"] == len(valid)
    found = reconcile(case, settings)
    assert found.problems == ()
    assert found.hub == len(events)
    rows = [line.split() for line in (tmp_path / "listing").read_text().splitlines()]
    assert sum(int(row[1]) for row in rows) == len(gold_rows(lake.pulse))
    assert {row[3] for row in rows} == {query_of(lake.checkpoint("feed-listing"))}
