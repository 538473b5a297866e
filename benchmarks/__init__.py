"""Side-by-side measurements: ratios inside one run on one machine, never absolute claims."""
