"""What cameras do."""
