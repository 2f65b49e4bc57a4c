"""Weights from a safetensors file into a network: all of them, or none."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn


def load_weights(net: nn.Module, path: str | Path) -> None:
    """Put the weights of a file into a network, in place.

    The file is what `spikeloom run` writes as ``model.safetensors``: the `state_dict` of a network,
    spiking or not. A network that `sl.convert` made has its own names and numbers, thresholds
    among them; its file goes into one that was converted from the same model with the same options,
    trained or not. Nothing is unpickled.

    Args:
        net: The network.
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no safetensors file, or does not fit; the network is as it was.

    Example:
        >>> import tempfile, torch
        >>> from safetensors.torch import save_file
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "model.safetensors"
        ...     save_file({"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, file)
        ...     net = nn.Linear(2, 1)
        ...     load_weights(net, file)
        >>> net.weight.tolist()
        [[1.0, 1.0]]
    """
    path, kind = Path(path), type(net).__name__
    if not path.is_file():
        raise FileNotFoundError(
            f"load_weights got {path}, which does not exist. Pass the path of a file such as "
            "runs/NAME/TIME/model.safetensors."
        )
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a whole safetensors file ({error}). Save it again, for example with "
            "safetensors.torch.save_file(net.state_dict(), path)."
        ) from error
    expected = net.state_dict()
    wrong = _differences(expected, found)
    if wrong:
        raise ValueError(
            f"{path} does not fit {kind}: {'; '.join(wrong[:3])}{'; ...' * (len(wrong) > 3)}. "
            "Build the network with the options with which it was saved."
        )
    net.load_state_dict(found)


def _differences(expected: dict[str, Tensor], found: dict[str, Tensor]) -> list[str]:
    return [
        *(f"it lacks {name}" for name in expected if name not in found),
        *(f"it has {name} besides" for name in found if name not in expected),
        *(
            f"{name} is {tuple(t.shape)}, not {tuple(expected[name].shape)}"
            for name, t in found.items()
            if name in expected and t.shape != expected[name].shape
        ),
    ]
