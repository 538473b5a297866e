"""Cameras that tests bring along."""
