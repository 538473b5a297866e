"""`edge-agent homeassistant`: remove a device from Home Assistant."""
