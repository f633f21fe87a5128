"""Estimators: they learn, score and, where possible, explain. One file for each, found through entry points."""

from livegold.streams.models.estimators.learner import (
    Contribution,
    Fitted,
    Learner,
    implementation,
    learner_of,
)
from livegold.streams.models.estimators.tree import Tree, TreeNode

__all__ = [
    "Contribution",
    "Fitted",
    "Learner",
    "Tree",
    "TreeNode",
    "implementation",
    "learner_of",
]
