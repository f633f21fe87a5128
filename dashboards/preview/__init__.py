"""The live preview: a template's own files as a web page on this machine, filled with rows as they arrive.

`template` reads the files, `tables` and `service_rows` or `gold_rows` hold the rows, `engine` computes what a visual
shows, `plan` finds the drawing for its type, and `board` and `tab` turn it into a web page.
"""

from livegold.dashboards.preview.server import run_preview, template_of
from livegold.dashboards.preview.tab import FIRST_VALUE
from livegold.dashboards.preview.template import Page

__all__ = ["FIRST_VALUE", "Page", "run_preview", "template_of"]
