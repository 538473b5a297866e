"""An emulated Debian with a V4L2 camera: for faults that take a whole machine's power, clock or camera."""
