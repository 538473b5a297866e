"""Ways to make a float network smaller and faster, behind one interface."""
