"""`python -m livegold`: the command line."""

from livegold.reporting.cli.main import main

main()
