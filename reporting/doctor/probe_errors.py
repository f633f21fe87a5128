"""How a tenant refuses: error formats, verbatim, and six concurrent requests."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from livegold.reporting.doctor.lab import Answer, Lab
from livegold.reporting.powerbi import encoded
from livegold.reporting.powerbi.limits import MAX_PENDING_POSTS


def ask_about_errors(lab: Lab, table: str, changing: str) -> None:
    """Asks about errors. `table` has columns n and one; `changing` is no longer needed."""
    nowhere = str(uuid.uuid4())
    rows = [{"n": 1, "one": 1}]
    missing = lab.attempt(lambda: lab.client.post_rows(nowhere, table, rows))
    lab.found("missing_dataset", missing.words, missing)
    if lab.client.workspace is not None:
        # The address of a workspace's datasets, with a different workspace id.
        url = lab.client.at("").rstrip("/").replace(lab.client.workspace, nowhere)
        wrong = lab.attempt(lambda: lab.client.call("GET", url, "listing datasets"))
        lab.found("wrong_workspace", wrong.words, wrong)
    if not lab.dataset:
        return
    lab.found("missing_table", *_worded(lab.post("Nowhere", rows)))
    body = encoded({"Name": changing, "Columns": []})
    address = lab.client.at(lab.dataset, changing)
    wrong_key = lab.attempt(lambda: lab.client.call("PUT", address, f"changing table {changing!r}", body=body))
    lab.found("wrong_key", *_worded(wrong_key))
    _ask_for_too_much_at_once(lab, table)


def _ask_for_too_much_at_once(lab: Lab, table: str) -> None:
    lab.sleep(1.0)
    numbers = [lab.next_row() for _ in range(MAX_PENDING_POSTS + 1)]

    def post(number: int) -> Answer:
        # Not `attempt`, which would pause and retry.
        return lab.attempt_once(lambda: lab.client.post_rows(lab.dataset, table, [{"n": number, "one": 1}]))

    with ThreadPoolExecutor(len(numbers)) as pool:
        answers = list(pool.map(post, numbers))
    refused = [a for a in answers if not a.ok]
    statuses = sorted({str(a.status or "no answer") for a in refused})
    said = f"some refused ({', '.join(statuses)})" if refused else "all accepted"
    lab.found("six_at_once", said, *(refused or answers)[:1], detail=f"{len(refused)} of {len(answers)} refused")


def _worded(answer: Answer) -> tuple[str, Answer]:
    return answer.words, answer
