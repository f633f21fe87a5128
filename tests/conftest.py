"""What tests of more than one folder share: the broker, and the data that is not part of the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from livegold.streams.local.broker import Broker


@pytest.fixture(scope="session")
def connection_string() -> str:
    """Secret of the broker's one SASL user, `$ConnectionString`, as Azure Event Hubs has it."""
    return (
        "Endpoint=sb://127.0.0.1/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=c2VjcmV0LW9mLXRlc3Rz="
    )


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, connection_string: str) -> Iterator[Broker]:
    """A real Kafka for the whole session; `servers` is open, `sasl_servers` wants user and password."""
    from livegold.streams.local.broker import Broker

    with Broker(tmp_path_factory.mktemp("broker"), sasl={"$ConnectionString": connection_string}) as running:
        yield running


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data that LIVEGOLD_SHARED points at; tests that need it are skipped without."""
    folder = os.environ.get("LIVEGOLD_SHARED", "")
    if not folder:
        pytest.skip("LIVEGOLD_SHARED is not set: no real data here")
    return Path(folder) / "data"
