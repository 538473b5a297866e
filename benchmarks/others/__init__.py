"""What people use instead of the agent: each a small program, written as its own documentation teaches it."""
