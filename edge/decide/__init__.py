"""STAGE 3: scores become decisions, in a pure state machine."""
