"""A network from elsewhere first runs in a process of its own, before the agent's own process takes it.

The runtimes are C++ and trust what they load (tflite-runtime verifies nothing): a bad file can end the
process, eat its memory or never come back. As a program (`python -m edge.model.foreign.probe RUNTIME`) this
is that process: the network comes on stdin, and what the runtime has against it goes to stdout.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from edge.model.foreign.metadata import custom_operations
from edge.model.interpreter import Network, RuntimeName

TIMEOUT_S = 40.0  # the systemd unit gives up on a start after 60
# address space, most of it never used: this much, and so many times the file
MEMORY_BYTES, MEMORY_TIMES = 4 << 30, 16
UNKNOWN_OPERATION = (
    "unresolved custom op",
    "Select TensorFlow op",
    "builtin_code out of range",
    "Didn't find op",
)
REFUSED, RAN = "refused: ", "ran"


def try_out(path: Path, network: bytes, runtime: RuntimeName, timeout_s: float = TIMEOUT_S) -> None:
    """Run a network on a few made-up inputs, elsewhere; raises ModelError where that does not end well."""
    what = f"can't use the model {path}"
    folders = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    command = [sys.executable, "-P", "-m", "edge.model.foreign.probe", runtime]
    try:
        done = subprocess.run(
            command, input=network, capture_output=True, timeout=timeout_s, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        why = f"the runtime was not done with three pictures after {timeout_s:g} s"
        raise ModelError(what, why, "give a smaller one") from error
    except OSError as error:
        raise ModelError(what, f"it can't be tried out: {error.strerror}", "free some memory") from error
    said = done.stdout.decode("utf-8", "replace").strip()
    if said == RAN and done.returncode == 0:
        return
    reason = said.removeprefix(REFUSED) if said.startswith(REFUSED) else _end(done.returncode)
    raise ModelError(what, _with_operations(reason, network, done.stderr), "make or download it again")


def _end(returncode: int) -> str:
    if returncode < 0:
        return f"the runtime crashed on it ({signal.Signals(-returncode).name})"
    return f"the runtime ended on it with status {returncode}"


def _with_operations(reason: str, network: bytes, log: bytes) -> str:
    """The reason, or the operations that the runtime does not know, where that is what it says."""
    if not any(text in reason or text in log.decode("utf-8", "replace") for text in UNKNOWN_OPERATION):
        return reason
    names = ", ".join(custom_operations(network)[:3])
    return f"it needs operations that the runtime does not have: {names}" if names else reason


def _limit_resources(network_bytes: int) -> None:
    """As far as that is allowed: under the systemd unit it is not, and there the unit has limits."""
    most = MEMORY_BYTES + MEMORY_TIMES * network_bytes
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _answer(content: bytes, runtime: RuntimeName) -> str:
    _limit_resources(len(content))
    rng = np.random.default_rng(1)
    try:
        network = Network(content, runtime=runtime)
        for most in (1, 128, 128):
            network.input_view()[...] = rng.integers(0, most, network.input.shape)
            network.invoke()
            for output in network.outputs:
                network.output_values(output)
    except ModelError as error:
        return f"{REFUSED}{error.what}, {error.why}"
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return f"{REFUSED}the runtime can't run it, {reason}"
    return RAN


if __name__ == "__main__":
    sys.stdout.write(_answer(sys.stdin.buffer.read(), sys.argv[1]))  # type: ignore[arg-type]
