"""What stands beside a score: the answer, the outcome, how the two compare, the band. Not for how a model scores."""

from __future__ import annotations

from livegold.reporting.pipeline.dialect import cast
from livegold.reporting.pipeline.query import Columns, Steps
from livegold.reporting.schema import ARRIVAL, EVENT_TIME, SCORE, SCORE_BAND, SCORE_BANDS
from livegold.reporting.specification import UseCase


def scored_columns(case: UseCase) -> Steps:
    """The columns of a binary model: predicted, outcome, the cells of the confusion matrix, the sums of the band.

    Needs score (the probability of the positive outcome), and the fields and derived columns the outcome is told by.
    """
    answer = {"outcome": cast(f"({case.model.outcome})", "boolean"), "predicted": f"score >= {case.model.threshold!r}D"}
    compared = {
        "tp": "coalesce(predicted AND outcome, false)",
        "fp": "coalesce(predicted AND NOT outcome, false)",
        "tn": "coalesce(NOT predicted AND NOT outcome, false)",
        "fn": "coalesce(NOT predicted AND outcome, false)",
        "expected": "CASE WHEN outcome IS NOT NULL THEN score END",
        "expected_variance": "CASE WHEN outcome IS NOT NULL THEN score * (1 - score) END",
        "unknown": "outcome IS NULL",
    }
    return answer, compared


def score_band() -> str:
    """The band of a score from 0 to 1. Needs score, which is never null."""
    bands = ", ".join(f"'{band}'" for band in SCORE_BANDS)
    return f"get(array({bands}), least(CAST(floor({SCORE} * {len(SCORE_BANDS)}) AS int), {len(SCORE_BANDS) - 1}))"


def labelled_columns(case: UseCase) -> Steps:
    """Everything that a score and an event together say: `scored_columns`, late and score_band.

    Needs what `scored_columns` needs, event_time and arrival.
    """
    late = f"unix_micros({ARRIVAL}) - unix_micros({EVENT_TIME}) > {case.late_after_seconds * 1_000_000}"
    first, *rest = scored_columns(case)
    own: Columns = {"late": late, SCORE_BAND: score_band()}
    return ({**first, **own}, *rest)
