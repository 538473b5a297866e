"""Network, labels, manifest and self-test become the one file that is shipped."""
