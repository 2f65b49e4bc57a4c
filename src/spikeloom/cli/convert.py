"""`spikeloom convert`: a trained ANN as a spiking network, with its report."""

from __future__ import annotations

import shlex
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from spikeloom.cli.app import unknown
from spikeloom.cli.flags import parse

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class _Flags:
    model: Positional[str]
    """A network of spikeloom.models, such as Diehl2015 or Diehl2015:kind=fc; or FILE.py:FUNCTION,
    a function of yours that returns one."""
    weights: Path | None = None
    """Its trained weights, .safetensors, such as the model.safetensors of a run."""
    set: Literal["mnist", "fashion-mnist", "cifar10"] = "mnist"
    """The images that it was trained on."""
    data: Path | None = None
    """Folder of the data sets, instead of SPIKELOOM_DATA and the user's cache."""
    method: Literal["percentile", "mmse", "diehl-data", "diehl-model", "spike-norm"] = "percentile"
    """How thresholds are found."""
    steps: int = 32
    """For how many time steps."""
    percentile: float = 99.9
    """For the method of that name."""
    reset: Literal["subtract", "zero"] = "subtract"
    """By the threshold, or to zero."""
    v0: float = 0.5
    """Membrane at the start, as a fraction of the threshold."""
    gain: float = 1.0
    """Factor of all thresholds that are measured."""
    bias_shift: bool = False
    """Add threshold / 2T at every step; with --v0 0."""
    correct: tuple[Literal["scale", "bias", "potential"], ...] = ()
    """What to correct layer by layer."""
    input: Literal["constant", "poisson", "signed"] = "constant"
    """How an image is shown."""
    readout: Literal["membrane", "count", "softmax"] = "membrane"
    """How the class is read."""
    max_pool: Literal["gate", "average"] = "gate"
    """What stands for max-pooling."""
    calibrated: int = 512
    """Training images on which thresholds are measured."""
    tested: int = 10_000
    """Test images."""
    ablation: bool = False
    """Convert in many ways instead, and print a table of accuracies up to --steps."""
    seed: int = 0
    """Of random input."""
    out: Path = Path("runs/convert")
    """Where the folder of the result is made."""

    def options(self) -> dict[str, Any]:
        """Those of `sl.convert`."""
        found = ("method", "steps", "percentile", "reset", "v0", "gain", "bias_shift", "correct")
        return {n: getattr(self, n) for n in (*found, "input", "readout", "max_pool", "seed")}


def command(argv: list[str]) -> int:
    """Convert a trained network to a spiking one, and say what that cost."""
    flags = parse(_Flags, argv, prog="spikeloom convert", about=command.__doc__ or "")
    ann = _network(flags)
    calibration = _batches(flags, "train", flags.calibrated)
    test = _batches(flags, "test", flags.tested)
    if flags.ablation:
        return _ablation(flags, ann, calibration, test)
    return _convert(flags, argv, ann, calibration, test)


def _ablation(flags: _Flags, ann: nn.Module, calibration: Any, test: Any) -> int:
    """A table: rows are settings, columns numbers of steps that double up to `--steps`."""
    from spikeloom.conversion import ablation

    def show(name: str, values: tuple[float, ...]) -> None:
        print(f"measured  {name}: {'  '.join(f'{value:.2f}' for value in values)}", flush=True)

    steps = sorted({flags.steps, *(2**i for i in range(2, 16) if 2**i < flags.steps)})
    table = ablation(ann, calibration, test, steps=steps, seed=flags.seed, done=show)
    print(f"\n{table.samples:,} test images\n\n{table}")
    return 0


def _convert(flags: _Flags, argv: list[str], ann: nn.Module, calibration: Any, test: Any) -> int:
    from spikeloom import convert
    from spikeloom.plot import report as page
    from spikeloom.train import Run, new_folder

    snn, report = convert(ann, [x for x, _ in calibration], test=test, **flags.options())
    run = Run(new_folder(flags.out / flags.model.partition(":")[0].replace("/", "_")), flags.seed)
    asked = asdict(flags)
    run.begin(
        {
            "recipe": f"convert {flags.model}",
            "summary": "A trained network, converted to integrate-and-fire neurons.",
            "paper": "",
            "command": shlex.join(["spikeloom", "convert", *argv]),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
            "seed": flags.seed,
            "options": {k: str(v) if isinstance(v, Path) else v for k, v in asked.items()},
        }
    )
    run.save_model(snn)
    run.save_figures([])
    report.save(run.folder)
    print(report)
    print(f"\nreport   {page(run.folder)}")
    return 0


def _network(flags: _Flags) -> nn.Module:
    """The network with its weights, in evaluation mode."""
    from safetensors.torch import load_file

    net = _made(flags.model)
    if flags.weights is not None:
        try:
            net.load_state_dict(load_file(flags.weights))
        except (RuntimeError, FileNotFoundError) as error:
            raise ValueError(
                f"--weights {flags.weights} got no weights of {flags.model}: {error}. Pass the "
                "model.safetensors that training wrote for the same network."
            ) from error
    return net.eval()


def _made(model: str) -> nn.Module:
    """A network by its name, with keyword arguments, or from a file."""
    from spikeloom import models

    name, _, rest = model.partition(":")
    if name.endswith(".py"):
        return _from_file(Path(name), rest)
    known = [n for n in dir(models) if n[0].isupper()]
    if name not in known:
        raise ValueError(unknown("model", name, known))
    pairs = (pair.partition("=") for pair in rest.split(",") if pair)
    return getattr(models, name)(**{key: value for key, _, value in pairs})


def _from_file(path: Path, function: str) -> nn.Module:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None or not function:
        raise ValueError(
            f"convert got {path}:{function}: that is no function in a file. Write the path of a "
            "Python file, a colon, and the name of a function that returns the network."
        )
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)()


def _batches(
    flags: _Flags, split: Literal["train", "test"], count: int
) -> list[tuple[Tensor, Tensor]]:
    """Images as the recipes show them to their networks, with labels."""
    from spikeloom import data

    if count < 1:
        raise ValueError(f"convert got {count} images for {split}: it needs some. Pass 512.")
    reader = {"mnist": data.mnist, "fashion-mnist": data.fashion_mnist, "cifar10": data.cifar10}
    images, labels = reader[flags.set](split, flags.data)
    images, labels = images[:count], labels[:count]
    if flags.set == "cifar10":
        x = data.standardise(images, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    else:
        x = images.float() / 255
    return list(zip(x.split(100), labels.split(100), strict=True))
