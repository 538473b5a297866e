"""Training the backbone as well, and the trained network that a run keeps."""
