"""Installs Microsoft's tools that check a template: `python -m livegold.dashboards.checks.tools`. Does not run them.

They go into livegold's cache folder, never into an environment and never into what livegold ships: the model parser's
libraries may be installed, but not redistributed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from livegold.dashboards.checks.toolbox import NODE_PACKAGES, PYTHON_PACKAGES, PYTHON_PACKAGES_ALONE, Tools
from livegold.reporting.errors import LivegoldError, WrongUse

_INSTALL_SECONDS = 900


def install(tools: Tools) -> None:
    """Installs the missing tools; an existing tool is complete, because it is moved into place at the end.

    Raises WrongUse without npm, and LivegoldError if pip or npm fails.
    """
    tools.folder.mkdir(parents=True, exist_ok=True)
    _once(tools.python, _install_python)
    _once(tools.node_modules.parent, _install_node)


def _once(place: Path, fill: Callable[[Path], None]) -> None:
    if place.is_dir():
        return
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="new-") as made:
        filled = Path(made) / "filled"
        fill(filled)
        try:
            filled.rename(place)
        except OSError:
            # Another process installing at the same time was first; its copy is identical.
            if not place.is_dir():
                raise


def _install_python(place: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(place)]
    _run([*pip, *PYTHON_PACKAGES])
    _run([*pip, "--no-deps", *PYTHON_PACKAGES_ALONE])


def _install_node(place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise WrongUse("the report validator and the parser of M need npm, which is not on PATH: install Node.js 20")
    place.mkdir()
    quiet = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    _run([npm, "install", *quiet, "--prefix", str(place), *NODE_PACKAGES])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LivegoldError(f"{' '.join(command)} took more than {_INSTALL_SECONDS} s: try again") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise LivegoldError(f"{' '.join(command)} failed: {last}")


def main() -> int:
    tools = Tools.installed()
    try:
        install(tools)
    except LivegoldError as error:
        print(f"livegold.dashboards.checks.tools: {error}", file=sys.stderr)
        return error.exit_code
    print(f"the tools that check templates are in {tools.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
