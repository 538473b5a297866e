"""The agent as a process and as a loop, and what is seen of it."""
