"""`edge-agent bench`: what this model, camera and machine reach together, and what limits them."""
