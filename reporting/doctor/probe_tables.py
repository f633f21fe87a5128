"""What PUT may change in a table, with and without rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livegold.reporting.doctor.lab import Answer, Lab, columns
from livegold.reporting.doctor.questions import NO, YES


def ask_about_tables(lab: Lab, table: str) -> None:
    """Asks about changes. `table` has columns n, one, a (Int64), b and c (String), and no rows."""
    now = {"a": "Int64", "b": "String", "c": "String"}
    now = _change(lab, table, "add_empty", now, {**now, "d": "String"}, None)
    now = _change(lab, table, "type_empty", now, {**now, "a": "Double"}, None)
    now = _change(lab, table, "remove_empty", now, _without(now, "c"), None)
    row = lab.next_row()
    values = {name: 1 if kind in ("Int64", "Double") else "x" for name, kind in now.items()}
    sent = lab.post(table, [{"n": row, "one": 1, **values}])
    if not sent.ok:
        for key in ("add_rows", "type_rows", "remove_rows"):
            lab.found(key, f"rows were {sent.words}", sent)
        return
    lab.times(table, row)
    now = _change(lab, table, "add_rows", now, {**now, "e": "String"}, row)
    now = _change(lab, table, "type_rows", now, {**now, "a": "String"}, row)
    _change(lab, table, "remove_rows", now, _without(now, "b"), row)


def _change(
    lab: Lab, table: str, key: str, before: dict[str, str], after: dict[str, str], row: int | None
) -> dict[str, str]:
    """Requests a change; returns the columns the table has afterwards."""
    answer = lab.attempt(lambda: lab.client.put_table(lab.dataset, _definition(table, after)))
    if not answer.ok:
        lab.found(key, answer.words, answer)
        return before
    _ask_about_answer(lab, answer, table)
    if row is None:
        lab.found(key, "done", answer)
        return after
    times = lab.times(table, row)
    became = {None: "rows cannot be counted", 0: "rows are gone"}.get(times, "rows stay")
    lab.found(key, f"done, {became}", answer)
    return after


def _ask_about_answer(lab: Lab, answer: Answer, table: str) -> None:
    if answer.exchange is not None:
        named = f'"{table}"' in answer.exchange.body
        lab.found("put_answers_name", YES if named else NO, answer)


def _definition(table: str, types: Mapping[str, str]) -> dict[str, Any]:
    return {"name": table, "columns": columns(**types)}


def _without(types: Mapping[str, str], name: str) -> dict[str, str]:
    return {n: t for n, t in types.items() if n != name}
