"""`edge-agent models`: the versions of a model on this device, and the way from one to another."""
