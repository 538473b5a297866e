"""Brokers, good and bad ones, and what listens at them."""
