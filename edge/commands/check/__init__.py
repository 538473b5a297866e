"""`edge-agent check`: is everything in place that the agent needs?"""
