"""Faults that are really done to the agent: brokers killed, cameras frozen, disks filled. `make faults`."""
