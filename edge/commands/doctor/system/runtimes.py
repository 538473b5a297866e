"""Which TFLite runtime there is for a Python and a processor. Pure."""

from __future__ import annotations

RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
# The wheels on the public index: LiteRT has none for 32 bits, tflite-runtime none after Python 3.11.
LITERT_MACHINES = ("x86_64", "aarch64")
LITERT_NEWEST, TFLITE_NEWEST = (3, 14), (3, 11)


def choose_runtime_remedy(python: tuple[int, int], machine: str, bits: int, pip: str) -> tuple[str, str]:
    """What is the matter where none is installed, and what to do."""
    version = ".".join(map(str, python))
    if bits == 64 and machine in LITERT_MACHINES:
        if python <= LITERT_NEWEST:
            return "neither ai-edge-litert nor tflite-runtime is installed", f"{pip} install ai-edge-litert"
        detail = f"none is installed, and ai-edge-litert has no wheel for Python {version}"
        return detail, "make the virtual environment with Python 3.11 to 3.13"
    # a 32-bit system may run on a 64-bit kernel, which then names the machine
    is_arm = machine.startswith(("armv7", "armv8", "aarch64"))
    if is_arm and python <= TFLITE_NEWEST:
        return "tflite-runtime is not installed", f"{pip} install 'tflite-runtime>=2.14' 'numpy<2'"
    where = f"{bits}-bit Python {version} on {machine}"
    return (
        f"none has a wheel for {where}",
        "install the 64-bit Raspberry Pi OS" if is_arm else "take a 64-bit machine",
    )
