"""What tests of more than one folder share: the broker, and the data that is not part of the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from livegold.reporting.specification import UseCase
    from livegold.streams.local.broker import Broker


NOT_OURS = "LIVEGOLD_SHARED is not set"
"""Why a test is skipped that needs what is not part of the project; no other skip is taken with --no-skips."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="Fail when a test is skipped for want of a tool.")
    parser.addoption("--screenshots", type=Path, help="Where the run of incidents writes its pages.")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.getoption("--no-skips") and exitstatus == pytest.ExitCode.OK and skipped_for_want(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--no-skips"):
        for line in skipped_for_want(config):
            terminalreporter.write_line(f"FAILED because it was skipped: {line}", red=True)


def skipped_for_want(config: pytest.Config) -> list[str]:
    """The tests that were skipped for want of a tool, each with its reason."""
    reports = config.pluginmanager.getplugin("terminalreporter").stats.get("skipped", [])
    return [f"{r.nodeid}: {r.longrepr[2]}" for r in reports if NOT_OURS not in r.longrepr[2]]


@pytest.fixture(scope="session")
def case() -> UseCase:
    """The shipped use case."""
    from livegold.reporting.specification import load_use_case

    return load_use_case("taxi_tips")


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
        pytest.skip(f"{NOT_OURS}: no real data here")
    return Path(folder) / "data"
