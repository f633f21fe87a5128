"""What is installed: one package, whole, that nothing of the same name beside it can take the place of."""

from __future__ import annotations

import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from wheel_cases import PACKAGES, ROOT, Environment, build, clean_checkout, decoys, done, files, run

pytestmark = pytest.mark.long

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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clean_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", checkout, tmp_path_factory.mktemp("build") / "wheel")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.of(wheel, tmp_path_factory.mktemp("installed") / "venv")


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


def test_packages_of_the_same_names_beside_a_notebook_do_no_harm(installed: Environment, tmp_path: Path) -> None:
    folder = decoys(tmp_path)
    with pytest.raises(AssertionError, match="the wrong reporting"):
        installed.run("import reporting", folder)
    code = "import livegold as lg, livegold.streams.switch; print(lg.load('taxi_tips').name, lg.__version__)"
    assert installed.run(code, folder).split()[0] == "taxi_tips"
    livegold = installed.python.with_name("livegold")
    assert done(livegold, "report", "taxi_tips", "--source", "push", "--out", "made", folder=folder).endswith(".pbip\n")


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
