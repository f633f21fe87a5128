"""Fixtures of the tests that need a running local service: real TLS, a free port, state in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from powerbi_cases import Time, client_of
from reporting.powerbi.client import PowerBIClient
from reporting.service.server import LocalService


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
