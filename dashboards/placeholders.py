"""Fills in a template's placeholders: where its model is, or the rows of its model. Does not define the template.

`push` has placeholders for the workspace and the dataset's id, `directlake` for the ids of workspace and lakehouse, the
others for the parameters of their model, which can also be set in Power BI Desktop. `sample` has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.semantic import Source

WORKSPACE = "WORKSPACE"
NO_ID = "00000000-0000-0000-0000-000000000000"

_PARAMETER = re.compile(r'^(expression (\w+) = )"(?:[^"]|"")*"(?= meta \[IsParameterQuery=true)', re.MULTILINE)
_ONELAKE = re.compile(r"(https://onelake\.dfs\.fabric\.microsoft\.com/)([^/\"]+)/([^/\"]+)(?=\")")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Names of placeholders other than parameters; those that end in Id are GUIDs.
_OF_PUSH = ("Workspace", "DatasetId")
_OF_DIRECTLAKE = ("WorkspaceId", "LakehouseId")


def fill(files: Mapping[str, bytes], source: Source, values: Mapping[str, str]) -> dict[str, bytes]:
    """The files of a template with the values filled in. WrongUse for a name that the source does not have."""
    names = _names(files, source)
    for name, value in values.items():
        if name not in names:
            valid = f"give {choices(names)}" if names else "it has no placeholders"
            raise WrongUse(f"a template for {source} has no placeholder {name!r}: {valid}")
        _check(name, value)
    if not values:
        return dict(files)
    return {path: _filled(path, data, values) for path, data in files.items()}


def _names(files: Mapping[str, bytes], source: Source) -> tuple[str, ...]:
    if source == "push":
        return _OF_PUSH
    if source == "directlake":
        return _OF_DIRECTLAKE
    texts = (data.decode() for path, data in files.items() if path.endswith("expressions.tmdl"))
    return tuple(match[2] for text in texts for match in _PARAMETER.finditer(text))


def _check(name: str, value: str) -> None:
    if name.endswith("Id") and not _ID.fullmatch(value):
        raise WrongUse(f"{name} is {value!r}: give an id such as {NO_ID}")
    if not value.isprintable() or (name == "Workspace" and (not value or ";" in value)):
        raise WrongUse(f"{name} is {value!r}: give text in one line, for a workspace without ;")


def _filled(path: str, data: bytes, values: Mapping[str, str]) -> bytes:
    if path.endswith("definition.pbir"):
        document = json.loads(data)
        connection = document["datasetReference"].get("byConnection")
        if connection is None:
            return data
        text = connection["connectionString"]
        if "Workspace" in values:
            text = text.replace(f"/myorg/{WORKSPACE};", f"/myorg/{values['Workspace']};")
        connection["connectionString"] = text.replace(NO_ID, values.get("DatasetId", NO_ID))
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
    if path.endswith("expressions.tmdl"):
        text = _PARAMETER.sub(
            lambda m: m[1] + _m_text(values[m[2]]) if m[2] in values else m[0],
            data.decode(),
        )
        workspace, lakehouse = (values.get(n) for n in _OF_DIRECTLAKE)
        return _ONELAKE.sub(lambda m: f"{m[1]}{workspace or m[2]}/{lakehouse or m[3]}", text).encode()
    return data


def _m_text(value: str) -> str:
    """A string literal in M, where `#(` begins an escape."""
    return '"' + value.replace("#(", "#(#)(").replace('"', '""') + '"'
