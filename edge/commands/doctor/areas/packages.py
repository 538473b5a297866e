"""Python and the device's packages: are they there, new enough, alone, and can they be loaded? Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from edge.commands.doctor.finding import Finding, failure, warning
from edge.commands.doctor.system.installed import HEADLESS, MODULES, OPENCVS, OTHER_NUMPY, Installed, numbers
from edge.commands.doctor.system.runtimes import RUNTIMES, choose_runtime_remedy
from edge.commands.doctor.system.user import as_root

# The versions of Python that the tests run under.
OLDEST, NEWEST = (3, 11), (3, 13)
LIBRARY = re.compile(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file")
DEBIAN = {  # the packages that these libraries are in
    "libglib2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libopenblas.so.0": "libopenblas0",
    "libgomp.so.1": "libgomp1",
    "libatomic.so.1": "libatomic1",
}


def find_unloadable(installed: Installed) -> set[str]:
    """What the agent imports and can't: packages by name, `opencv` or `runtime` where there is none."""
    needed = {
        *MODULES,
        *(installed.select(OPENCVS) or ["opencv"]),
        *(installed.select(RUNTIMES)[:1] or ["runtime"]),
    }
    return {name for name in needed if name not in installed.versions or name in installed.problems}


def judge(installed: Installed) -> Iterator[Finding]:
    """One finding of Python, then one for each fault, or one that names the packages."""
    yield _judge_python(installed)
    faults = [*_find_missing(installed), *_find_broken(installed), *_find_several_opencvs(installed)]
    yield from faults
    if not faults:
        yield Finding("packages", ", ".join(f"{name} {text}" for name, text in installed.versions.items()))


def _judge_python(installed: Installed) -> Finding:
    version = ".".join(map(str, installed.python))
    detail = f"{version}, {installed.bits} bit, {installed.machine}, {sys.prefix}"
    if OLDEST <= installed.python <= NEWEST:
        return Finding("python", detail)
    advice = f"make the virtual environment with Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if installed.python < OLDEST:
        return failure("python", f"{detail}: too old", advice)
    return warning("python", f"{detail}: newer than any that was tried", advice)


def _find_missing(installed: Installed) -> Iterator[Finding]:
    for name in (*MODULES, HEADLESS):
        if name not in installed.versions and not (name == HEADLESS and installed.select(OPENCVS)):
            yield failure(name, "not installed", f"{installed.pip} install {name}")
    if not installed.select(RUNTIMES):
        detail, remedy = choose_runtime_remedy(
            installed.python, installed.machine, installed.bits, installed.pip
        )
        yield failure("runtime", detail, remedy)
    for name, least in installed.minimums.items():
        there = installed.versions.get(name)
        if there is not None and numbers(there) < numbers(least):
            upgrade = f"{installed.pip} install --upgrade {name}"
            yield failure(name, f"{there} is too old, {least} is needed", upgrade)


def _find_broken(installed: Installed) -> Iterator[Finding]:
    for name, problem in installed.problems.items():
        first = installed.select(RUNTIMES)[:1]
        grade = warning if name in RUNTIMES and name not in first else failure
        yield grade(name, f"can't be loaded: {problem}", _choose_remedy(installed, name, problem))
    new_numpy = numbers(installed.versions.get("numpy", "0")) >= (2,)
    if new_numpy and installed.select(RUNTIMES) == ["tflite-runtime"]:
        # it can be imported, and fails when it is given a network
        detail = f"it was built for numpy 1, and numpy {installed.versions['numpy']} is installed"
        yield failure("tflite-runtime", detail, _install_for_numpy_1(installed.pip))


def _choose_remedy(installed: Installed, name: str, problem: str) -> str:
    if OTHER_NUMPY.search(problem):
        if installed.select(RUNTIMES) == ["tflite-runtime"]:
            return _install_for_numpy_1(installed.pip)
        return f"{installed.pip} install --upgrade --force-reinstall numpy {name}"
    library = LIBRARY.search(problem)
    if library and name in OPENCVS and name != HEADLESS:  # libGL and its like: only windows need them
        return _keep_only_headless(installed)
    if library:
        package = DEBIAN.get(library[1])
        return as_root(f"apt install {package}") if package else f"apt-file search {library[1]}"
    if "SIGILL" in problem:
        source = f"{installed.pip} install --force-reinstall --no-binary :all: {name}"
        return f"{source}  # the wheel is for a newer processor"
    return f"{installed.pip} install --upgrade --force-reinstall {name}"


def _install_for_numpy_1(pip: str) -> str:
    return f"{pip} install 'numpy<2' 'opencv-python-headless<4.12'"


def _find_several_opencvs(installed: Installed) -> Iterator[Finding]:
    several = installed.select(OPENCVS)
    if len(several) > 1:
        grade = failure if installed.problems.keys() & set(several) else warning
        detail = f"{' and '.join(several)} share the folder cv2: which one is loaded is a matter of chance"
        yield grade("opencv", detail, _keep_only_headless(installed))


def _keep_only_headless(installed: Installed) -> str:
    """All of them go, for each takes files of the others along."""
    pip, names = installed.pip, " ".join(installed.select(OPENCVS))
    return f"{pip} uninstall -y {names} && {pip} install {HEADLESS}"
