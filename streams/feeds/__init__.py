"""Feeds: what hands a sink numbered batches."""

from livegold.streams.feeds.checkpoints import query_of, reset
from livegold.streams.feeds.spark import Feed

__all__ = ["Feed", "query_of", "reset"]
