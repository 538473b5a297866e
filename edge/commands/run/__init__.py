"""`edge-agent` itself: run the agent."""
