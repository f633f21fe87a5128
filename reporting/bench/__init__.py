"""Delivery to Power BI in simulated time, beside the naive push: `livegold bench delivery`. Starts no Spark."""
