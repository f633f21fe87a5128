"""What the tests of templates share: Microsoft's schemas and tools, where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from livegold.dashboards.checks.toolbox import Tools


@pytest.fixture(scope="session")
def schemas() -> Path:
    """Microsoft's schemas, which are not part of the project."""
    shared = os.environ.get("LIVEGOLD_SHARED", "")
    if not shared:
        pytest.skip("LIVEGOLD_SHARED is not set: no schemas here")
    return Path(shared) / "schemas"


@pytest.fixture(scope="session")
def tools() -> Tools:
    """Microsoft's tools, all of them."""
    installed = Tools.installed()
    missing = installed.missing_python() or installed.missing_node("@microsoft/powerquery-parser")
    if missing:
        pytest.skip(missing)
    return installed
