"""The readers of pictures, one file a kind of source, and the registry that picks one by its address."""
