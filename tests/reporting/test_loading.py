"""Use cases are found by registered names and in files, and a file is an ordinary module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from livegold.reporting.errors import SpecificationError
from livegold.reporting.specification import load_use_case, registered_use_cases

RENAMED = "from dataclasses import replace\nfrom livegold.reporting.usecases.taxi_tips import USECASE as taxis\n"


@pytest.fixture(autouse=True)
def _paths() -> Iterator[None]:
    before, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_use_cases_are_found_by_name_and_by_file(tmp_path: Path) -> None:
    assert "taxi_tips" in registered_use_cases()
    file = tmp_path / "mine.py"
    file.write_text("from livegold.reporting.usecases.taxi_tips import USECASE\n")
    assert load_use_case(str(file)).name == "taxi_tips"
    with pytest.raises(
        SpecificationError, match=r"'taxis' is not known: give .*taxi_tips.*, or the path of a \.py file"
    ):
        load_use_case("taxis")
    file.write_text("USECASE = 5\n")
    with pytest.raises(SpecificationError, match="has no USECASE"):
        load_use_case(str(file))
    file.write_text("import nothing_of_that_name\n")
    with pytest.raises(SpecificationError, match="cannot be loaded: ModuleNotFoundError"):
        load_use_case(str(file))


def test_a_file_may_hold_dataclasses_with_annotations_as_text(tmp_path: Path) -> None:
    file = tmp_path / "annotated.py"
    file.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        f"{RENAMED}"
        "@dataclass(frozen=True)\nclass Limits:\n    most: int = 7\n    kind: ClassVar[str] = 'taxis'\n"
        "USECASE = replace(taxis, description=f'{Limits.kind} {Limits().most}')\n"
    )
    assert load_use_case(str(file)).description == "taxis 7"


def test_a_file_imports_what_lies_beside_it_whatever_lies_beside_others(tmp_path: Path) -> None:
    cases = []
    for folder in ("north", "south"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "words.py").write_text(f"WORD = {folder!r}\n")
        file = tmp_path / folder / "case.py"
        file.write_text(
            f"from words import WORD\n{RENAMED}"
            "def made(*given, **named):\n    import words\n    return words.WORD\n"
            "USECASE = replace(taxis, name=WORD, generator=made)\n"
        )
        cases.append(load_use_case(str(file)))
    again = load_use_case(str(tmp_path / "north" / "case.py"))
    assert [c.name for c in (*cases, again)] == ["north", "south", "north"]


def test_a_file_beside_a_use_case_hides_nothing_that_others_import_later(tmp_path: Path) -> None:
    (tmp_path / "plistlib.py").write_text("raise RuntimeError('not the real one')\n")
    file = tmp_path / "case.py"
    file.write_text("from livegold.reporting.usecases.taxi_tips import USECASE\n")
    load_use_case(str(file))
    sys.modules.pop("plistlib", None)
    import plistlib

    assert not Path(plistlib.__file__).is_relative_to(tmp_path)


def test_a_file_that_failed_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "case.py"
    file.write_text("1 / 0\n")
    with pytest.raises(SpecificationError, match="cannot be loaded: ZeroDivisionError"):
        load_use_case(str(file))
    file.write_text("from livegold.reporting.usecases.taxi_tips import USECASE\n")
    assert load_use_case(str(file)).name == "taxi_tips"


def registered(folder: Path, package: str, entries: str) -> None:
    """An installed package, as the import system sees one."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[livegold.usecases]\n{entries}\n")
    sys.path.insert(0, str(folder))


def test_a_package_brings_use_cases_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "parcels_cases.py").write_text(f"{RENAMED}LATE = replace(taxis, name='late_parcels')\n")
    registered(tmp_path, "parcels", "late_parcels = parcels_cases:LATE")
    assert "late_parcels" in registered_use_cases()
    assert load_use_case("late_parcels").name == "late_parcels"


def test_a_package_whose_use_case_is_broken_or_taken_is_named(tmp_path: Path) -> None:
    registered(tmp_path, "broken", "broken = no_such_module:CASE")
    with pytest.raises(SpecificationError, match=r"use case broken \(no_such_module:CASE\) cannot be loaded: Module"):
        load_use_case("broken")
    other = tmp_path / "other"
    other.mkdir()
    registered(other, "second", "taxi_tips = elsewhere:CASE")
    with pytest.raises(SpecificationError, match=r"taxi_tips is registered twice, as elsewhere:CASE and as livegold"):
        load_use_case("taxi_tips")
