"""A decision tree as data: its equivalent SQL, and the reasons for one prediction. Fits nothing.

A row goes left if its feature is at or below the split. Every node has a value, the answer of a tree that ended there;
so each split on the path of a row moves the answer from the node's value to its child's, which is what the split's
feature contributes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livegold.reporting.schema import FEATURE_PREFIX
from livegold.streams.models.estimators.learner import Contribution


@dataclass(frozen=True)
class TreeNode:
    """`value` is the node's answer; an inner node has the column it splits on, the split, and two children."""

    value: float
    column: str = ""
    split: float = 0.0
    left: TreeNode | None = None
    right: TreeNode | None = None


@dataclass(frozen=True)
class Tree:
    """A whole tree over feature columns."""

    root: TreeNode

    def sql(self) -> str:
        """Nested CASEs with the splits and leaf values: the same numbers as the model's own."""
        return _sql(self.root)

    def reasons(self, features: Mapping[str, float]) -> tuple[float, tuple[Contribution, ...]]:
        """The value at the root, and what each feature on the path adds to it, largest first.

        `features` are values by feature name, without the prefix of the feature columns.
        """
        added: dict[str, float] = {}
        node = self.root
        while node.left is not None and node.right is not None:
            name = node.column.removeprefix(FEATURE_PREFIX)
            child = node.left if features[name] <= node.split else node.right
            added[name] = added.get(name, 0.0) + child.value - node.value
            node = child
        ordered = sorted(added.items(), key=lambda item: -abs(item[1]))
        return self.root.value, tuple(Contribution(name, amount) for name, amount in ordered)

    def to_json(self) -> str:
        return json.dumps(_plain(self.root))

    @classmethod
    def from_json(cls, text: str) -> Tree:
        return cls(_node(json.loads(text)))


def _sql(node: TreeNode) -> str:
    if node.left is None or node.right is None:
        return f"{node.value!r}D"
    condition = f"`{node.column}` <= {node.split!r}D"
    return f"CASE WHEN {condition} THEN {_sql(node.left)} ELSE {_sql(node.right)} END"


def _plain(node: TreeNode) -> dict[str, Any]:
    if node.left is None or node.right is None:
        return {"value": node.value}
    own = {"value": node.value, "column": node.column, "split": node.split}
    return own | {"left": _plain(node.left), "right": _plain(node.right)}


def _node(found: dict[str, Any]) -> TreeNode:
    if "left" not in found:
        return TreeNode(found["value"])
    return TreeNode(found["value"], found["column"], found["split"], _node(found["left"]), _node(found["right"]))
