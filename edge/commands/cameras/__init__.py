"""`edge-agent cameras`: the cameras of this machine."""
