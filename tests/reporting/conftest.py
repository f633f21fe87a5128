"""Fixtures of the tests that need a running local service: real TLS, a free port, state in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time, client_of
from service_cases import Api


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever starts the service over TLS is no unit test."""
    for item in items:
        uses = {*getattr(item, "fixturenames", ()), *vars(getattr(item, "module", object))}
        if uses & {"service", "LocalService", "CannedServer"}:
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def time() -> Time:
    """The clock of service and sink alike."""
    return Time()


@pytest.fixture
def service(tmp_path: Path, time: Time) -> Iterator[LocalService]:
    with LocalService(tmp_path / "home", clock=time.clock) as running:
        yield running


@pytest.fixture
def client(service: LocalService) -> Iterator[PowerBIClient]:
    made = client_of(service)
    yield made
    made.close()


@pytest.fixture
def api(service: LocalService) -> Api:
    """Bare calls, signed in as the application."""
    return Api(service)
