"""`edge-agent listen`: print decisions as a subscriber sees them."""
