"""The semantic model of a template: its tables, columns and measures for each source of rows, written as TMDL."""

from livegold.dashboards.model.semantic_model import semantic_model_files

__all__ = ["semantic_model_files"]
