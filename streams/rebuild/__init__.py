"""Rebuild: builds gold again from raw, and replaces the old one when the new one is complete and reconciled."""

from livegold.streams.rebuild.rebuild import Rebuild

__all__ = ["Rebuild"]
