"""livegold: a model's live output, exact, in Power BI."""
