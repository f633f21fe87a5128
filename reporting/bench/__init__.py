"""Delivery to Power BI in simulated time, compared with the naive push: `livegold bench delivery`. Starts no Spark."""
