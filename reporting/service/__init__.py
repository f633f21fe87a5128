"""The local service: a server that behaves like the Power BI REST API, for laptops and tests. Not for production."""
