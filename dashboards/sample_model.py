"""The model that scores a sample: a regression, fitted without Spark or a registry. For samples only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from livegold.reporting.specification import Answer

Matrix = NDArray[np.float64]


def _logistic_fit(x: Matrix, y: Matrix) -> Callable[[Matrix], Matrix]:
    """A function that returns the probability for each row of features, fitted on rows `x` with labels `y` (0 or 1).

    Uses Newton's method with a small ridge; if there is only one class, the share of positives.
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
    """A function that returns a number for each row of features: least squares with a small ridge.

    Fitted on fewer than two rows, it returns their mean.
    """
    if len(y) < 2:
        mean = float(y.mean()) if len(y) else 0.0
        return lambda rows: np.full(len(rows), mean)
    prepared = _standardised(x)
    inputs = prepared(x)
    ridge = np.diag([1e-6, *[1.0] * x.shape[1]])
    weights = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ y)
    return lambda rows: prepared(rows) @ weights


def _standardised(x: Matrix) -> Callable[[Matrix], Matrix]:
    """A function that standardizes columns: a column of ones, then z-scores clipped to plus or minus five."""
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
"""For each kind of answer a task expects, the function that fits a model on rows of features and their labels."""
