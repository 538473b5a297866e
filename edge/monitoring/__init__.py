"""How the agent is doing: counters, the watchdog, metrics and logs."""
