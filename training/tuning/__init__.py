"""`edge-train tune`: a budgeted search over network, head and augmentation, on cached features."""
