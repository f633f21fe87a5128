"""From the hub to gold: broker, publisher, raw, cleanse, train, score, gold and the feeds, on Spark and Delta."""
