"""`python -m training` is `edge-train`."""

from training.cli import main

main()
