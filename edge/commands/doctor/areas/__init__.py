"""One file an area that `doctor` examines: each looks, then judges."""
