"""The model that scores a sample: a regression, fitted where no Spark and no registry is. For samples only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from livegold.reporting.specification import Answer

Matrix = NDArray[np.float64]


def _logistic_fit(x: Matrix, y: Matrix) -> Callable[[Matrix], Matrix]:
    """What gives the probability of each row of features, fitted on rows `x` with the answers `y` (0 or 1).

    By Newton's method with a small ridge; the share of positives where there is one class.
    """
    if len(y) < 2 or y.min() == y.max():
        share = float(y.mean()) if len(y) else 0.5
        return lambda rows: np.full(len(rows), share)
    prepared = _standardised(x)
    inputs = prepared(x)
    weights = np.zeros(inputs.shape[1])
    ridge = np.diag([1e-6, *[1.0] * x.shape[1]])
    for _ in range(20):
        chance = _logistic(inputs @ weights)
        slope = inputs.T @ (y - chance) - ridge @ weights
        curve = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + ridge
        weights = weights + np.linalg.solve(curve, slope)
    return lambda rows: _logistic(prepared(rows) @ weights)


def _linear_fit(x: Matrix, y: Matrix) -> Callable[[Matrix], Matrix]:
    """What gives a number for each row of features: least squares with a small ridge, the mean of fewer than two."""
    if len(y) < 2:
        mean = float(y.mean()) if len(y) else 0.0
        return lambda rows: np.full(len(rows), mean)
    prepared = _standardised(x)
    inputs = prepared(x)
    ridge = np.diag([1e-6, *[1.0] * x.shape[1]])
    weights = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ y)
    return lambda rows: prepared(rows) @ weights


def _standardised(x: Matrix) -> Callable[[Matrix], Matrix]:
    """Columns as deviations from their means, cut at five, behind a column of ones."""
    middle, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)

    def prepared(rows: Matrix) -> Matrix:
        return np.column_stack((np.ones(len(rows)), np.clip((rows - middle) / spread, -5, 5)))

    return prepared


def _logistic(values: Matrix) -> Matrix:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


FITTED: Mapping[Answer, Callable[[Matrix, Matrix], Callable[[Matrix], Matrix]]] = {
    "probability": _logistic_fit,
    "number": _linear_fit,
}
"""By what a task wants of a model, what fits one on rows of features and their answers."""
