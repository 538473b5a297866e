"""JPEGs in a stream of bytes: where each ends, and how it becomes a picture."""
