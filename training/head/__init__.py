"""The classifier on top of the features: its fit, and scores that mean what they say."""
