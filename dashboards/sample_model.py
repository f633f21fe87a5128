"""The model that scores a sample: a logistic regression, fitted where no Spark and no registry is. For samples only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def fitted(x: Matrix, y: Matrix) -> Callable[[Matrix], Matrix]:
    """What gives the probability of each row of features, fitted on rows `x` with the answers `y` (0 or 1).

    By Newton's method with a small ridge; the share of positives where there is one class.
    """
    if len(y) < 2 or y.min() == y.max():
        share = float(y.mean()) if len(y) else 0.5
        return lambda rows: np.full(len(rows), share)
    middle, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)

    def prepared(rows: Matrix) -> Matrix:
        return np.column_stack((np.ones(len(rows)), np.clip((rows - middle) / spread, -5, 5)))

    inputs = prepared(x)
    weights = np.zeros(inputs.shape[1])
    ridge = np.diag([1e-6, *[1.0] * x.shape[1]])
    for _ in range(20):
        chance = _logistic(inputs @ weights)
        slope = inputs.T @ (y - chance) - ridge @ weights
        curve = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + ridge
        weights = weights + np.linalg.solve(curve, slope)
    return lambda rows: _logistic(prepared(rows) @ weights)


def _logistic(values: Matrix) -> Matrix:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))
