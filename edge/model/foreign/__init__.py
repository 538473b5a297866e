"""Model files from elsewhere: what they say of themselves, and a first run in a process of its own."""
