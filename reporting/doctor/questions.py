"""The questions a probe asks a tenant, and what livegold assumes meanwhile (docs/assumptions.md). Makes no requests.

An answer is one of a few phrases produced by the probe; `assumed` lists those livegold is designed for.
"""

from __future__ import annotations

from dataclasses import dataclass

YES, NO = "yes", "no"
AT_ONCE = "at once"
REFUSED_400 = "refused (400)"
STORED = "accepted and stored"
STORED_AGAIN = "accepted and stored again"
DROPPED = "accepted, not stored"
NOT_COUNTED = "accepted, cannot be counted"
OTHER = "something else"


@dataclass(frozen=True)
class Question:
    """`text` is the question in plain words. `assumed`: the answers that change nothing, the expected one first.
    `matters`: what any other answer would mean."""

    text: str
    assumed: tuple[str, ...]
    matters: str


_REFUSED = "nothing: the sink never sends it"

QUESTIONS: dict[str, Question] = {
    # datasets
    "create": Question("May a push dataset be made?", (YES,), "use one that exists, or the eventstream sink"),
    "retention_basic_fifo": Question("With retention basicFIFO?", (YES,), "tables would grow to their limit"),
    "retention_none": Question("With retention None?", (YES,), "nothing: livegold makes basicFIFO ones"),
    "streaming": Question("May a Streaming dataset be made?", (YES,), "nothing: livegold makes Push ones"),
    "push_streaming": Question("May a PushStreaming dataset be made?", (YES,), "no tiles on Now"),
    "twin": Question("May two datasets have one name?", (YES,), "nothing: the sink refuses to guess between twins"),
    "measure": Question("May a table be made with a measure?", (YES,), "the templates' measures would be missing"),
    "list_says_push": Question("Does the list say that it takes rows?", (YES,), "nothing: it is tried"),
    "refreshable": Question("Is it listed as refreshable?", (YES,), "nothing: livegold does not refresh it"),
    "refresh": Question("What is a refresh of it answered?", ("accepted",), "nothing: livegold does not refresh it"),
    # sequence numbers
    "offered": Question("Are sequence numbers offered?", (YES,), "delivery is at least once, and the status says so"),
    "empty": Question("... of a table without rows?", ("an empty list",), "a new table would look used"),
    "without": Question("... after rows without a number?", ("an empty list",), "a second writer would be suspected"),
    "first": Question("May the first number be 2?", (STORED, NOT_COUNTED), "the sink's numbers would be refused"),
    "gap": Question("May numbers have gaps?", (STORED, NOT_COUNTED), "the sink's numbers would be refused"),
    "repeated": Question(
        "A repeated number?", (STORED_AGAIN,), "nothing: the sink reads the number back before it sends again"
    ),
    "lower": Question("A lower number?", (STORED_AGAIN,), "nothing: the sink sends none"),
    "shown_after_lower": Question("What is shown after a lower one?", ("the highest",), "rows in doubt sent twice"),
    "readable": Question("When is a number readable?", (AT_ONCE,), "beyond 3 s, rows in doubt are sent twice"),
    "client": Question(
        "Whose id is clientId?",
        ("the application's", "the caller's object"),
        "a second writer shows by number only",
    ),
    "delete_resets": Question("Does deleting rows forget the numbers?", (NO,), "nothing: the sink goes on above them"),
    "after_delete": Question(
        "A lower number after deleting rows?", (STORED, NOT_COUNTED), "nothing: the sink sends none"
    ),
    # values
    "query": Question("May executeQueries be used?", (YES,), "reconcile cannot recount a real tenant's rows"),
    "missing_column": Question("A row without a column?", ("null",), "nothing: the sink sends every column"),
    "null": Question("A null?", ("null",), "values that were nulled would be refused"),
    "extra_column": Question("A column the table does not have?", (REFUSED_400,), _REFUSED),
    "text_for_number": Question("A text in an Int64 column?", (REFUSED_400,), _REFUSED),
    "boolean_for_number": Question("true in an Int64 column?", (REFUSED_400,), _REFUSED),
    "number_for_text": Question("A number in a String column?", (REFUSED_400,), _REFUSED),
    "fraction_for_whole": Question("1.5 in an Int64 column?", (REFUSED_400,), _REFUSED),
    "long_text": Question("A text of 4,001 characters?", (REFUSED_400,), _REFUSED),
    "longest_text": Question("A text of 4,000 characters?", ("kept",), "texts must be cut shorter"),
    "decimal_scale_5": Question("A Decimal with five digits after the point?", (REFUSED_400,), _REFUSED),
    "decimal_scale_4": Question("A Decimal with four, 22 before?", ("kept",), "money would be rounded"),
    "int64_most": Question("The largest Int64 but one?", ("kept",), "whole numbers would be rounded"),
    "int64_extreme": Question("The largest Int64 itself?", (REFUSED_400,), _REFUSED),
    "time_milliseconds": Question("A time with milliseconds?", ("kept", "kept to 1/300 s"), "buckets would move"),
    "time_fraction": Question(
        "A time with seven digits?", ("kept", "kept to 1/300 s", "cut to milliseconds"), _REFUSED
    ),
    "time_zone": Question("A time with an offset?", ("made UTC",), "nothing: the sink sends UTC"),
    "too_many_rows": Question(
        "10,001 rows in a request?", ("refused (413)", REFUSED_400), "nothing: the sink sends 10,000 at most"
    ),
    # changes of a table
    "put_answers_name": Question("Does PUT answer with the table's name?", (YES,), "nothing: livegold reads no answer"),
    "add_empty": Question("PUT adds a column, no rows yet?", ("done",), "use cases cannot grow"),
    "type_empty": Question("PUT changes a type, no rows yet?", ("done", REFUSED_400), "nothing: livegold refuses it"),
    "remove_empty": Question("PUT removes a column, no rows yet?", ("done",), "nothing: the column stays"),
    "add_rows": Question("PUT adds a column beside rows?", ("done, rows stay",), "use cases cannot grow"),
    "type_rows": Question("PUT changes the type of a column with values?", (REFUSED_400,), "values may be lost"),
    "remove_rows": Question(
        "PUT removes a column with values?",
        (REFUSED_400, "done, rows stay"),
        "a lost column needs a refill",
    ),
    # limits and errors
    "six_at_once": Question(
        "Six requests at once?", ("all accepted", "some refused (429)"), "nothing: the sink sends one at a time"
    ),
    "missing_dataset": Question("Rows for a dataset that is not there?", ("refused (404)",), "another cause is shown"),
    "missing_table": Question("Rows for a table that is not there?", ("refused (404)",), "another cause is shown"),
    "wrong_workspace": Question("A workspace that is not there?", ("refused (401)",), "another cause is shown"),
    "wrong_key": Question("A definition with a wrong key?", (REFUSED_400,), "nothing: definitions are checked"),
}


AS_ASSUMED, DIFFERS, NOT_SETTLED = "as assumed", "differs", "not settled"


def verdict_on(key: str, answer: str | None) -> tuple[str, str]:
    """(verdict, what it means) for an answer; an answer of None means the question could not be asked."""
    question = QUESTIONS[key]
    if answer is None or (answer in (NOT_COUNTED, "no answer") and answer not in question.assumed):
        return NOT_SETTLED, ""
    if answer in question.assumed:
        return AS_ASSUMED, ""
    return DIFFERS, question.matters
