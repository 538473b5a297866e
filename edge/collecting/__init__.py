"""What collect is made of: which pictures are worth keeping, and where they are kept."""
