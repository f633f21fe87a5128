"""Models: trained on history, kept in the registry, applied to events."""

from livegold.streams.models.candidate import check_history, train_candidate
from livegold.streams.models.champion import Champion
from livegold.streams.models.estimators import Contribution, Fitted, Learner
from livegold.streams.models.registry import Registry, import_early
from livegold.streams.models.score import Scorer, labelled
from livegold.streams.models.training import Evaluation, evaluate, train, training_rows

__all__ = [
    "Champion",
    "Contribution",
    "Evaluation",
    "Fitted",
    "Learner",
    "Registry",
    "Scorer",
    "check_history",
    "evaluate",
    "import_early",
    "labelled",
    "train",
    "train_candidate",
    "training_rows",
]
