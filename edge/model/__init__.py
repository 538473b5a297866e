"""What a model file holds, ours or somebody else's, and the runtime that it runs in."""
