"""Photographs become features: the frozen backbone runs once over each of them."""
