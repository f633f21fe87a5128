"""What tests of the installed package share: a clean checkout, what is built of it, and where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("livegold", "reporting", "streams", "dashboards")


def run(*command: object, folder: Path, seconds: float = 300.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder, with nothing of this process's own paths and settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LIVEGOLD_", "VIRTUAL_ENV", "MYPY"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def done(*command: object, folder: Path, **environment: str) -> str:
    found = run(*command, folder=folder, **environment)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def files() -> list[str]:
    """The files of the project as git would commit them; links are files too."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout of git")
    return [name for name in listed.split("\0") if name and (ROOT / name).exists()]


def build(kind: str, source: Path, into: Path) -> Path:
    """What setuptools makes of `source`: a `wheel`, an `sdist` or an `editable`."""
    code = f"import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
    into.mkdir()
    done(sys.executable, "-c", code, into, folder=source)
    (made,) = into.iterdir()
    return made


@dataclass(frozen=True)
class Environment:
    """A virtual environment with livegold in it, and the packages of this one but for its livegold."""

    python: Path

    @classmethod
    def of(cls, wheel: Path, folder: Path) -> Environment:
        done(sys.executable, "-m", "venv", "--without-pip", folder, folder=wheel.parent)
        python = folder / "bin" / "python"
        install = ("-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--no-deps", "--no-index")
        done(sys.executable, *install, wheel, folder=wheel.parent)
        # Last on its path, and without what this one's own .pth files do: an editable livegold is behind one of them.
        site = Path(done(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip())
        (site / "test-environment.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return cls(python)

    def run(self, code: str, folder: Path) -> str:
        return done(self.python, "-c", code, folder=folder).strip()


def clean_checkout(folder: Path) -> Path:
    """A folder with the files of the project and nothing else."""
    for name in files():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place, follow_symlinks=False)
    return folder


def decoys(folder: Path) -> Path:
    """A folder as data teams have it: with packages of its own that are named like livegold's folders."""
    for name in PACKAGES[1:]:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise ImportError('the wrong {name}')\n")
    return folder
