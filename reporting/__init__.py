"""What a use case is, and everything that speaks Power BI. No Spark anywhere in here."""
