"""The report of a template: where blocks are placed on pages and phones, the theme, the files in PBIR."""

from livegold.dashboards.report.files import report_files

__all__ = ["report_files"]
