"""A trained network as a folder: `model.safetensors` and `config.json`, nothing that could run."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from spikeloom import __version__
from spikeloom.interop.describe import describe
from spikeloom.interop.rebuild import rebuild
from spikeloom.interop.whole_file import whole_file
from spikeloom.neurons.parameters import Parameters

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_FORMAT = 1
_LONGEST = 1 << 24  # bytes of a config.json


def save(
    net: nn.Module,
    folder: str | PathLike[str],
    *,
    recipe: str | None = None,
    dt: float | None = None,
    encoding: str | Mapping[str, Any] | None = None,
    promised: Mapping[str, float] | None = None,
    rebuild: bool = True,
) -> None:
    """Save a network with what somebody needs to know who uses it.

    `model.safetensors` holds the weights, `config.json` the rest: the version of spikeloom, the
    network itself (classes and arguments, see `describe`), and what is said here. Each file appears
    when all of both is written; an error leaves what was there.

    Args:
        net: A network of spikeloom's own layers and neurons and of torch's plain layers.
        folder: Made if it is not there.
        recipe: Name of the recipe that trained it.
        dt: Time step in seconds.
        encoding: How data become `[T, B, ...]`, in words or as arguments: what a user has to do
            with an input before the network takes it.
        promised: Figures that it reaches, such as `{"test_accuracy": 0.98}`.
        rebuild: Describe the network; False writes the weights of any module, which `load` then
            needs one for.

    Raises:
        TypeError: If the network holds a class that a file cannot name, or a value is not JSON's.
        ValueError: If a module stands in the network twice, or a number is not finite.
        OSError: If the folder cannot be written.

    Example:
        >>> import tempfile, torch, spikeloom as sl
        >>> net = sl.Sequential(nn.Linear(4, 2), sl.LIF(beta=0.8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(net, folder, dt=1e-3, encoding="constant current, 25 steps")
        ...     twin, config = load(folder)
        >>> twin[1], config["encoding"]
        (LIF(beta=0.8, threshold=1), 'constant current, 25 steps')
    """
    tensors = {
        name: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, t in net.state_dict().items()
    }  # each in its own memory: safetensors refuses tensors that share it
    weights = to_bytes(tensors, {"format": "pt"})
    config = {
        "format": _FORMAT,
        "spikeloom": __version__,
        "recipe": recipe,
        "dt": dt,
        "encoding": encoding,
        "promised": None if promised is None else dict(promised),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "network": _proven(net, tensors) if rebuild else None,
    }
    try:
        text = json.dumps(config, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"save got something that JSON cannot say: {error}. Pass numbers, strings, and lists "
            "and dicts of them."
        ) from None
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / CONFIG) as beside, whole_file(folder / WEIGHTS) as first:
        first.write_bytes(weights)
        beside.write_text(text + "\n", encoding="utf-8")


def load(
    folder: str | PathLike[str], *, net: nn.Module | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """Load what `save` wrote, on the CPU, in evaluation mode.

    Nothing in the folder is run or unpickled: the network is built from a fixed list of classes,
    and takes no more memory than a few times its weights' file.

    Args:
        folder: With `model.safetensors` and `config.json`.
        net: A network to load the weights into, in place; for one saved with `rebuild=False`. It
            stays as it is if anything is wrong.

    Returns:
        The network, and the rest of `config.json`: version, recipe, dt, encoding, promised figures.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is broken, of another format, does not fit the other one or the
            network; the message says what is wrong.
    """
    folder = Path(folder)
    config = _config(folder / CONFIG)
    tensors = _tensors(folder / WEIGHTS, config.get("sha256"))
    description = config.pop("network", None)
    try:
        if net is None:
            if description is None:
                raise ValueError(
                    "it was saved with rebuild=False, so it does not say what the network is. Pass "
                    "one: load(folder, net=net)"
                )
            shapes = {name: (tuple(t.shape), t.dtype) for name, t in tensors.items()}
            net = filled(rebuild(description, shapes), tensors)
        else:
            filled(copy.deepcopy(net), tensors)
            net.load_state_dict(tensors)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{folder} cannot be loaded: {error or 'it is nested too deeply'}. Nothing was "
            "changed; save it again, or get another copy."
        ) from error
    return net.eval(), config


def filled(net: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Put tensors into a network, and check that its neurons can live with them.

    Raises:
        ValueError: If names or shapes do not fit, or a parameter is out of its range.
    """
    try:
        net.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())) from error
    for module in net.modules():
        if isinstance(module, Parameters):
            for name in (name for name in module.kinds if name not in module.learn):
                setattr(module, name, getattr(module, name))  # which checks it
    return net


def _proven(net: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """A description that was tried: a network made of it is described by it."""
    description = json.loads(json.dumps(describe(net)))
    shapes = {name: (tuple(t.shape), t.dtype) for name, t in tensors.items()}
    try:
        again = json.loads(json.dumps(describe(filled(rebuild(description, shapes), tensors))))
        if again != description:
            raise ValueError("it comes out of its description changed")
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{type(net).__name__} cannot be rebuilt from a file: {error}. Save it with "
            "rebuild=False, and give the network to load(folder, net=net)."
        ) from error
    return description


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}. Pass the folder that sl.interop.save wrote.")
    try:
        if path.stat().st_size > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} bytes")
        config = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
        if not isinstance(config, dict) or config.get("format") != _FORMAT:
            raise ValueError(f"it is not of format {_FORMAT}, which this version reads")
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is no description of a network: {error}. Save it again, or get another copy."
        ) from error
    return config


def _no_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, which is no number of JSON")


def _tensors(path: Path, digest: Any) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}. Pass the folder that sl.interop.save wrote.")
    try:
        if digest is not None:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    raise ValueError("its check sum is not the one in config.json")
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors raises its own
        raise ValueError(
            f"{path} cannot be read: {error}. It is damaged or another network's: save it again, "
            "or get another copy."
        ) from error
