"""Events that wait on disk until the broker has acknowledged them."""
