"""The `nir` package, imported when it is needed."""

from __future__ import annotations

from typing import Any

from spikeloom.interop.extras import extra_package

# Every node that a file can hold, apart from the boundaries Input and Output.
NODES = (
    "Affine", "AvgPool2d", "Conv1d", "Conv2d", "CubaLI", "CubaLIF", "Delay", "Flatten", "I", "IF",
    "LI", "LIF", "Linear", "NIRGraph", "Scale", "SumPool2d", "Threshold",
)  # fmt: skip


def nir_package() -> Any:
    """The `nir` package.

    Raises:
        ImportError: If it is not installed; the message says how to install it.
    """
    return _imported("nir")


def h5py_package() -> Any:
    """The `h5py` package, which `nir` brings.

    Raises:
        ImportError: If it is not installed; the message says how to install it.
    """
    return _imported("h5py")


def _imported(name: str) -> Any:
    why = "NIR graphs are its objects, and their files are read through it"
    return extra_package(name, "nir", why)
