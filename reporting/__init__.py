"""The definition of a use case, and everything that talks to Power BI. No Spark anywhere in this package."""
