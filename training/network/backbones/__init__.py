"""The feature networks by name, with their ImageNet weights."""
