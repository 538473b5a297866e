"""`edge-agent inspect`: what is in a model file, and how this machine runs it."""
