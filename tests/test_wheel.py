"""What is installed: one package, whole, that nothing of the same name beside it can take the place of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
PACKAGES = ("livegold", "reporting", "streams", "dashboards")
DEMO_SECONDS = 420.0

USE = """
import livegold as lg
from livegold.reporting.powerbi.limits import MAX_PENDING_POSTS
from livegold.streams.hub import Published

case: lg.UseCase = lg.load("taxi_tips")
done: Published = lg.publish(case, count=MAX_PENDING_POSTS)
run: lg.Run = lg.run(case, switch="batch", sinks=["powerbi"], settings=lg.settings(home="state"))
share: float = done.rate / run.seconds
lg.run("taxi_tips", switch="hourly")  # wrong
lg.no_such_name  # wrong
lg.load(5)  # wrong
"""


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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in files():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place, follow_symlinks=False)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", checkout, tmp_path_factory.mktemp("build") / "wheel")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.of(wheel, tmp_path_factory.mktemp("installed") / "venv")


@pytest.fixture
def decoys(tmp_path: Path) -> Path:
    """A folder as data teams have it: with packages of its own that are named like livegold's folders."""
    for name in ("reporting", "streams", "dashboards"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise ImportError('the wrong {name}')\n")
    return tmp_path


def contents(wheel: Path) -> dict[str, int]:
    """Name and checksum of every file, but for those that describe the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [info for info in archive.infolist() if ".dist-info/" not in info.filename]
        assert len({info.filename for info in names}) == len(names)
        return {info.filename: info.CRC for info in names}


def test_a_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    own = [name for name in files() if name.split("/")[0] in PACKAGES and not (ROOT / name).is_symlink()]
    own = [name for name in own if not name.startswith("dashboards/taxi_tips/")]
    expected = {name if name.startswith("livegold/") else f"livegold/{name}" for name in own}
    assert {"livegold/py.typed", "livegold/dashboards/checks/validator.mjs"} < expected
    assert set(contents(wheel)) == expected


def test_an_sdist_holds_no_file_twice_and_makes_the_same_wheel(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", checkout, tmp_path / "sdist")) as archive:
        names = archive.getnames()
        assert [member.name for member in archive if member.issym() or member.islnk()] == []
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert [name for name in names if "/livegold/" in name and not name.endswith((".py", "/py.typed"))] == []
    assert [name for name in names if any(f"/livegold/{package}" in name for package in PACKAGES)] == []
    (source,) = (tmp_path / "unpacked").iterdir()
    assert contents(build("wheel", source, tmp_path / "wheel")) == contents(wheel)


def test_livegold_is_imported_and_its_folders_are_not(installed: Environment, tmp_path: Path) -> None:
    place = Path(installed.run("import livegold; print(livegold.__file__)", tmp_path))
    assert place.is_relative_to(installed.python.parents[1])
    where = "import livegold.streams.switch as s; print(s.__file__)"
    assert Path(installed.run(where, tmp_path)) == place.parent / "streams" / "switch.py"
    code = f"from importlib.util import find_spec; print([n for n in {PACKAGES} if find_spec(n)])"
    assert installed.run(code, tmp_path) == "['livegold']"


def test_packages_of_the_same_names_beside_a_notebook_do_no_harm(installed: Environment, decoys: Path) -> None:
    with pytest.raises(AssertionError, match="the wrong reporting"):
        installed.run("import reporting", decoys)
    code = "import livegold as lg, livegold.streams.switch; print(lg.load('taxi_tips').name, lg.__version__)"
    assert installed.run(code, decoys).split()[0] == "taxi_tips"
    livegold = installed.python.with_name("livegold")
    assert done(livegold, "report", "taxi_tips", "--source", "push", "--out", "made", folder=decoys).endswith(".pbip\n")


@pytest.mark.spark
def test_the_demo_runs_beside_packages_of_the_same_names(installed: Environment, decoys: Path) -> None:
    livegold = installed.python.with_name("livegold")
    found = run(livegold, "demo", "--minutes", "0.2", "--no-open", folder=decoys, seconds=DEMO_SECONDS)
    assert found.returncode == 0, found.stdout + found.stderr
    assert " = raw " in found.stdout
    assert "✓" in found.stdout


def test_an_editable_install_sees_a_new_file_and_a_new_folder_at_once(
    checkout: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = tmp_path / "source"
    shutil.copytree(checkout, source, symlinks=True)
    editable = Environment.of(build("editable", source, tmp_path / "editable"), tmp_path / "venv")
    assert Path(editable.run("import livegold; print(livegold.__file__)", tmp_path)).is_relative_to(source)
    (source / "reporting" / "brand_new.py").write_text("WORD = 'file'\n")
    (source / "streams" / "brand_new").mkdir()
    (source / "streams" / "brand_new" / "__init__.py").write_text("WORD = 'folder'\n")
    code = "import livegold.reporting.brand_new as a, livegold.streams.brand_new as b; print(a.WORD, b.WORD)"
    assert editable.run(code, tmp_path) == "file folder"


@pytest.mark.parametrize("where", ["wheel", "checkout"])
def test_type_checkers_resolve_every_name_from_outside(
    installed: Environment, checkout: Path, tmp_path: Path, where: str
) -> None:
    (tmp_path / "outside.py").write_text(USE)
    python = installed.python if where == "wheel" else Path(sys.executable)
    environment = {} if where == "wheel" else {"MYPYPATH": str(checkout)}
    # What a checkout's own settings of mypy let pass is not for the files of others to show.
    mypy = (sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--python-executable", python)
    said = run(*mypy, "outside.py", folder=tmp_path, **environment).stdout
    wrong = [f"outside.py:{n}" for n, line in enumerate(USE.splitlines(), 1) if line.endswith("# wrong")]
    assert [line.split(": ")[0] for line in said.splitlines() if ": error: " in line] == wrong, said
