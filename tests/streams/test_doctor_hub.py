"""The checks of `livegold doctor` that look at Java, Spark, the hub and the registry."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from livegold.reporting.doctor.streams import champion, hub_access, java_version, memory, spark_versions
from livegold.reporting.findings import FAILED, NOT_CHECKED, OK, WARNING
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.sinks.eventstream.checks import eventstream_access
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.hub.hub import Hub
from livegold.streams.hub.publisher import publish
from livegold.streams.local.broker import Broker
from livegold.streams.local.java import check_java
from livegold.streams.models.registry import Registry

NO_FILE = Path("none")


def test_java_and_spark_are_found_with_their_versions() -> None:
    (java,) = java_version()
    assert java.verdict in (OK, WARNING)
    said = subprocess.run([check_java(), "-version"], capture_output=True, text=True, check=True).stderr
    assert java.found.split(" ")[0].split(".")[0] == re.findall(r'version "(\d+)', said)[0]
    spark, jars = spark_versions()
    assert spark.verdict == OK
    assert spark.found.startswith(f"pyspark {metadata.version('pyspark')}")
    assert jars.verdict in (OK, WARNING)


def test_a_java_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    (java,) = java_version()
    assert java.verdict == FAILED
    assert java.advice.startswith("install Java 17")


def test_more_memory_than_there_is_is_a_warning() -> None:
    assert [f.verdict for f in memory(load({}, NO_FILE, spark__memory="1m"))] == [OK]
    assert [f.verdict for f in memory(load({}, NO_FILE, spark__memory="90000g"))] == [WARNING]


@pytest.mark.broker
def test_the_hub_is_reached_and_its_topic_counted(broker: Broker, topic: str, case: UseCase) -> None:
    settings = load({}, NO_FILE, hub__servers=broker.servers, hub__topic=topic)
    (found,) = hub_access(settings, case)
    assert (found.verdict, found.advice) == (WARNING, "run `livegold publish taxi_tips`")
    publish(Hub.of(settings, case.name), [(None, b"1"), (None, b"2")])
    (found,) = hub_access(settings, None)
    assert found.verdict == OK
    assert found.found == f"{topic} on {broker.servers}, plaintext, 4 partitions, 2 events"
    (found,) = hub_access(load({}, NO_FILE, hub__servers=broker.servers, hub__topic="nowhere"), case)
    assert (found.verdict, found.advice) == (FAILED, "publish to it first, or set hub.topic")
    (found,) = hub_access(load({}, NO_FILE, hub__servers="127.0.0.1:1"), case, deadline=0.2)
    assert (found.verdict, found.advice[:17]) == (FAILED, "check hub.servers")
    (found,) = hub_access(load({}, NO_FILE), None)
    assert found.verdict == NOT_CHECKED


@pytest.mark.broker
def test_the_eventstream_is_reached_with_its_connection_string(
    broker: Broker, topic: str, case: UseCase, connection_string: str
) -> None:
    own = {"servers": broker.sasl_servers, "security": "sasl_plaintext", "topic": topic}
    given = {f"eventstream__{k}": v for k, v in own.items()}
    (found,) = eventstream_access(load({}, NO_FILE, eventstream__connection_string=connection_string, **given), case)
    assert found.verdict == OK
    assert found.found == f"{topic} on {broker.sasl_servers}, sasl_plaintext, let in, the topic is there"
    wrong = connection_string.replace("SharedAccessKey=", "SharedAccessKey=wr0ng")
    (found,) = eventstream_access(load({}, NO_FILE, eventstream__connection_string=wrong, **given), case)
    assert (found.verdict, found.advice) == (FAILED, "check secret eventstream.connection_string")
    assert "wr0ng" not in str(found)


def test_no_model_and_a_registry_that_does_not_answer_are_told_apart(case: UseCase, tmp_path: Path) -> None:
    (found,) = champion(load({}, NO_FILE, home=str(tmp_path)), case)
    assert (found.verdict, found.advice) == (FAILED, "run `livegold train taxi_tips`")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mlflow.db").write_text("no database")
    (found,) = champion(load({}, NO_FILE, home=str(tmp_path)), case)
    assert (found.verdict, found.check, found.advice) == (FAILED, "registry", "check mlflow.uri")


@pytest.mark.spark
@pytest.mark.broker
def test_the_champion_is_named_with_its_quality(make_settings: Callable[..., Settings], case: UseCase) -> None:
    settings = make_settings()
    quality = Registry(settings).usable_champion(case).metrics
    assert quality["accuracy"] > 0.6
    (found,) = champion(settings, case)
    assert found.verdict == OK
    auc = f"AUC {quality['auc']:.3f}"
    assert found.found.startswith(f"version 1 of taxi_tips, accuracy {quality['accuracy']:.1%}, precision ")
    assert found.found.endswith(f", {auc}")


def test_a_cluster_brings_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert {f.verdict for check in (java_version, spark_versions) for f in check()} == {NOT_CHECKED}
