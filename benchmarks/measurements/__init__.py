"""One file a measurement, each a table of ratios."""
