"""The feature networks, their weights, and their conversion to TFLite."""
