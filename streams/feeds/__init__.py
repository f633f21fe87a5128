"""Feeds: they hand numbered batches to sinks."""

from livegold.streams.feeds.base import Feed
from livegold.streams.feeds.spark import SparkFeed

__all__ = ["Feed", "SparkFeed"]
