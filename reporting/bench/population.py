"""Which values the dimensions of a simulated use case have at what time, and how often each occurs. Makes no rows.

Values appear one after another, all within the share GROWN of the total time; a dimension that admits values is offered
more than it has room for, and those that come too late become "other". Model versions follow one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import pyarrow as pa

from livegold.reporting.schema import KEY, LABEL, LAST_ORDER, MODEL_VERSION, ORDER, OTHER, UNKNOWN
from livegold.reporting.specification import Dimension, UseCase

GROWN = 0.6
# Additional values offered to a dimension that has no room left.
TOO_MANY = 5
VERSIONS = 3


@dataclass(frozen=True)
class Mixture:
    """Combinations of dimension values as columns of equal length, with each one's share of events."""

    columns: dict[str, pa.Array]
    shares: np.ndarray


class Population:
    """The values of a use case's dimensions over a share (0 to 1) of the simulated time."""

    def __init__(self, case: UseCase) -> None:
        self._dimensions = case.all_dimensions
        self._of_task = {d.name for d in case.model.task.dimensions}
        self._mixtures: dict[tuple[int, ...], Mixture] = {}

    @cached_property
    def bounds(self) -> dict[str, int]:
        """Final row counts of the dimensions' tables; not for model versions, whose bound is never reached."""
        return {d.name: len(_kept(d)) + len(LAST_ORDER) for d in self._dimensions if d.name != MODEL_VERSION}

    def mixture(self, passed: float) -> Mixture:
        """The mixture of events at this share of the time."""
        active = tuple(self._number_of(d, passed) for d in self._dimensions)
        if active not in self._mixtures:
            self._mixtures = {active: self._mixed(active)}
        return self._mixtures[active]

    def tables(self, passed: float) -> dict[str, pa.Table]:
        """Tables of key, label, order: declared values from the start, others once they have occurred."""
        found = {}
        for dimension in self._dimensions:
            keys = _kept(dimension)
            if dimension.values is None:
                keys = keys[: self._number_of(dimension, passed)]
            order = [*range(len(keys)), *LAST_ORDER.values()]
            keys = [*keys, *LAST_ORDER]
            found[dimension.name] = pa.table({KEY: keys, LABEL: keys, ORDER: pa.array(order, pa.int64())})
        return found

    def _mixed(self, active: tuple[int, ...]) -> Mixture:
        values, shares = [], []
        for dimension, number in zip(self._dimensions, active, strict=True):
            offered = self._offered(dimension)
            if dimension.name == MODEL_VERSION:
                values.append([offered[number - 1]])
                shares.append([1.0])
                continue
            room = set(_kept(dimension)) | {UNKNOWN}
            weights: dict[str, float] = {}
            for place, value in enumerate(offered[:number]):
                kept = value if value in room else OTHER
                weights[kept] = weights.get(kept, 0.0) + 1 / (place + 1)
            values.append(list(weights))
            shares.append([w / sum(weights.values()) for w in weights.values()])
        combinations = list(product(*values))
        columns = {d.name: pa.array([c[i] for c in combinations], pa.string()) for i, d in enumerate(self._dimensions)}
        probabilities = np.array([np.prod(p) for p in product(*shares)])
        return Mixture(columns, probabilities / probabilities.sum())

    def _offered(self, dimension: Dimension) -> list[str]:
        """The values that events bring, in order of appearance; the second one is unknown."""
        kept = _kept(dimension)
        if dimension.name == MODEL_VERSION or dimension.name in self._of_task:
            return kept
        return [kept[0], UNKNOWN, *kept[1:], *(f"{dimension.name} too many {n + 1}" for n in range(TOO_MANY))]

    def _number_of(self, dimension: Dimension, passed: float) -> int:
        offered = len(self._offered(dimension))
        if dimension.name == MODEL_VERSION:
            return min(offered, 1 + int(passed * offered))
        if dimension.name in self._of_task:
            return offered
        return min(offered, 2 + int(passed / GROWN * (offered - 2)))


def _kept(dimension: Dimension) -> list[str]:
    """The values that gold distinguishes."""
    if dimension.name == MODEL_VERSION:
        return [str(n + 1) for n in range(VERSIONS)]
    if dimension.values is not None:
        return list(dimension.values)
    return [f"{dimension.name} {n + 1}" for n in range(dimension.limit)]
