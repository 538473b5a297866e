"""Doctor on Python's packages: second OpenCVs, wrong wheels and missing ones, in folders of their own."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.commands.doctor.areas import packages
from edge.commands.doctor.finding import Finding, Grade
from edge.commands.doctor.system.installed import Installed, look
from edge.commands.doctor.system.runtimes import RUNTIMES, choose_runtime_remedy
from edge.model.interpreter import RUNTIMES as LOADED_RUNTIMES
from tests.support.agents.command_line import RUNTIME, EdgeAgent, edge_agent, environment

SITE = Path(sysconfig.get_path("purelib"))
GOOD = Installed(
    (3, 11),
    "aarch64",
    64,
    {
        "numpy": "2.1",
        "paho-mqtt": "2.1",
        "pydantic": "2.9",
        "opencv-python-headless": "4.12",
        "ai-edge-litert": "2.1",
    },
    pip="pip",
)


def faults(installed: Installed) -> list[Finding]:
    return [finding for finding in packages.judge(installed) if finding.grade is not Grade.OK]


def distribution(site: Path, name: str, version: str) -> None:
    """The record that pip leaves of an installed package."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def module(site: Path, name: str, code: str) -> None:
    (site / name).mkdir(parents=True, exist_ok=True)
    (site / name / "__init__.py").write_text(code)


Doctor = Callable[..., EdgeAgent]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder whose packages come before the installed ones."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def doctor(tmp_path: Path, site: Path) -> Doctor:
    """Doctor with that folder on its path."""
    path = f"{site}{os.pathsep}{environment(tmp_path, {})['PYTHONPATH']}"
    return lambda *arguments: edge_agent(tmp_path, "doctor", *arguments, env={"PYTHONPATH": path})


def after(agent: EdgeAgent, beginning: str) -> str:
    """The line below the only one that begins so: what mends it."""
    lines = agent.stdout.splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith(beginning)]
    assert lines[number + 1].startswith("      → ")
    return lines[number + 1]


def test_what_is_installed_here_is_good(tmp_path: Path) -> None:
    installed = look()
    assert faults(installed) == []
    assert packages.find_unloadable(installed) == set()
    assert installed.minimums["paho-mqtt"] == "2.1"


def test_two_opencvs_are_a_warning_while_the_one_that_is_loaded_works(site: Path, doctor: Doctor) -> None:
    distribution(site, "opencv-contrib-python", "4.10.0")
    agent = doctor("--camera", "test://")
    assert agent.process.returncode == 0, agent.stdout
    remedy = after(
        agent, "WARN  opencv: opencv-python-headless and opencv-contrib-python share the folder cv2"
    )
    assert f"{sys.executable} -m pip uninstall -y opencv-python-headless opencv-contrib-python && " in remedy
    assert remedy.endswith("-m pip install opencv-python-headless")
    assert "ok    camera test:" in agent.stdout


def test_an_opencv_that_ends_the_process_is_named_and_the_rest_is_looked_at(
    site: Path, doctor: Doctor, golden: Path
) -> None:
    module(site, "cv2", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    agent = doctor("--camera", "test://", "--model", golden)
    assert agent.process.returncode == 1
    remedy = after(agent, "FAIL  opencv-python-headless: can't be loaded: its import crashes (SIGSEGV)")
    assert "install --upgrade --force-reinstall opencv-python-headless" in remedy
    assert "mend the packages first" in after(agent, "WARN  cameras: not looked at")
    assert "ok    model file" in agent.stdout
    assert "  clock:" in agent.stdout
    assert agent.stderr == ""


def test_a_wheel_for_another_numpy_is_reinstalled_with_numpy(site: Path, doctor: Doctor) -> None:
    # what numpy 2 and an OpenCV that was built for numpy 1 say
    said = "AttributeError: _ARRAY_API not found"
    module(
        site,
        "cv2",
        f"import sys\nprint({said!r}, file=sys.stderr)\nraise ImportError('cannot import name')\n",
    )
    agent = doctor()
    assert agent.process.returncode == 1
    remedy = after(agent, f"FAIL  opencv-python-headless: can't be loaded: {said}")
    assert "install --upgrade --force-reinstall numpy opencv-python-headless" in remedy


def test_a_paho_of_the_first_generation_is_upgraded(site: Path, doctor: Doctor) -> None:
    distribution(site, "paho-mqtt", "1.6.1")
    module(site, "paho", "")
    module(site, "paho/mqtt", "")
    agent = doctor()
    assert agent.process.returncode == 1
    assert "install --upgrade paho-mqtt" in after(agent, "FAIL  paho-mqtt: 1.6.1 is too old, 2.1 is needed")


def test_a_runtime_that_ends_the_process_does_not_end_doctor(
    site: Path, doctor: Doctor, golden: Path
) -> None:
    name = "tflite_runtime" if RUNTIME == "tflite-runtime" else "ai_edge_litert"
    module(site, name, "")
    crashing = "import os, signal\ndef Interpreter(**_options):\n    os.kill(os.getpid(), signal.SIGILL)\n"
    (site / name / "interpreter.py").write_text(crashing)
    agent = doctor("--camera", "test://", "--model", golden)
    assert agent.process.returncode == 1
    assert "doctor --debug" in after(agent, "FAIL  model: its check crashes (SIGILL)")
    assert "ok    camera test:" in agent.stdout


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        (("numpy", "cv2", "opencv_python_headless"), "FAIL  opencv-python-headless: not installed"),
        (("ai_edge_litert", "tflite_runtime"), "FAIL  runtime: "),
        (("pydantic",), "FAIL  pydantic: not installed"),
    ],
)
def test_what_is_not_installed_is_named_by_a_python_that_has_the_rest(
    tmp_path: Path, site: Path, missing: tuple[str, ...], line: str
) -> None:
    for entry in SITE.iterdir():
        if not entry.name.startswith((*missing, "__editable__", "_edge", "distutils")):
            (site / entry.name).symlink_to(entry)
    bare = environment(tmp_path, {})
    bare["PYTHONPATH"] = f"{bare['PYTHONPATH']}{os.pathsep}{site}"
    command = [sys.executable, "-S", "-m", "edge", "doctor", "--camera", "test://"]
    done = subprocess.run(
        command, cwd=tmp_path, env=bare, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert line in done.stdout
    assert "WARN  config: not looked at" in done.stdout or "WARN  cameras: not looked at" in done.stdout
    assert "  disk:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("python", "machine", "bits", "detail", "remedy"),
    [
        ((3, 11), "aarch64", 64, "neither ai-edge-litert nor", "pip install ai-edge-litert"),
        ((3, 15), "x86_64", 64, "no wheel for Python 3.15", "Python 3.11 to 3.13"),
        (
            (3, 11),
            "armv7l",
            32,
            "tflite-runtime is not installed",
            "pip install 'tflite-runtime>=2.14' 'numpy<2'",
        ),
        ((3, 11), "aarch64", 32, "tflite-runtime is not installed", "tflite-runtime"),
        ((3, 13), "aarch64", 32, "none has a wheel for 32-bit Python 3.13", "64-bit Raspberry Pi OS"),
        ((3, 11), "armv6l", 32, "none has a wheel", "64-bit machine"),
        ((3, 13), "riscv64", 64, "none has a wheel", "64-bit machine"),
    ],
)
def test_a_missing_runtime_is_told_with_what_there_is_for_this_machine(
    python: tuple[int, int], machine: str, bits: int, detail: str, remedy: str
) -> None:
    said, advice = choose_runtime_remedy(python, machine, bits, "pip")
    assert detail in said
    assert remedy in advice


def test_a_command_that_lacks_a_package_points_to_doctor(site: Path, tmp_path: Path) -> None:
    module(site, "numpy", "raise ImportError('no numpy')\n")
    path = f"{site}{os.pathsep}{environment(tmp_path, {})['PYTHONPATH']}"
    agent = edge_agent(tmp_path, "check", "--camera", "test://", env={"PYTHONPATH": path})
    assert agent.process.returncode == 1
    assert agent.stderr == "error: can't load a package: no numpy; edge-agent doctor says what mends it\n"


def test_the_runtimes_are_those_that_the_agent_loads() -> None:
    assert dict(map(reversed, LOADED_RUNTIMES.values())) == RUNTIMES  # type: ignore[arg-type]


def test_tflite_runtime_beside_numpy_2_is_told_before_it_breaks_off() -> None:
    versions = {**GOOD.versions, "tflite-runtime": "2.14"}
    del versions["ai-edge-litert"]
    (finding,) = faults(dataclasses.replace(GOOD, versions=versions))
    assert (finding.part, finding.grade) == ("tflite-runtime", Grade.FAIL)
    assert finding.remedy == "pip install 'numpy<2' 'opencv-python-headless<4.12'"
    assert faults(dataclasses.replace(GOOD, versions={**versions, "numpy": "1.26.4"})) == []


def test_an_opencv_with_windows_on_a_system_without_gives_way_to_the_headless_one() -> None:
    versions = {**GOOD.versions, "opencv-python": "4.12"}
    del versions["opencv-python-headless"]
    said = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"
    (finding,) = faults(dataclasses.replace(GOOD, versions=versions, problems={"opencv-python": said}))
    assert finding.remedy == "pip uninstall -y opencv-python && pip install opencv-python-headless"


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        ("ImportError: libopenblas.so.0: cannot open shared object file", "apt install libopenblas0"),
        ("ImportError: libstrange.so.1: cannot open shared object file", "apt-file search libstrange.so.1"),
        ("its import crashes (SIGILL)", "pip install --force-reinstall --no-binary :all: numpy"),
    ],
)
def test_a_package_that_can_not_be_loaded_is_told_with_what_it_lacks(problem: str, remedy: str) -> None:
    (finding,) = faults(dataclasses.replace(GOOD, problems={"numpy": problem}))
    assert (finding.part, finding.grade) == ("numpy", Grade.FAIL)
    assert problem in finding.detail
    assert remedy in finding.remedy


@pytest.mark.parametrize(("python", "grade"), [((3, 10), Grade.FAIL), ((3, 14), Grade.WARN)])
def test_a_python_that_was_never_tried_is_said(python: tuple[int, int], grade: Grade) -> None:
    (finding,) = faults(dataclasses.replace(GOOD, python=python))
    assert (finding.part, finding.grade) == ("python", grade)
    assert "3.11 to 3.13" in finding.remedy
