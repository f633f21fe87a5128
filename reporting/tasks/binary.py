"""The binary classification task: a probability, a threshold from which on the model says yes, a confusion matrix.

Everything specific to it is here: scored columns, evaluation, measures (including those at a cut-off), blocks, wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from livegold.reporting.blocks import Chart, ConfusionMatrix, CutOffSlider, Tile
from livegold.reporting.errors import SpecificationError, choices
from livegold.reporting.measures import (
    Aggregate,
    CountIf,
    Expression,
    Measure,
    Sum,
    Value,
    arithmetic_dax,
    compute,
    mean,
    sqrt,
)
from livegold.reporting.schema import (
    BAND_TABLE,
    BUCKET,
    BUCKET_NO,
    COMPLETE_TICK,
    CUT_OFF,
    CUT_OFF_TABLE,
    MODEL_VERSION,
    PULSE,
    TICK,
    TOTALS,
)
from livegold.reporting.specification import Answer, Block, Dimension, Row, UseCase
from livegold.reporting.tasks.task import MIN_ROWS, Figure, Parameter, Quality, ScoredColumn, Surroundings, Task, has

if TYPE_CHECKING:
    import numpy as np

CELLS = ("tp", "fp", "tn", "fn")
"""Columns for the cells of the confusion matrix."""
BAND = "score_band"
SCORE_BANDS = tuple(f"{low}-{low + 10}%" for low in range(0, 100, 10))
CUT_OFFS = tuple(range(0, 101, 10))
MIN_OF_EACH = 20
"""Events required for each outcome, in both the older and the newest part of a history."""
_SHARE = "{:.1%}"
_TP, _FP, _TN, _FN = (CountIf(cell) for cell in CELLS)
_KNOWN = _TP + _FP + _TN + _FN


@dataclass(frozen=True)
class AtCutOff:
    """An expression over the counts of the confusion matrix, as if the model said yes for scores from the cut-off on.

    Exact for cut-offs at the edges of score bands; at 100 percent the model never says yes. Only known outcomes count.
    `start` (percent) is the cut-off while none is selected; the task sets it to the band edge at or below its
    threshold.
    """

    folder: ClassVar[str] = "At the cut-off"
    parts: ClassVar[tuple[str, ...]] = ()
    split: ClassVar[tuple[str, tuple[Measure, ...]]] = (BAND, tuple(Measure(cell, CountIf(cell)) for cell in CELLS))

    name: str
    expression: Expression
    format: str = "0.0%"
    description: str = ""
    start: int = 50

    def __post_init__(self) -> None:
        for aggregate in self.expression.aggregates:
            if not isinstance(aggregate, CountIf) or aggregate.column not in CELLS:
                raise SpecificationError(
                    f"cut-off measure {self.name!r}: counts {aggregate!r}: give CountIf of {choices(CELLS)}"
                )
        if not self.expression.aggregates:
            raise SpecificationError(f"cut-off measure {self.name!r}: counts nothing: give CountIf of {choices(CELLS)}")

    def dax(self, push: bool) -> str:
        table = TOTALS if push else PULSE
        lines = [f"VAR __cut = SELECTEDVALUE('{CUT_OFF_TABLE}'[order], {self.start})"]
        of_all: list[str]
        if push:
            lines.insert(0, f"VAR __tick = CALCULATE(MAX({TOTALS}[{COMPLETE_TICK}]), REMOVEFILTERS({TOTALS}))")
            of_all = [f"{TOTALS}[{TICK}] = __tick"]
        else:
            of_all = [f"REMOVEFILTERS({PULSE}[{c}])" for c in (BUCKET, BUCKET_NO)]
        sides = {"tp": ("tp", "fn", ">="), "fn": ("tp", "fn", "<"), "fp": ("fp", "tn", ">="), "tn": ("fp", "tn", "<")}
        named: dict[Aggregate, str] = {}
        for aggregate in self.expression.aggregates:
            assert isinstance(aggregate, CountIf)
            left, right, side = sides[aggregate.column]
            band = f"KEEPFILTERS('{BAND_TABLE}'[order] * 10 {side} __cut)"
            total = f"SUM({table}[{left}]) + SUM({table}[{right}])"
            # 0 is added outside: in pbix-mcp 0.9.149, CALCULATE is blank if no band is left, whatever it computes.
            named[aggregate] = f"CALCULATE({total}, {', '.join([*of_all, band])}) + 0"
        return "\n".join([*lines, *arithmetic_dax(self.expression, named)])

    def answer(self, at: Surroundings) -> Value:
        return self.value(at.counts_by(*self.split), at.chosen(CUT_OFF))

    def value(self, bands: Mapping[int, Mapping[str, Any]], cut_off: int) -> Value:
        """`bands` has the four all-time counts (names in CELLS) by order of the score band; `cut_off` is in percent."""

        def total(names: tuple[str, str], above: bool) -> int:
            chosen = [counts for order, counts in bands.items() if (order * 10 >= cut_off) is above]
            return sum(int(counts[n] or 0) for counts in chosen for n in names)

        yes, no = ("tp", "fn"), ("fp", "tn")
        at = {"tp": total(yes, True), "fn": total(yes, False), "fp": total(no, True), "tn": total(no, False)}
        return compute(self.expression, {a: at[a.columns[0]] for a in self.expression.aggregates})


@dataclass(frozen=True)
class Binary(Task):
    """Will it be `positive`? The model says yes for a probability of `threshold` or more; the outcome is a boolean.

    `cut_offs` are measures as they would be at another threshold, set with a slider in the report.
    """

    answers: ClassVar[Answer] = "probability"
    answer: ClassVar[str] = "score"
    shown: ClassVar[tuple[str, ...]] = ("score", "predicted", "outcome")
    headline: ClassVar[str] = "accuracy"
    baseline: ClassVar[str] = "majority class"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("accuracy", "accuracy", _SHARE, close="{:.2%}"),
        Figure("precision", "precision", _SHARE),
        Figure("recall", "recall", _SHARE),
        Figure("f1", "F1"),
        Figure("auc", "AUC"),
    )
    sums: ClassVar[Mapping[str, str]] = {cell: f"count_if({cell})" for cell in CELLS}

    # Expressions for a use case's own measures.
    TP: ClassVar[Expression] = _TP
    FP: ClassVar[Expression] = _FP
    TN: ClassVar[Expression] = _TN
    FN: ClassVar[Expression] = _FN
    KNOWN: ClassVar[Expression] = _KNOWN
    ACCURACY: ClassVar[Expression] = (_TP + _TN) / _KNOWN
    PRECISION: ClassVar[Expression] = _TP / (_TP + _FP)
    RECALL: ClassVar[Expression] = _TP / (_TP + _FN)
    F1: ClassVar[Expression] = 2 * _TP / (2 * _TP + _FP + _FN)
    POSITIVES: ClassVar[Expression] = (_TP + _FN) / _KNOWN
    # The larger of two shares, without a comparison.
    BASELINE: ClassVar[Expression] = (_KNOWN + sqrt((_TP + _FN - _FP - _TN) * (_TP + _FN - _FP - _TN))) / (2 * _KNOWN)
    EXPECTED: ClassVar[Expression] = Sum("expected")
    DEVIATION: ClassVar[Expression] = sqrt(Sum("expected_variance"))

    positive: str
    negative: str
    threshold: float = 0.5
    cut_offs: tuple[AtCutOff, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise SpecificationError(f"task Binary: threshold is {self.threshold}: give a number between 0 and 1")
        for name in ("positive", "negative"):
            if not getattr(self, name).strip():
                raise SpecificationError(f"task Binary: {name} is blank: give the word for that answer")

    # ---- what is scored ----------------------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[ScoredColumn, ...]:
        known = "outcome IS NOT NULL"

        def cell(name: str, condition: str, description: str) -> ScoredColumn:
            return ScoredColumn(name, "boolean", description, sql=f"coalesce({condition}, false)")

        return (
            ScoredColumn("score", "double", "probability of the positive outcome, 0 to 1", "0.0%"),
            ScoredColumn(
                "predicted",
                "boolean",
                "the model says the positive outcome will come",
                sql=f"score >= {self.threshold!r}D",
            ),
            ScoredColumn("outcome", "boolean", "what came in the end; null while unknown"),
            cell("tp", "predicted AND outcome", "predicted positive, was positive"),
            cell("fp", "predicted AND NOT outcome", "predicted positive, was negative"),
            cell("tn", "NOT predicted AND NOT outcome", "predicted negative, was negative"),
            cell("fn", "NOT predicted AND outcome", "predicted negative, was positive"),
            ScoredColumn(
                "expected",
                "double",
                "score where the outcome is known: its sum is how many positives the model expects",
                sql=f"CASE WHEN {known} THEN score END",
            ),
            ScoredColumn(
                "expected_variance",
                "double",
                "score times (1 - score) where the outcome is known: the variance of that number",
                sql=f"CASE WHEN {known} THEN score * (1 - score) END",
            ),
            ScoredColumn("unknown", "boolean", "the outcome is not known", sql="outcome IS NULL"),
        )

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return (Dimension(BAND, BAND, SCORE_BANDS, description="band of the score, ten points wide"),)

    @property
    def dimension_sql(self) -> Mapping[str, str]:
        cases = [f"WHEN score * 10 < {n} THEN '{band}'" for n, band in enumerate(SCORE_BANDS[:-1], 1)]
        last = f"WHEN score * 10 >= {len(SCORE_BANDS) - 1} THEN '{SCORE_BANDS[-1]}'"
        return {BAND: f"CASE {' '.join(cases)} {last} END"}

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def evaluation_sql(self, scored: str) -> str:
        # AUC is the probability that a positive scores higher than a negative; a tie counts as half.
        by_score = f"SELECT score, count_if(outcome) AS p, count_if(NOT outcome) AS n FROM {scored} GROUP BY score"
        ranked = (
            "SELECT CAST(p AS DOUBLE) AS p, CAST(n AS DOUBLE) AS n, CAST(sum(n) OVER (ORDER BY score "
            f"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - n AS DOUBLE) AS below FROM ({by_score}) AS by_score"
        )
        auc = f"(SELECT sum(p * (below + n / 2)) / nullif(sum(p) * sum(n), 0) FROM ({ranked}) AS ranked)"
        counts = ", ".join(f"{sql} AS {name}" for name, sql in self.sums.items())
        return f"SELECT {counts}, {auc} AS auc FROM {scored}"

    def quality(self, sums: Mapping[str, Any]) -> Quality:
        tp, fp, tn, fn = (int(sums[cell] or 0) for cell in CELLS)
        known = tp + fp + tn + fn

        def share(of: int, all_: int) -> float | None:
            return of / all_ if all_ else None

        auc = sums.get("auc")
        return Quality(
            known,
            {
                "accuracy": share(tp + tn, known),
                "baseline": share(max(tp + fn, fp + tn), known),
                "precision": share(tp, tp + fp),
                "recall": share(tp, tp + fn),
                "f1": share(2 * tp, 2 * tp + fp + fn),
                "auc": None if auc is None else float(auc),
                "tp": tp,
                "fp": fp,
                "tn": tn,
                "fn": fn,
            },
        )

    def history_sql(self, rows: str) -> str:
        return f"SELECT count_if(label = 0) AS negative, count_if(label = 1) AS positive FROM {rows}"

    def too_little(self, part: str, found: Mapping[str, Any], whole: bool) -> str | None:
        yes, no = int(found["positive"]), int(found["negative"])
        if min(yes, no) >= MIN_OF_EACH and (not whole or yes + no >= MIN_ROWS):
            return None
        return (
            f"{part} has {yes + no} events with a known outcome, {yes} {self.positive!r} and {no} {self.negative!r}: "
            f"give a history of {MIN_ROWS} or more with at least {MIN_OF_EACH} of each in its older and its newest part"
        )

    # ---- what is measured and shown ----------------------------------------------------------------------------------

    @property
    def measures(self) -> tuple[Measure, ...]:
        yes, no = self.positive, self.negative
        known = "of those whose outcome is known"
        return (
            Measure("Accuracy", self.ACCURACY, format="0.0%", description=known),
            Measure("Baseline", self.BASELINE, format="0.0%", description="accuracy of the majority-class baseline"),
            Measure("Precision", self.PRECISION, format="0.0%", description=f"{yes}, of those called {yes}"),
            Measure("Recall", self.RECALL, format="0.0%", description=f"called {yes}, of those that were"),
            Measure("F1", self.F1, format="0.000"),
            Measure("True positives", self.TP, format="#,0", description=f"called {yes}, and were {yes}"),
            Measure("False positives", self.FP, format="#,0", description=f"called {yes}, and were {no}"),
            Measure("False negatives", self.FN, format="#,0", description=f"called {no}, and were {yes}"),
            Measure("True negatives", self.TN, format="#,0", description=f"called {no}, and were {no}"),
            Measure("Outcome unknown", CountIf("unknown"), format="#,0"),
            Measure("Mean score", mean("score"), format="0.0%"),
            Measure(f"Was {yes}", self.POSITIVES, format="0.0%", description=f"{yes}, {known}"),
        )

    @property
    def derived_measures(self) -> tuple[AtCutOff, ...]:
        return tuple(replace(c, start=self._start) for c in self.cut_offs)

    @property
    def needs(self) -> tuple[Aggregate, ...]:
        return tuple(CountIf(cell) for cell in CELLS) if self.cut_offs else ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        said = "Scores from which on the model might say yes; related to no other table"
        return (Parameter(CUT_OFF, CUT_OFF_TABLE, said, CUT_OFFS, self._start),) if self.cut_offs else ()

    @property
    def blocks(self) -> Mapping[type[Block], str]:
        found: dict[type[Block], str] = {
            ConfusionMatrix: (
                f"Confusion matrix: above, predicted {self.positive} (true positives, false positives); "
                f"below, predicted {self.negative} (false negatives, true negatives)"
            )
        }
        if self.cut_offs:
            found[CutOffSlider] = f"Cut-off in percent: from this score on the model says {self.positive}"
        return found

    def confusion_matrix(self, width: int = 3, title: str = "") -> ConfusionMatrix:
        """The block, built from the task's own measures."""
        right_and_wrong = ("True positives", "False positives", "False negatives", "True negatives")
        return ConfusionMatrix(measures=right_and_wrong, width=width, title=title)

    def model_rows(self, case: UseCase) -> tuple[Row, ...]:
        names = [m.name for m in case.measures]
        matrix = self.confusion_matrix()
        middle: list[Block] = [Chart(MODEL_VERSION, tuple(names[:2]), width=6)]
        if has(case, matrix.measures):
            middle = [Chart(MODEL_VERSION, tuple(names[:2]), width=3), matrix]
        calibrated = ("Mean score", f"Was {self.positive}")
        if has(case, calibrated):
            middle.insert(0, Chart(BAND, calibrated, "line", width=6, title="Calibration: predicted and actual"))
        else:
            middle.insert(0, Chart(BAND, tuple(names[:2]), width=6))
        rows = [Row(tuple(middle), 2.2)]
        if self.cut_offs:
            cut = [m.name for m in self.cut_offs]
            tiles = tuple(Tile(name, width=2) for name in cut[:4])
            rows.append(Row((CutOffSlider(width=12 - 2 * len(tiles)), *tiles), 1.2))
            rows.append(Row((Chart(CUT_OFF, tuple(cut[:3]), "line"),), 1.8))
        return tuple(rows)

    def simulated(self, counts: np.ndarray, draw: np.random.Generator) -> dict[str, np.ndarray]:
        unknown = draw.binomial(counts, 0.25)
        positive = draw.binomial(counts - unknown, 0.3)
        negative = counts - unknown - positive
        tp, fp = draw.binomial(positive, 0.7), draw.binomial(negative, 0.15)
        return {
            "unknown": unknown,
            "outcome": positive,
            "tp": tp,
            "fn": positive - tp,
            "fp": fp,
            "tn": negative - fp,
            "predicted": tp + fp + draw.binomial(unknown, 0.25),
        }

    @property
    def _start(self) -> int:
        """The cut-off in percent while none is selected."""
        return int(round(self.threshold * 1000) // 100) * 10

    # ---- how it reads ------------------------------------------------------------------------------------------------

    def said(self, prediction: Mapping[str, Any]) -> str:
        word = self.positive if prediction["predicted"] else self.negative
        return f"{word} with probability {prediction['score']:.1%}"

    def sentence(self, quality: Mapping[str, float | None]) -> str:
        accuracy, baseline = quality["accuracy"], quality["baseline"]
        return f"accuracy {accuracy or 0:.1%}, majority-class baseline {baseline or 0:.1%}"

    def breakdown(self, quality: Mapping[str, float | None]) -> list[list[str]]:
        yes, no = self.positive, self.negative
        counts = {cell: f"{quality[cell] or 0:,.0f}" for cell in CELLS}
        return [
            ["", f"was {yes}", f"was {no}"],
            [f"said {yes}", counts["tp"], counts["fp"]],
            [f"said {no}", counts["fn"], counts["tn"]],
        ]
