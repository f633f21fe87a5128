"""A client of the Power BI REST API for push datasets, usable alone. No Spark, no sink, no state on disk in here."""
