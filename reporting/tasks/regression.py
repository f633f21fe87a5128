"""The regression task: how much will it be? A predicted number next to the actual one.

Everything specific to it is here: scored columns, evaluation, measures, charts, wording.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from livegold.reporting.blocks import Chart, Tile
from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures import CountIf, CountOf, Expression, Measure, Sum, mean, sqrt
from livegold.reporting.schema import MODEL_VERSION
from livegold.reporting.specification import Answer, Block, Dimension, Row, UseCase
from livegold.reporting.tasks.task import MIN_ROWS, Figure, Quality, ScoredColumn, Task, has

if TYPE_CHECKING:
    import numpy as np

BAND = "predicted_band"
MAX_BANDS = 20
MIN_DIFFERENT = 10
"""Distinct outcomes required in each part of a history: with fewer there is hardly a number to learn."""
_KNOWN = CountOf("outcome")
_MEAN = Sum("outcome") / _KNOWN


@dataclass(frozen=True)
class Regression(Task):
    """How much will it be? The outcome is a number; `format` is its display format.

    A prediction is right if it is within `tolerance` of the outcome. `edges` split the predicted values into bands, by
    which a report compares predicted and actual values and shows the error. There is no dimension for bands of the
    error, because it would multiply the rows of pulse by its number of values.
    """

    answers: ClassVar[Answer] = "number"
    answer: ClassVar[str] = "predicted"
    shown: ClassVar[tuple[str, ...]] = ("predicted", "outcome", "error")
    headline: ClassVar[str] = "rmse"
    baseline: ClassVar[str] = "always the mean"
    less_is_better: ClassVar[bool] = True
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("rmse", "RMSE", "{:,.3f}"),
        Figure("mae", "MAE", "{:,.3f}"),
        Figure("bias", "bias", "{:+,.3f}"),
        Figure("within", "within tolerance", "{:.1%}"),
        Figure("r2", "R²"),
    )
    sums: ClassVar[Mapping[str, str]] = {
        "n": "count(outcome)",
        "error": "sum(error)",
        "absolute_error": "sum(absolute_error)",
        "squared_error": "sum(squared_error)",
        "outcome": "sum(outcome)",
        "outcome_squared": "sum(outcome_squared)",
        "within": "count_if(within)",
    }

    # Expressions for a use case's own measures.
    KNOWN: ClassVar[Expression] = _KNOWN
    MAE: ClassVar[Expression] = Sum("absolute_error") / _KNOWN
    RMSE: ClassVar[Expression] = sqrt(Sum("squared_error") / _KNOWN)
    BIAS: ClassVar[Expression] = Sum("error") / _KNOWN
    WITHIN: ClassVar[Expression] = CountIf("within") / _KNOWN
    BASELINE: ClassVar[Expression] = sqrt(Sum("outcome_squared") / _KNOWN - _MEAN * _MEAN)

    tolerance: float
    edges: tuple[float, ...]
    format: str = "#,0.00"

    def __post_init__(self) -> None:
        if not (self.tolerance > 0 and math.isfinite(self.tolerance)):
            raise SpecificationError(f"task Regression: tolerance is {self.tolerance}: give a number above 0")
        rising = all(low < high for low, high in pairwise(self.edges)) and all(map(math.isfinite, self.edges))
        if not rising or not 1 <= len(self.edges) < MAX_BANDS:
            raise SpecificationError(
                f"task Regression: edges are {self.edges}: give 1 to {MAX_BANDS - 1} rising numbers"
            )

    # ---- what is scored ----------------------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[ScoredColumn, ...]:
        return (
            ScoredColumn("predicted", "double", "what the model says the outcome will be", self.format),
            ScoredColumn("outcome", "double", "what came in the end; null while unknown", self.format),
            ScoredColumn(
                "error", "double", "predicted less outcome; null while unknown", self.format, "predicted - outcome"
            ),
            ScoredColumn("absolute_error", "double", "the error without its sign", self.format, "abs(error)"),
            ScoredColumn("squared_error", "double", "the error times itself", "", "error * error"),
            ScoredColumn("outcome_squared", "double", "the outcome times itself", "", "outcome * outcome"),
            ScoredColumn(
                "expected",
                "double",
                "predicted where the outcome is known: its sum is what the model expects of these",
                self.format,
                "CASE WHEN outcome IS NOT NULL THEN predicted END",
            ),
            ScoredColumn(
                "within",
                "boolean",
                f"the error is {self.tolerance:g} or less either way",
                sql=f"coalesce(absolute_error <= {self.tolerance!r}D, false)",
            ),
            ScoredColumn("unknown", "boolean", "the outcome is not known", sql="outcome IS NULL"),
        )

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return (Dimension(BAND, BAND, self._bands, description="band of what was predicted"),)

    @property
    def dimension_sql(self) -> Mapping[str, str]:
        edges, bands = [float(e) for e in self.edges], self._bands
        cases = [f"WHEN predicted < {e!r}D THEN '{b}'" for e, b in zip(edges, bands[:-1], strict=True)]
        last = f"WHEN predicted >= {edges[-1]!r}D THEN '{bands[-1]}'"
        return {BAND: f"CASE {' '.join(cases)} {last} END"}

    @property
    def _bands(self) -> tuple[str, ...]:
        inner = [f"{low:g} to {high:g}" for low, high in pairwise(self.edges)]
        return (f"below {self.edges[0]:g}", *inner, f"{self.edges[-1]:g} and more")

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def quality(self, sums: Mapping[str, Any]) -> Quality:
        n = int(sums["n"] or 0)
        if not n:
            names = ("rmse", "mae", "bias", "within", "r2", "baseline", "mean")
            return Quality(0, dict.fromkeys(names))
        # Some table readers return integers as Decimal.
        mean_of = {name: float(value) / n for name, value in sums.items()}
        mean_squared, average = mean_of["squared_error"], mean_of["outcome"]
        variance = max(mean_of["outcome_squared"] - average**2, 0.0)
        return Quality(
            n,
            {
                "rmse": math.sqrt(mean_squared),
                "mae": mean_of["absolute_error"],
                "bias": mean_of["error"],
                "within": mean_of["within"],
                "r2": 1 - mean_squared / variance if variance else None,
                # The baseline always predicts the mean outcome.
                "baseline": math.sqrt(variance),
                "mean": average,
            },
        )

    def history_sql(self, rows: str) -> str:
        return f"SELECT count(label) AS n, count(DISTINCT label) AS different FROM {rows}"

    def too_little(self, part: str, found: Mapping[str, Any], whole: bool) -> str | None:
        n, different = int(found["n"]), int(found["different"])
        if different >= MIN_DIFFERENT and (not whole or n >= MIN_ROWS):
            return None
        return (
            f"{part} has {n} events with a known outcome and {different} different ones: give a history of {MIN_ROWS} "
            f"or more with at least {MIN_DIFFERENT} different outcomes in its older and its newest part"
        )

    # ---- what is measured and shown ----------------------------------------------------------------------------------

    @property
    def measures(self) -> tuple[Measure, ...]:
        return (
            Measure("RMSE", self.RMSE, format=self.format, description="root of the mean squared error"),
            Measure("Baseline", self.BASELINE, format=self.format, description="RMSE of the mean as the answer"),
            Measure("MAE", self.MAE, format=self.format, description="mean error without its sign"),
            Measure("Bias", self.BIAS, format=self.format, description="mean error: above 0, too much was predicted"),
            Measure(
                "Within tolerance", self.WITHIN, format="0.0%", description=f"{self.tolerance:g} or less from what came"
            ),
            Measure(
                "Mean predicted", Sum("expected") / self.KNOWN, format=self.format, description="of known outcomes"
            ),
            Measure("Mean outcome", mean("outcome"), format=self.format),
            Measure("Outcome known", self.KNOWN, format="#,0"),
            Measure("Outcome unknown", CountIf("unknown"), format="#,0"),
        )

    def model_rows(self, case: UseCase) -> tuple[Row, ...]:
        rows: list[Row] = []
        tiles = [m for m in ("RMSE", "MAE", "Bias", "Within tolerance") if has(case, (m,))]
        if tiles:
            against = {"RMSE": "Baseline" if has(case, ("Baseline",)) else ""}
            rows.append(Row(tuple(Tile(m, against.get(m, ""), width=12 // len(tiles)) for m in tiles), 1.2))
        charts: list[Block] = []
        for names, title in (
            (("Mean predicted", "Mean outcome"), "Predicted against actual"),
            (("MAE", "Bias"), "Error by band"),
        ):
            if has(case, names):
                charts.append(Chart(BAND, names, "line" if not charts else "columns", width=6, title=title))
        if not charts:
            charts = [Chart(BAND, tuple(m.name for m in case.measures[:2]))]
        rows.append(Row(tuple(charts), 2.2))
        first = tiles[:2] or [case.measures[0].name]
        rows.append(Row((Chart(MODEL_VERSION, tuple(first)),), 1.6))
        return tuple(rows)

    def simulated(self, counts: np.ndarray, draw: np.random.Generator) -> dict[str, np.ndarray]:
        unknown = draw.binomial(counts, 0.25)
        return {"unknown": unknown, "within": draw.binomial(counts - unknown, 0.6)}

    # ---- how it reads ------------------------------------------------------------------------------------------------

    def said(self, prediction: Mapping[str, Any]) -> str:
        return f"predicted {prediction['predicted']:,.2f}"

    def sentence(self, quality: Mapping[str, float | None]) -> str:
        rmse, baseline = quality["rmse"], quality["baseline"]
        return f"RMSE {rmse or 0:,.2f}, always the mean {baseline or 0:,.2f}"
