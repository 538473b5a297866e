"""The loop over all stages, what supervises it, and `build`, the one place that knows every stage."""
