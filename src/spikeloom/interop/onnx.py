"""ONNX: a network as a step with its state spelled out, in a file that many runtimes read."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom import __version__
from spikeloom.interop.deployed import REST, DeployedStep
from spikeloom.interop.export import ExportedStep, export_step
from spikeloom.interop.extras import extra_package
from spikeloom.interop.reason import bottom, first_line
from spikeloom.interop.state_tree import rest_to_json
from spikeloom.interop.whole_file import whole_file

_MOST_BYTES = 2**31 - 1  # what a protobuf message holds
"""Under which name a file's metadata says the state at rest."""


def to_onnx(
    net: nn.Module, sample: Tensor | tuple[Tensor, ...], path: str | PathLike[str]
) -> ExportedStep:
    r"""Write one time step of a network as an ONNX file, `(x, state) -> (y, state)`.

    The inputs of the file are `x` and one `state.<name>` for each tensor of the state, its outputs
    `y` and one `next.<name>` for each: feed these into the next step. The state at rest stands in
    the file's metadata under `spikeloom.rest`, as JSON: name to shape, dtype and value.

    Args:
        net: A network, as for `export_step`; written in evaluation mode.
        sample: An input `[T, B, ...]` (a tuple if it takes several): the file is for batches of
            this size.
        path: Of the file.

    Returns:
        The step that was written.

    Raises:
        ImportError: If the extra is not installed: `pip install 'spikeloom[onnx]'`.
        TypeError: If `net` is no such module.
        ValueError: If it cannot be exported, see `export_step`, or ONNX lacks an operation.

    References:
        ONNX, https://onnx.ai/onnx/repo-docs/IR.html.
    """
    for package in ("onnx", "onnxscript"):
        extra_package(package, "onnx", "ONNX files are written through it")
    exported = export_step(net, sample)
    with _quiet():
        try:
            made: Any = torch.onnx.export(
                exported.program,
                (),
                input_names=[*exported.inputs, *(f"state.{name}" for name in exported.rest)],
                output_names=[*exported.outputs, *(f"next.{name}" for name in exported.rest)],
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # the exporter raises its own, over many lines
            reason = first_line(bottom(error))
            raise ValueError(
                f"{type(net).__name__} cannot be written as ONNX: {reason}. Replace the layer that "
                "does it, or deploy what export_step returns."
            ) from error
    model = made.model_proto
    for key, value in (("spikeloom.version", __version__), (REST, rest_to_json(exported.rest))):
        model.metadata_props.add(key=key, value=value)
    if model.ByteSize() > _MOST_BYTES:
        raise ValueError(
            f"{type(net).__name__} takes {model.ByteSize() / 1e9:.1f} GB: an ONNX file holds 2. "
            "Write its parts to files of their own."
        )
    with whole_file(path) as beside:
        beside.write_bytes(model.SerializeToString())
    return exported


@final
class OnnxStep(DeployedStep):
    """A step in onnxruntime, called as `y, state = step(x_t, state)`; from `read_onnx`."""

    def __init__(self, session: Any) -> None:
        super().__init__(session.get_modelmeta().custom_metadata_map)
        self._session = session
        names = [node.name for node in session.get_inputs()]
        self.inputs = tuple(name for name in names if not name.startswith("state."))

    def _run(self, inputs: Sequence[Tensor], state: Mapping[str, Tensor]) -> Sequence[Tensor]:
        feed = dict(zip(self.inputs, inputs, strict=True))
        feed |= {f"state.{name}": state[name] for name in self.rest}
        result = self._session.run(None, {k: v.numpy() for k, v in feed.items()})
        return [torch.from_numpy(np.asarray(value)) for value in result]


def read_onnx(path: str | PathLike[str]) -> OnnxStep:
    """Open a file that `to_onnx` wrote, to run it in onnxruntime on one thread.

    Args:
        path: Of the file.

    Returns:
        The step, called as `y, state = step(x_t, state)`.

    Raises:
        ImportError: If onnxruntime is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file.
    """
    runtime = extra_package("onnxruntime", "onnx", "it runs ONNX files")
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}. Pass the path of an ONNX file.")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # one step is too small to share
    try:
        return OnnxStep(runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"]))
    except Exception as error:  # the runtime raises its own
        raise ValueError(
            f"{path} cannot be read as the step of a network: {first_line(error)}. Write it with "
            "sl.interop.to_onnx(net, sample, path)."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's talk of packages that no network here uses."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
