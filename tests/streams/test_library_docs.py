"""docs/library.md and docs/notebook.ipynb do what they say, and a use case file is found wherever the notebook is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import livegold as lg
from livegold.streams.local import QUICK_START

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
CELL_SECONDS = 300

# A use case as somebody writes it: annotations as text, a dataclass, a file beside it.
LIMITS = """
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Limits:
    farthest: float = 30.0
    unit: ClassVar[str] = "miles"
"""
NEAR = """
from __future__ import annotations

from dataclasses import dataclass, replace

import livegold as lg
from near_limits import Limits


@dataclass(frozen=True)
class Wording:
    limits: Limits

    def reason(self) -> str:
        return f"trip is longer than {self.limits.farthest} {Limits.unit}"


near = Limits()
check = lg.Check("near", f"distance <= {near.farthest}", Wording(near).reason())
taxis = lg.load("taxi_tips")
USECASE = replace(taxis, name="near_trips", checks=(*taxis.checks, check))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside the checkout, and no settings of anybody."""
    for name in [name for name in os.environ if name.startswith("LIVEGOLD_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_does_what_it_says(spark: SparkSession, folder: Path) -> None:
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "docs/library.md", "exec"), names)
    assert not names["run"].running
    assert names["found"].hub == 2_000
    status = lg.status("taxi_tips", settings=names["settings"])
    assert (status["state"], status["gold"]["events"]) == ("ended", 400)
    assert (folder / "my-report" / "Taxi Tips.pbip").exists()


def test_the_notebook_runs_from_a_folder_outside_the_checkout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    stripped = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in stripped if cell.outputs or cell.execution_count is not None] == []
    # Its Spark is beside the one of these tests.
    monkeypatch.setenv("LIVEGOLD_SPARK_MEMORY", "1g")
    monkeypatch.setenv("LIVEGOLD_SPARK_JAVA_OPTIONS", QUICK_START)
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    client = NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}})
    done = client.execute()
    shown = [out["data"]["text/plain"] for cell in done.cells for out in cell.get("outputs", ()) if "data" in out]
    assert any(re.search(r"3,000 published = 3,000 in raw = [\d,]+ in gold", text) for text in shown)
    assert any("Manhattan" in text for text in shown)
    assert "Taxi Tips.pbip" in shown[-1]


def test_a_use_case_file_with_a_file_beside_it_runs_from_there(spark: SparkSession, folder: Path) -> None:
    (folder / "near_limits.py").write_text(LIMITS)
    (folder / "near.py").write_text(NEAR)
    settings = lg.settings(home="state", hub__kind="folder", hub__folder="events")
    case = lg.load("near.py")
    assert case.checks[-1].reason == "trip is longer than 30.0 miles"
    lg.train(case, settings=settings)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "LIVEGOLD_SHARED"},
        "LIVEGOLD_HOME": "state",
        "LIVEGOLD_HUB_KIND": "folder",
        "LIVEGOLD_HUB_FOLDER": "events",
    }
    publish = [sys.executable, "-P", "-m", "livegold", "publish", "near.py", "--count", "1000"]
    done = subprocess.run(publish, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status = lg.run("near.py", switch="batch", settings=settings).wait(CELL_SECONDS)
    assert status["gold"]["events"] == 1_000
    assert lg.reconcile(case, settings=settings).problems == ()
