"""Feeds: what hands a sink numbered batches."""

from livegold.streams.feeds.checkpoints import forget, query_of
from livegold.streams.feeds.spark import Feed

__all__ = ["Feed", "forget", "query_of"]
