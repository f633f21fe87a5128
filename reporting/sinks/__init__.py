"""Where live output goes. Sinks get numbered batches as Arrow tables; they know no Spark and no feed."""
