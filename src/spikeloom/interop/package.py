"""AOTInductor: a step compiled to machine code ahead of time, in a package that C++ can load."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom import __version__
from spikeloom.interop.deployed import REST, DeployedStep
from spikeloom.interop.export import ExportedStep, export_step
from spikeloom.interop.reason import first_line
from spikeloom.interop.state_tree import rest_to_json
from spikeloom.interop.whole_file import whole_file


def to_package(
    net: nn.Module, sample: Tensor | tuple[Tensor, ...], path: str | PathLike[str]
) -> ExportedStep:
    r"""Compile one time step of a network, `(x, state) -> (y, state)`, into a `.pt2` package.

    The package holds machine code for this kind of processor. C++ loads it with torch's
    `AOTIModelPackageLoader`, Python with `read_package`. Its inputs are those of the step and then
    the state's tensors in order; the state at rest stands in its metadata. Compiling takes from
    some seconds to two minutes.

    Args:
        net: A network, as for `export_step`; compiled in evaluation mode.
        sample: An input `[T, B, ...]` (a tuple if it takes several): the package is for batches of
            this size.
        path: Of the package; it ends with .pt2.

    Returns:
        The step that was compiled.

    Raises:
        TypeError: If `net` is no such module.
        ValueError: If it cannot be exported, see `export_step`, or the path does not end with .pt2.
        RuntimeError: If there is no C++ compiler, or it fails.

    References:
        AOTInductor, https://docs.pytorch.org/docs/stable/torch.compiler_aot_inductor.html.
    """
    path = Path(path)
    if path.suffix != ".pt2":
        raise ValueError(f"to_package got {path}: torch reads packages that end with .pt2 only.")
    if compiler() is None:
        raise RuntimeError(
            "to_package found no C++ compiler (g++, clang++ or $CXX), which makes the machine "
            "code. Install one, or use sl.interop.to_onnx, which needs none."
        )
    exported = export_step(net, sample)
    metadata = {"spikeloom.version": __version__, REST: rest_to_json(exported.rest)}
    with whole_file(path) as beside, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about itself
        torch._inductor.aoti_compile_and_package(
            exported.program,
            package_path=str(beside),
            inductor_configs={"aot_inductor.metadata": metadata},
        )
    return exported


@final
class PackageStep(DeployedStep):
    """A compiled step, called as `y, state = step(x_t, state)`; from `read_package`."""

    def __init__(self, model: Any) -> None:
        super().__init__(model.get_metadata())
        self._model = model

    def _run(self, inputs: Sequence[Tensor], state: Mapping[str, Tensor]) -> Sequence[Tensor]:
        return self._model(*inputs, *(state[name] for name in self.rest))


def read_package(path: str | PathLike[str]) -> PackageStep:
    """Load a package that `to_package` wrote.

    A package is a program: it runs with your rights, so load only packages that you trust.

    Args:
        path: Of the package.

    Returns:
        The step, called as `y, state = step(x_t, state)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such package.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}. Pass the path of a .pt2 package.")
    try:
        return PackageStep(torch._inductor.aoti_load_package(str(path)))
    except Exception as error:  # torch raises whatever its loader meets
        raise ValueError(
            f"{path} cannot be read as the step of a network: {first_line(error)}. Write "
            "it with sl.interop.to_package(net, sample, path)."
        ) from error


def compiler() -> str | None:
    """The C++ compiler that torch would call, or None."""
    import torch._inductor.config as config

    names = config.cpp.cxx if isinstance(config.cpp.cxx, tuple | list) else (config.cpp.cxx,)
    return next((name for name in names if name and shutil.which(name)), None)
