"""`edge-agent`: one room a command, with its typer function in `command.py` and what it does beside it."""
