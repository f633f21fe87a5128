"""Accounts: every event accounted for from hub to dataset, and one event followed."""

from livegold.streams.accounts.follow import Follower
from livegold.streams.accounts.reconciliation import Reconciliation, gold_beyond, reconcile

__all__ = ["Follower", "Reconciliation", "gold_beyond", "reconcile"]
