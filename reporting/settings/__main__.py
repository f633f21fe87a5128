"""`python -m livegold.reporting.settings`: all settings as the table of docs/settings.md."""

from livegold.reporting.settings.settings import table

print(table(), end="")
