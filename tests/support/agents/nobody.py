"""Commands run by somebody without rights, as far as root can arrange that."""

from __future__ import annotations

from tests.support.tools import need_program

WITHOUT_GROUPS = ("--reuid=65534", "--regid=65534", "--clear-groups")
# The interpreter and the checkout may lie where nobody may look: reading is allowed, writing is not.
READING = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


def as_nobody() -> tuple[str, ...]:
    """What goes before a command that the user `nobody` is to run; for root."""
    return (need_program("setpriv"), *WITHOUT_GROUPS, *READING, "--")
