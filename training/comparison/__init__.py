"""Several models on the same photographs, side by side."""
