"""Feeds: what hands a sink numbered batches."""

from livegold.streams.feeds.base import Feed
from livegold.streams.feeds.spark import SparkFeed

__all__ = ["Feed", "SparkFeed"]
