"""The local service: a server that behaves as the Power BI REST API does, for laptops and tests. Not for production."""
