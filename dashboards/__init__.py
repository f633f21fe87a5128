"""Report templates derived from a use case. Nothing is derived yet; the push dataset is in `reporting.powerbi`."""
