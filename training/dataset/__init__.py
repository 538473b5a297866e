"""Folders of photographs become a checked list, groups, and parts to train and judge on."""
