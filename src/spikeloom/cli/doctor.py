"""`spikeloom doctor`: what this machine has, which backends run, and why others do not."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from spikeloom.cli.flags import parse

if TYPE_CHECKING:
    from spikeloom.diagnose import Health


_EXTRAS = {
    "plot": "matplotlib",
    "events": "h5py",
    "nir": "nir",
    "onnx": "onnxruntime",
    "hub": "huggingface_hub",
}


@dataclass(frozen=True)
class _Flags:
    """None but --help."""


def command(argv: list[str]) -> int:
    """Say what this machine has, and check every backend in two seconds."""
    parse(_Flags, argv, prog="spikeloom doctor", about=command.__doc__ or "")
    from spikeloom.bench.machine import describe
    from spikeloom.diagnose import examine
    from spikeloom.engine.cache import folder

    facts = describe()
    facts["features"] = " ".join(facts["features"]) or "none of those that matter here"
    facts |= {name: _installed(package, name) for name, package in _EXTRAS.items()}
    width = max(map(len, facts))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in facts.items()))
    print(
        f"{'kernels':<{width}}  {folder() or 'in memory only: no private folder (SPIKELOOM_CACHE)'}"
    )
    found = examine()
    print("\nbackend    device       result")
    print("\n".join(map(_line, found)))
    broken = [h for h in found if not h.runs and h.name != "triton"]
    broken += [h for h in found if not h.runs and h.name == "triton" and h.device != "-"]
    return 1 if broken else 0


def _installed(package: str, extra: str) -> str:
    """The version of an optional package, or how to get it."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package} (pip install 'spikeloom[{extra}]')"


def _line(health: Health) -> str:
    if health.reason:
        result = f"does not run: {health.reason}"
    else:
        verdict = "agrees with" if health.runs else "DIFFERS from"
        result = (
            f"{verdict} the reference to {health.difference:.1e}; "
            f"LIF forward and backward {health.nanoseconds:.3g} ns per neuron and step"
        )
    return f"{health.name:<10} {health.device:<12} {result}"
