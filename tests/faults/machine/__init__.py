"""What the machine does: kills, disks, clocks, power."""
