"""The audit: is this folder of photographs fit to train on, and what should be mended first."""
