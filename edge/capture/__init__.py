"""STAGE 1: a camera's pictures, newest first (live) or every one in order (recordings)."""
