"""`edge-train`: one subcommand a stage. Heavy imports happen inside, so that --help is instant."""

from __future__ import annotations

import errno
import logging
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.errors import EdgeError

if TYPE_CHECKING:
    from training.compare import Comparison
    from training.runs import Run

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
INTERRUPTED = 130

DataArgument = Annotated[Path | None, typer.Argument(help="Folder of class folders (or --data).")]
DataOption = Annotated[Path | None, typer.Option("--data", "-d", help="Folder of class folders.")]
RunsDir = Annotated[Path, typer.Option(help="Where the runs are.")]
RunName = Annotated[str | None, typer.Option("--run", help="A run's name; the one trained last if left out.")]
Backbone = Annotated[str, typer.Option(help="mobilenet_v2 or efficientnet_lite0.")]
Size = Annotated[int, typer.Option(help="The network's input, pixels square.")]
Epochs = Annotated[int, typer.Option(help="Most epochs for the head; it stops earlier by itself.")]
FineTune = Annotated[int, typer.Option(help="Most epochs of fine-tuning the last blocks; 0 for none.")]
Views = Annotated[int, typer.Option(help="Augmented views of each photograph for the head; slower.")]
Seed = Annotated[int, typer.Option(help="Decides the split and all random numbers.")]
Fit = Annotated[str, typer.Option(help="crop, pad or stretch: how a photograph meets the square input.")]
Interpolation = Annotated[str, typer.Option(help="pyramid, area or linear.")]
Name = Annotated[str | None, typer.Option(help="The run's name; made of time and backbone if left out.")]
Weights = Annotated[str, typer.Option(help="imagenet, or none for random ones (to try things out).")]
MaxDrop = Annotated[float, typer.Option(help="Loss of accuracy that int8 may bring.", min=0.0, max=1.0)]
Calibration = Annotated[int, typer.Option(help="Photographs to calibrate on.", min=1)]
SelftestKind = Annotated[str, typer.Option("--selftest", help="photos, synthetic or none.")]


@app.callback()
def _root(debug: Annotated[bool, typer.Option(help="Show tracebacks and the log.")] = False) -> None:
    """Train an image classifier on folders of photographs, for `edge-agent` to run."""
    if debug:
        logging.basicConfig(level=logging.INFO)


@app.command("train")
def train_command(
    data_argument: DataArgument = None,
    data: DataOption = None,
    backbone: Backbone = "mobilenet_v2",
    size: Size = 224,
    epochs: Epochs = 100,
    fine_tune: FineTune = 0,
    views: Views = 1,
    seed: Seed = 1,
    fit: Fit = "crop",
    interpolation: Interpolation = "pyramid",
    weights: Weights = "imagenet",
    name: Name = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Train a network on photographs; `quantize` makes the file for the device of it."""
    values = {"data": _one_folder(data_argument, data), "backbone": backbone, "size": size, "epochs": epochs}
    values |= {
        "fine_tune_epochs": fine_tune,
        "augmented_views": views,
        "seed": seed,
        "fit": fit,
        "interpolation": interpolation,
    }
    _train(values | {"weights": weights}, runs_dir, name)


@app.command("quantize")
def quantize_command(
    run: RunName = None,
    max_drop: MaxDrop = 0.01,
    calibration: Calibration = 400,
    selftest: SelftestKind = "photos",
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Make the int8 model.tflite of a trained run, if it holds what the float network promised."""
    from training.runs import find_run

    _quantize(find_run(runs_dir, run), max_drop, calibration, selftest)


@app.command("evaluate")
def evaluate_command(run: RunName = None, runs_dir: RunsDir = Path("runs")) -> None:
    """Measure a trained run's float network on its held-out photographs."""
    from training.evaluate import Evaluation, evaluate
    from training.runs import EVALUATION, find_run
    from training.terminal import Terminal

    found, terminal = find_run(runs_dir, run), Terminal()
    evaluate(found, terminal)
    result = found.read_record(EVALUATION, Evaluation)
    rows = [
        (name, str(part.count), *(f"{x:.3f}" for x in (part.accuracy, part.answered, part.accuracy_answered)))
        for name, part in (("val", result.val), ("test", result.test))
    ]
    title = f"float network of {found.name}, threshold {result.threshold:.2f}"
    terminal.table(title, ("part", "photographs", "accuracy", "answered", "of those right"), rows)


@app.command("all")
def all_command(
    data_argument: DataArgument = None,
    data: DataOption = None,
    backbone: Backbone = "mobilenet_v2",
    size: Size = 224,
    seed: Seed = 1,
    max_drop: MaxDrop = 0.01,
    name: Name = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Train and quantize in one go, with the defaults for everything else."""
    folder = _one_folder(data_argument, data)
    values = {"data": folder, "backbone": backbone, "size": size, "seed": seed}
    _quantize(_train(values, runs_dir, name), max_drop, 400, "photos")


@app.command("demo")
def demo_command(
    work: Annotated[Path, typer.Option(help="Where the recording goes.")] = Path("demo"),
    runs_dir: RunsDir = Path("runs"),
    seed: Seed = 1,
) -> None:
    """Solar cells → a model → a recorded inspection line → labels over MQTT, judged."""
    from training.demo import DemoOptions, run_demo
    from training.terminal import Terminal

    work.mkdir(parents=True, exist_ok=True)
    counts = run_demo(DemoOptions(work, runs_dir, seed=seed), Terminal())
    if not counts.passed:
        raise typer.Exit(1)


def _one_folder(argument: Path | None, option: Path | None) -> Path:
    if (argument is None) == (option is None):
        raise typer.BadParameter("name one folder of photographs: edge-train train photos/")
    return argument or option or Path()


def _train(values: dict[str, Any], runs_dir: Path, name: str | None) -> Run:
    from training.config import make_config
    from training.runs import new_name
    from training.terminal import Terminal
    from training.train import train

    config = make_config(values)
    run = train(config, runs_dir, name or new_name(config.backbone), Terminal())
    Terminal().note(f"trained {run.folder}")
    return run


def _quantize(run: Run, max_drop: float, calibration: int, selftest: str) -> None:
    from typing import get_args

    from training.quantize import QuantizeOptions, quantize
    from training.runs import MODEL
    from training.selftest import Kind
    from training.terminal import Terminal

    if selftest not in get_args(Kind):
        raise typer.BadParameter(f"--selftest is one of {', '.join(get_args(Kind))}")
    options = QuantizeOptions(max_drop, calibration, selftest)  # type: ignore[arg-type]
    terminal = Terminal()
    result = quantize(run, options, terminal)
    terminal.table(f"{run.name} on held-out photographs", ("", "float", "int8"), _comparison_rows(result))
    terminal.note(f"model: {run.path(MODEL)}")


def _comparison_rows(result: Comparison) -> list[tuple[str, str, str]]:
    return [
        ("photographs", str(result.count), str(result.count)),
        ("accuracy", f"{result.float_accuracy:.3f}", f"{result.int8_accuracy:.3f}"),
        ("agreement", "", f"{result.agreement:.3f}"),
        ("size", f"{result.float_bytes / 1e6:.1f} MB", f"{result.int8_bytes / 1e6:.1f} MB"),
        ("latency, 1 thread", f"{result.float_latency_ms:.1f} ms", f"{result.int8_latency_ms:.1f} ms"),
        (f"answered at {result.threshold:.2f}", "", f"{result.answered:.3f}"),
        ("of those right", "", f"{result.accuracy_answered:.3f}"),
    ]


def main() -> None:
    """Run the command line; every failure becomes one sentence and an exit code."""
    try:
        app()
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except EdgeError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        what = f"can't write {error.filename}" if error.filename else "can't write the run"
        _fail(f"{what}: {error.strerror}; make room and run it again, earlier runs are untouched", 1)


def _fail(message: str, code: int) -> None:
    if "--debug" in sys.argv:
        traceback.print_exc()
    print(f"error: {message}" if code != INTERRUPTED else message, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
