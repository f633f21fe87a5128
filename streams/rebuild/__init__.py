"""Rebuild: gold made anew from raw, which takes the old one's place when it is complete and reconciled."""

from livegold.streams.rebuild.rebuild import Rebuild

__all__ = ["Rebuild"]
