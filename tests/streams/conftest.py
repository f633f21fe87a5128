"""One Spark session and one trained champion for all tests of a run; every test has a lake and topics of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.specification import SparkML, UseCase
from livegold.reporting.usecases.taxi_events import history
from livegold.streams.local.java import QUICK_START
from stream_cases import events_frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from livegold.streams.local.broker import Broker

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The shared session: two cores, as the machine that runs the tests at the least has."""
    from livegold.streams.local.session import spark_session

    home = tmp_path_factory.mktemp("spark")
    own = {"home": str(home), "spark__master": "local[2]", "spark__memory": "2g", "spark__java_options": QUICK_START}
    session = spark_session(load({}, Path("none"), **own))
    yield session
    session.stop()


@pytest.fixture(scope="session")
def champion_uri(spark: SparkSession, case: UseCase, tmp_path_factory: pytest.TempPathFactory) -> str:
    """MLflow store with two versions of the taxi_tips model (5 and 2 levels deep), the first the champion."""
    from dataclasses import replace

    from livegold.streams.models.registry import Registry
    from livegold.streams.models.training import train, training_rows

    settings = load({}, Path("none"), home=str(tmp_path_factory.mktemp("models")))
    registry = Registry(settings)
    rows = training_rows(case, events_frame(spark, list(history(1, 4_000, datetime.now(UTC)))))
    for depth in (5, 2):
        tree = SparkML("DecisionTreeClassifier", maxDepth=depth, minInstancesPerNode=20)
        model, evaluation = train(replace(case, model=replace(case.model, estimator=tree)), rows)
        registry.register(case, model, evaluation.metrics(), {"maxDepth": depth})
    registry.promote(case, "1")
    return settings.mlflow_uri


@pytest.fixture
def make_settings(champion_uri: str, broker: Broker, tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a home of its own on the shared broker, with the champion in place; keywords change them."""

    def make(home: str = "home", **changed: str) -> Settings:
        own = {"home": str(tmp_path / home), "hub__servers": broker.servers, "mlflow__uri": champion_uri}
        return load({}, Path("none"), **{**own, **changed})

    return make


@pytest.fixture
def topic(broker: Broker) -> str:
    """A fresh topic of four partitions."""
    name = f"trips-{next(_numbers)}"
    broker.create_topic(name, 4)
    return name
