"""Accounts: every event accounted for from hub to dataset, and one event followed."""

from livegold.streams.accounts.follow import Follower
from livegold.streams.accounts.reconciliation import gold_beyond, reconcile

__all__ = ["Follower", "gold_beyond", "reconcile"]
