"""`edge-agent collect`: photographs from a camera into class folders."""
