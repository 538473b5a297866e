"""`edge-agent bench`: what this model, this camera and this machine reach together, and what limits them."""
