"""What brokers and networks do."""
