"""What a tenant does with sequence numbers. The sink relies only on reading them back."""

from __future__ import annotations

from livegold.reporting.doctor.lab import LOOK_SECONDS, SHOWS_WITHIN_SECONDS, Answer, Lab
from livegold.reporting.doctor.questions import AT_ONCE, DROPPED, NO, STORED, STORED_AGAIN, YES
from livegold.reporting.schema import OTHER

# A number that the very first look shows counts as readable at once.
_AN_EMPTY_LIST = "an empty list"


def ask_about_sequences(lab: Lab, table: str, emptied: str) -> None:
    """Asks about sequence numbers. `table` and `emptied` have columns n and one, and no rows."""
    empty = lab.numbers(table)
    lab.found("offered", YES if empty.ok else f"no, {empty.words}", empty)
    if empty.ok:
        lab.found("empty", _shown(empty), empty)
    _see_whether_rows_can_be_counted(lab, table)
    if not empty.ok:
        return
    without = lab.numbers(table)
    lab.found("without", _shown(without), without)

    row = lab.next_row()
    first = lab.post(table, [_row(row)], 2)
    seconds, read = lab.read_back(table, 2)
    lab.found("first", lab.fate(first, table, row, STORED, DROPPED), first, read)
    if first.ok:
        late = f"after {seconds * 1000:.0f} ms" if seconds is not None else "not in 30 s"
        lab.found("readable", AT_ONCE if seconds == 0 or (seconds or 99) < 0.05 else late, read)
    _ask_about_client(lab, read)

    row = lab.next_row()
    gap = lab.post(table, [_row(row)], 10)
    lab.read_back(table, 10)
    lab.found("gap", lab.fate(gap, table, row, STORED, DROPPED), gap)
    for key, number in (("repeated", 10), ("lower", 5)):
        row = lab.next_row()
        answer = lab.post(table, [_row(row)], number)
        lab.found(key, lab.fate(answer, table, row, STORED_AGAIN, DROPPED), answer)
    shown = lab.numbers(table)
    if shown.ok:
        found = [n.number for n in shown.value]
        said = {(10,): "the highest", (5,): "the last"}.get(tuple(found), f"{found}")
        lab.found("shown_after_lower", said, shown)
    _ask_about_deleting(lab, emptied)


def _see_whether_rows_can_be_counted(lab: Lab, table: str) -> None:
    row = lab.next_row()
    sent = lab.post(table, [_row(row)])
    asked = _first_query(lab, table, row)
    lab.can_query = sent.ok and asked.value is not None
    if not lab.can_query:
        lab.found("query", f"refused ({asked.status})" if sent.ok else f"rows were {sent.words}", asked)
        return
    began = lab.clock()
    if lab.times(table, row):
        lab.found("query", YES, asked, detail=f"rows show within {lab.clock() - began:.1f} s")
        return
    lab.can_query = False
    lab.found("query", f"answered, but rows do not show in {SHOWS_WITHIN_SECONDS:.0f} s", asked)


def _first_query(lab: Lab, table: str, row: int) -> Answer:
    """The first query: a newly created dataset may not answer at once, one that may not be queried never will."""
    ends = lab.clock() + SHOWS_WITHIN_SECONDS
    while True:
        asked = lab.attempt(lambda: lab.rows(table, [], row))
        if asked.value is not None or asked.status in (401, 403) or lab.clock() >= ends:
            return asked
        lab.sleep(LOOK_SECONDS)


def _ask_about_client(lab: Lab, read: Answer) -> None:
    if not read.ok or not read.value:
        return
    shown = str(read.value[0].client_id).lower()
    if shown and shown == str(lab.claims.get("appid") or lab.claims.get("azp") or "").lower():
        lab.found("client", "the application's", read)
    elif shown and shown == str(lab.claims.get("oid") or "").lower():
        lab.found("client", "the caller's object", read)
    else:
        lab.found("client", "neither the application's nor the caller's" if shown else "none", read)


def _ask_about_deleting(lab: Lab, table: str) -> None:
    sent = lab.post(table, [_row(lab.next_row())], 7)
    seconds, before = lab.read_back(table, 7)
    if seconds is None:
        lab.found("delete_resets", OTHER, sent, before, detail="number 7 was not shown before")
        return
    deleted = lab.attempt(lambda: lab.client.delete_rows(lab.dataset, table))
    after = lab.numbers(table)
    if deleted.ok and after.ok:
        still = any(n.number == 7 for n in after.value)
        lab.found("delete_resets", NO if still else YES if not after.value else OTHER, deleted, after)
        row = lab.next_row()
        lower = lab.post(table, [_row(row)], 3)
        lab.found("after_delete", lab.fate(lower, table, row, STORED, DROPPED), lower)


def _shown(answer: Answer) -> str:
    if not answer.ok:
        return answer.words
    return _AN_EMPTY_LIST if not answer.value else f"{[n.number for n in answer.value]}"


def _row(number: int) -> dict[str, int]:
    return {"n": number, "one": 1}
