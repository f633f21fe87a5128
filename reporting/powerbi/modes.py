"""Checks, before sending, what a dataset of each mode may contain. Not what livegold puts into one (dataset.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livegold.reporting.errors import Refused, choices
from livegold.reporting.powerbi.limits import PUSH_MODES, STREAMING_COLUMN_KEYS

PUSH, STREAMING, PUSH_STREAMING = PUSH_MODES
STREAMING_TABLE_KEYS = ("name", "columns")


def check_mode(definition: Mapping[str, Any], doing: str) -> None:
    """Raises Refused for a mode that accepts no rows, and for anything a streaming mode does not support.

    The service answers the latter with 400 InvalidRequest without naming the column.
    """
    mode = definition.get("defaultMode", PUSH)
    if mode not in PUSH_MODES:
        raise Refused(f"{doing}: defaultMode {mode!r} takes no rows: give {choices(PUSH_MODES)}")
    if mode == PUSH:
        return
    if definition.get("relationships"):
        raise Refused(f"{doing}: a {mode} dataset takes no relationships: leave them out, or make it {PUSH}")
    for table in definition.get("tables") or []:
        _only(STREAMING_TABLE_KEYS, table, f"{doing}: table {table.get('name')!r}", mode)
        for column in table.get("columns") or []:
            place = f"{doing}: column {column.get('name')!r} of table {table.get('name')!r}"
            _only(STREAMING_COLUMN_KEYS, column, place, mode)


def _only(valid: tuple[str, ...], thing: Mapping[str, Any], place: str, mode: str) -> None:
    extra = [key for key in thing if key not in valid]
    if extra:
        raise Refused(f"{place} has {extra[0]!r}: a {mode} dataset takes only {' and '.join(valid)}; or make it {PUSH}")
