"""Imports point one way, a room is entered through its door, and no rooms go round in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP = ("reporting", "streams", "dashboards")
# The front door knows every room; nothing but the front door may know it.
FRONT = ("reporting.library", "reporting.cli", "reporting.bench", "reporting.doctor")
KERNEL = (
    "reporting.specification",
    "reporting.measures",
    "reporting.schema",
    "reporting.plugins",
    "reporting.errors",
)
DOORS = (
    "reporting.specification",
    "reporting.measures",
    "reporting.tasks",
    "reporting.semantic",
    "reporting.settings",
    "reporting.home",
    "reporting.lake",
    "reporting.sinks",
    "reporting.pipeline",
    "reporting.pbir",
    "reporting.drawing",
    "reporting.blocks",
    "reporting.library",
    "streams.hub",
    "streams.gold",
    "streams.models",
    "streams.accounts",
    "streams.local",
    "streams.feeds",
    "streams.rebuild",
    "dashboards.model",
    "dashboards.report",
    "dashboards.checks",
    "dashboards.preview",
    "dashboards.screenshots",
)


@dataclass(frozen=True)
class Import:
    """`module` of ours imports `target`; `late` is an import inside a function."""

    module: str
    target: str
    late: bool

    @property
    def rooms(self) -> tuple[str, str]:
        return room(self.module), room(self.target)


def room(module: str) -> str:
    """`reporting.sinks.rows` is in the room `reporting.sinks`."""
    return ".".join(module.split(".")[:2])


def modules() -> dict[str, Path]:
    """Every module of the product by its name without `livegold.`."""
    found = {}
    for top in TOP:
        for path in (ROOT / top).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports_of(source: str, module: str, known: frozenset[str]) -> Iterator[Import]:
    """What a module imports of ours at run time: not what stands under `if TYPE_CHECKING:`."""

    def visit(node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                yield from visit(ast.Module(child.orelse, []), late)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module}: relative imports hide what is imported"
                name = (child.module or "").removeprefix("livegold.")
                if name.split(".")[0] in TOP:
                    for alias in child.names:
                        whole = f"{name}.{alias.name}"
                        yield Import(module, whole if whole in known else name, late)
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    name = alias.name.removeprefix("livegold.")
                    if alias.name != name or name.split(".")[0] in TOP:
                        yield Import(module, name, late)
            else:
                yield from visit(child, late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    yield from visit(ast.parse(source), False)


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    known = modules()
    assert len(known) > 200
    names = frozenset(known)
    return [i for name, path in known.items() for i in imports_of(path.read_text(encoding="utf-8"), name, names)]


def test_reporting_knows_neither_streams_nor_dashboards_but_for_the_front_door(imports: list[Import]) -> None:
    wrong = [
        i
        for i in imports
        if i.module.startswith("reporting.") and room(i.module) not in FRONT and not i.target.startswith("reporting")
    ]
    assert wrong == []


def test_only_the_front_door_imports_the_front_door(imports: list[Import]) -> None:
    assert [i for i in imports if room(i.target) in FRONT and room(i.module) not in FRONT] == []


def test_dashboards_and_streams_do_not_know_each_other(imports: list[Import]) -> None:
    tops = {"streams", "dashboards"}
    assert [i for i in imports if {i.module.split(".")[0], i.target.split(".")[0]} == tops] == []


def test_the_kernel_imports_nothing_of_ours_but_itself(imports: list[Import]) -> None:
    assert [i for i in imports if room(i.module) in KERNEL and room(i.target) not in KERNEL] == []


def test_the_names_of_tables_and_columns_import_nothing() -> None:
    tree = ast.parse((ROOT / "reporting" / "schema.py").read_text(encoding="utf-8"))
    found = [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert found == ["from __future__ import annotations"]


@pytest.mark.parametrize("door", DOORS)
def test_a_room_is_entered_through_its_door(imports: list[Import], door: str) -> None:
    beside = [i for i in imports if i.target.startswith(f"{door}.") and room(i.module) != door]
    assert beside == []


def test_no_rooms_import_each_other_in_a_circle(imports: list[Import]) -> None:
    refuse_circles(i.rooms for i in imports)


def test_no_modules_of_the_kernel_import_each_other_in_a_circle(imports: list[Import]) -> None:
    own = [i for i in imports if room(i.module) in (*KERNEL, "reporting.pipeline")]
    assert len(own) > 20
    refuse_circles((i.module, i.target) for i in own)
    assert [i for i in own if i.late] == [], "an import in a function hides a circle"


def refuse_circles(pairs: Iterable[tuple[str, str]]) -> None:
    """Fails where one leads by what it imports to itself."""
    rooms: dict[str, set[str]] = {}
    for here, there in pairs:
        if here != there:
            rooms.setdefault(here, set()).add(there)
    done: set[str] = set()

    def walk(here: str, path: tuple[str, ...]) -> None:
        assert here not in path, "a circle: " + " -> ".join((*path[path.index(here) :], here))
        if here not in done:
            for there in sorted(rooms.get(here, ())):
                walk(there, (*path, here))
            done.add(here)

    for start in sorted(rooms):
        walk(start, ())


def test_reporting_imports_no_spark() -> None:
    wrong = []
    for name, path in modules().items():
        if name.startswith("reporting.") and room(name) not in FRONT:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                found = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                found += [a.name for a in node.names] if isinstance(node, ast.Import) else []
                wrong += [(name, f) for f in found if f.split(".")[0] in ("pyspark", "delta")]
    assert wrong == []


OF_A_TASK = re.compile(r"\b(tp|fp|tn|fn|threshold)\b|probability\"?'?\)?\[1\]")
"""What only the file of a task, or an estimator, knows of."""
KNOWING = ("reporting.tasks", "reporting.usecases", "reporting.bench.cases", "streams.models.estimators")
"""Tasks, estimators, and use cases, which name the task that they are of."""


def test_no_file_but_tasks_and_estimators_knows_what_a_task_scores_by() -> None:
    known = {name: path.read_text(encoding="utf-8") for name, path in modules().items()}
    found = [
        f"{name}: {line.strip()}"
        for name, source in known.items()
        if not name.startswith(KNOWING)
        for line in source.splitlines()
        if OF_A_TASK.search(line)
    ]
    assert found == []
    for name in ("reporting.tasks.binary", "streams.models.estimators.spark_ml"):
        assert OF_A_TASK.search(known[name]), "the pattern finds nothing where there is something"


CLASSIC = re.compile(r"_jvm|_jsc|_jsparkSession|sparkContext|getLocalProperty|\bdelta\.tables\b")
"""What only a Spark in this very process has: none of it exists under Spark Connect."""


def test_nothing_reaches_into_the_jvm_or_the_spark_context() -> None:
    assert CLASSIC.search("spark._jvm.scala")
    wrong = [(name, found[0]) for name, path in modules().items() if (found := CLASSIC.search(path.read_text("utf-8")))]
    assert wrong == []


def test_the_reading_of_imports_sees_what_it_must_and_exempts_types() -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import livegold.streams.gold\nelse:\n    import livegold.reporting.lake\n"
        "def f():\n    from livegold.reporting import sinks\n"
    )
    found = list(imports_of(source, "streams.x", frozenset({"reporting.sinks"})))
    assert found == [
        Import("streams.x", "reporting.lake", False),
        Import("streams.x", "reporting.sinks", True),
    ]
