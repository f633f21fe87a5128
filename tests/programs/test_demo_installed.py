"""`livegold demo` as it is installed, in a folder that has packages of the same names as livegold's folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from wheel_cases import Environment, build, clean_checkout, decoys, run

pytestmark = [pytest.mark.spark, pytest.mark.long]

DEMO_SECONDS = 600.0


def test_the_demo_runs_beside_packages_of_the_same_names(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout = clean_checkout(tmp_path_factory.mktemp("checkout"))
    wheel = build("wheel", checkout, tmp_path_factory.mktemp("build") / "wheel")
    installed = Environment.of(wheel, tmp_path_factory.mktemp("installed") / "venv")
    demo = (installed.python.with_name("livegold"), "demo", "--minutes", "0.2", "--no-open")
    found = run(*demo, folder=decoys(tmp_path), seconds=DEMO_SECONDS)
    print(found.stdout)
    assert found.returncode == 0, found.stdout + found.stderr
    assert " = raw " in found.stdout
    assert "✓" in found.stdout
