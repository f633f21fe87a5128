"""Loads folders of TMDL with Microsoft's Tabular Object Model (TOM). Does not interpret what it reports.

.NET cannot be unloaded from a process, so nothing imports this module. `python -m livegold.dashboards.checks.tom
FOLDER...` loads each folder and prints JSON: for each folder `problems` (file, text) and `model`, which is null if
there are problems.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from livegold.dashboards.checks.toolbox import Tools

_RUNTIME = {
    "runtimeOptions": {
        "tfm": "net8.0",
        "framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"},
        # ICU is not on every machine, and the names of a model need no culture.
        "configProperties": {"System.Globalization.Invariant": True},
    }
}
_LIBRARIES = (
    "Microsoft.AnalysisServices.Core",
    "Microsoft.AnalysisServices.Tabular.Json",
    "Microsoft.AnalysisServices.Tabular",
    "Microsoft.AnalysisServices",
)


def _serve(packages: Path, folders: Sequence[str]) -> dict[str, Any]:
    deserialize = _start(packages)
    return {folder: _load(deserialize, folder) for folder in folders}


def _start(packages: Path) -> Callable[[str], Any]:
    sys.path.insert(0, str(packages))
    clr_loader, pythonnet = importlib.import_module("clr_loader"), importlib.import_module("pythonnet")

    with tempfile.TemporaryDirectory() as made:
        config = Path(made) / "runtimeconfig.json"
        config.write_text(json.dumps(_RUNTIME), encoding="utf-8")
        root = packages / "dnv" / "net" / "runtime" / ".net"
        pythonnet.set_runtime(clr_loader.get_coreclr(runtime_config=str(config), dotnet_root=str(root)))
        clr = importlib.import_module("clr")
    for library in _LIBRARIES:
        clr.AddReference(str(packages / "sempy" / "lib" / f"{library}.dll"))
    tabular = importlib.import_module("Microsoft.AnalysisServices.Tabular")
    deserialize: Callable[[str], Any] = tabular.TmdlSerializer.DeserializeDatabaseFromFolder
    return deserialize


def _load(deserialize: Callable[[str], Any], folder: str) -> dict[str, Any]:
    try:
        model = deserialize(folder).Model
        problems = [{"file": "", "text": str(e.Message)} for e in model.Validate().Errors]
    # Any .NET exception means the parser rejects the folder; which types it throws is not documented.
    except Exception as error:
        return {"problems": [_refusal(error)], "model": None}
    return {"problems": problems, "model": None if problems else _names(model)}


def _refusal(error: Any) -> dict[str, str]:
    document = str(getattr(error, "Document", "") or "")
    text = re.sub(r"^TMDL Format Error:", "", str(getattr(error, "Message", error)).strip())
    return {"file": re.sub(r"^\./|\.tmdl$", "", document), "text": text}


def _names(model: Any) -> dict[str, Any]:
    return {
        "tables": {
            table.Name: {
                "columns": [c.Name for c in table.Columns],
                "measures": [m.Name for m in table.Measures],
                "hierarchies": {h.Name: [level.Name for level in h.Levels] for h in table.Hierarchies},
            }
            for table in model.Tables
        },
        "expressions": [e.Name for e in model.Expressions],
        "m": list(_m_texts(model)),
    }


def _m_texts(model: Any) -> Iterator[dict[str, str]]:
    for table in model.Tables:
        for partition in table.Partitions:
            if str(partition.SourceType) == "M":
                yield {"place": f"table {table.Name} partition {partition.Name}", "text": partition.Source.Expression}
    for expression in model.Expressions:
        yield {"place": f"expression {expression.Name}", "text": expression.Expression}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m livegold.dashboards.checks.tom", description="Loads folders of TMDL."
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="a folder with model.tmdl")
    parser.add_argument("--packages", type=Path, default=Tools.installed().python, help="where .NET is installed")
    given = parser.parse_args()
    json.dump(_serve(given.packages, given.folders), sys.stdout)


if __name__ == "__main__":
    main()
