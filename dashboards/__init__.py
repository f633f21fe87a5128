"""Report templates derived from a use case: semantic model, report, theme, checks, and the live preview."""
