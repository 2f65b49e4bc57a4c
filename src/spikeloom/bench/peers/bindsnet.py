"""BindsNET's `DiehlAndCook2015` at its best idiom: one image, all steps in one `run`, torch only.

Its neurons are driven by currents where the paper's have conductances, so it is the same wiring and
rule, and not the same model; both learn from every image, and encode it. Of BindsNET only the parts
are imported that networks need: the whole package asks for torchvision and gymnasium as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec
from types import ModuleType

from torch import Tensor


def presenter(neurons: int, steps: int) -> tuple[str, Callable[[Tensor], object]]:
    """What presents one image, `[784]` rates in hertz for steps of 1 ms, to a network that learns.

    Args:
        neurons: Excitatory neurons.
        steps: Time steps per image.

    Returns:
        Name and version, and the function.

    Raises:
        ImportError: If BindsNET, or something that it imports, is not installed.
    """
    _part("network")  # first: its parts import each other
    encoding, models = _part("encoding"), _part("models")
    network = models.DiehlAndCook2015(
        n_inpt=784, n_neurons=neurons, exc=22.5, inh=120, dt=1.0, norm=78.4, nu=(1e-4, 1e-2),
        theta_plus=0.05, inpt_shape=(1, 784),
    )  # fmt: skip

    def present(rates: Tensor) -> object:
        spikes = encoding.poisson(rates[None], time=steps, dt=1.0)
        network.run(inputs={"X": spikes.unsqueeze(1)}, time=steps)
        network.reset_state_variables()
        return spikes

    return f"BindsNET {version('bindsnet')}", present


def _part(name: str) -> ModuleType:
    """A module of BindsNET, without running what the package imports when it is imported."""
    if "bindsnet" not in sys.modules:
        spec = find_spec("bindsnet")
        if spec is None:
            raise ImportError("BindsNET is not installed: pip install --no-deps bindsnet")
        sys.modules["bindsnet"] = module_from_spec(spec)
    return import_module(f"bindsnet.{name}")
