"""What can and cannot be changed in an existing push dataset. Compares definitions; makes no requests.

`PUT` on a table adds columns, and adds, changes and drops measures. No call adds or drops a table or a relationship. A
column that holds rows cannot be dropped or change its type (assumed, see docs/assumptions.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Definition = Mapping[str, Any]


def impossible_changes(before: Definition, after: Definition) -> list[str]:
    """One text per difference between two dataset definitions that no call can make; empty if `PUT` suffices."""
    found = []
    old, new = _tables(before), _tables(after)
    found += [f"table {name!r} is new" for name in new if name not in old]
    found += [f"table {name!r} is gone" for name in old if name not in new]
    for name in new:
        if name not in old:
            continue
        types = {c["name"]: c["dataType"] for c in old[name]["columns"]}
        kept = {c["name"] for c in new[name]["columns"]}
        found += [f"column {name}[{column}] is gone" for column in types if column not in kept]
        for column in new[name]["columns"]:
            was = types.get(column["name"], column["dataType"])
            if was != column["dataType"]:
                found.append(f"column {name}[{column['name']}] was {was} and is {column['dataType']}")
    if not found and _relationships(before) != _relationships(after):
        found.append("relationships differ")
    return found


def _tables(definition: Definition) -> dict[str, Any]:
    return {t["name"]: t for t in definition["tables"]}


def _relationships(definition: Definition) -> set[tuple[Any, ...]]:
    keys = ("fromTable", "fromColumn", "toTable", "toColumn")
    return {tuple(r[k] for k in keys) for r in definition.get("relationships", ())}
