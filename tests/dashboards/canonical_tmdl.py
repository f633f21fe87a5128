"""Loads folders of TMDL with Microsoft's parser and has its serializer write them again. Run by a test, in a process
of its own (.NET cannot be unloaded): `python canonical_tmdl.py PACKAGES FOLDER OUT [FOLDER OUT]...`."""

import importlib
import sys
from pathlib import Path

from livegold.dashboards.checks import tom

deserialize = tom._start(Path(sys.argv[1]))
serializer = importlib.import_module("Microsoft.AnalysisServices.Tabular").TmdlSerializer
for folder, out in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
    serializer.SerializeDatabaseToFolder(deserialize(folder), out)
