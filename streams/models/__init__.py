"""Models: trained on history, kept in the registry, applied to events."""

from livegold.streams.models.history import GENERATED_EVENTS, generated_history, history_from_file, history_from_raw
from livegold.streams.models.registry import CHECK_SECONDS, Registry, import_early
from livegold.streams.models.score import Scorer, labelled
from livegold.streams.models.training import Evaluation, evaluate, train, training_rows

__all__ = [
    "CHECK_SECONDS",
    "GENERATED_EVENTS",
    "Evaluation",
    "Registry",
    "Scorer",
    "evaluate",
    "generated_history",
    "history_from_file",
    "history_from_raw",
    "import_early",
    "labelled",
    "train",
    "training_rows",
]
