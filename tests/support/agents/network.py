"""A network of its own for a process, joined to ours by one virtual cable that can be pulled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

import pytest

NETWORKS = IPv4Address("198.18.0.0")  # 32,768 of four addresses, for benchmarks: nobody's (RFC 2544)


class Network:
    """`inside` goes before a command that is to run there; `host` is where it reaches us. Linux, and root."""

    def __init__(self) -> None:
        number = os.getpid()
        self._name, self._ours, self._theirs = f"edge-{number}", f"ea{number}", f"eb{number}"
        subnet = NETWORKS + 4 * (number % (1 << 15))
        self.host, self._guest = str(subnet + 1), str(subnet + 2)
        self.inside = ("ip", "netns", "exec", self._name)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Pull our end: what is sent gets lost, and nobody is told."""
        _ip("link", "set", self._ours, "down")
        try:
            yield
        finally:
            _ip("link", "set", self._ours, "up")

    def __enter__(self) -> Network:
        if os.geteuid() != 0 or shutil.which("ip") is None:
            pytest.skip("a network namespace needs root and the `ip` program")
        try:
            _ip("netns", "add", self._name)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no permission for network namespaces here: {error.stderr.strip()}")
        try:
            self._join()
        except subprocess.CalledProcessError as error:
            self._remove()
            pytest.skip(f"no permission for virtual cables here: {error.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _join(self) -> None:
        there = ("-n", self._name)
        _ip("link", "add", self._ours, "type", "veth", "peer", "name", self._theirs, "netns", self._name)
        _ip("address", "add", f"{self.host}/30", "dev", self._ours)
        _ip(*there, "address", "add", f"{self._guest}/30", "dev", self._theirs)
        _ip("link", "set", self._ours, "up")
        _ip(*there, "link", "set", self._theirs, "up")
        _ip(*there, "link", "set", "lo", "up")

    def _remove(self) -> None:
        """The cable goes with the network at its end."""
        _ip("netns", "delete", self._name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
