"""STAGE 4: decisions leave the agent through sinks."""
