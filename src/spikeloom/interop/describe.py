"""A network as JSON: classes of a fixed list, and what each was built with."""

from __future__ import annotations

import dataclasses
import inspect
import math
from typing import Any, get_type_hints

from torch import Tensor, nn

from spikeloom.firing import Firing
from spikeloom.interop.known import ARGUMENTS, LEFT_OUT, NAMES, PARTS, READERS, REFUSED
from spikeloom.neurons.parameters import Parameters
from spikeloom.neurons.spiking import Spiking
from spikeloom.spikes import SpikeFunction
from spikeloom.surrogate import Surrogate

_FIRING = {"fire": "at"} | {name: name for name in ("reset", "detach_reset", "surrogate", "spike")}


def describe(net: nn.Module) -> dict[str, Any]:
    """Describe a network so that `rebuild` can make it again, without any code.

    Args:
        net: A network of spikeloom's own layers and neurons and of torch's plain layers.

    Returns:
        `{"class": name, "arguments": {...}}`, nested, of JSON's types alone. Tensors are told by
        shape and one value: the weights hold the others.

    Raises:
        TypeError: If it holds a class that a file may not name.
        ValueError: If a module stands in it twice.

    Example:
        >>> import spikeloom as sl
        >>> describe(nn.Flatten())
        {'class': 'torch.nn.Flatten', 'arguments': {'start_dim': 1, 'end_dim': -1}}
        >>> describe(sl.LI(0.5))["arguments"]["beta"]
        0.5
    """
    return _module(net, "", {})


def _module(net: nn.Module, path: str, seen: dict[int, str]) -> dict[str, Any]:
    kind = type(net)
    if kind not in NAMES:
        raise TypeError(
            f"the network holds {kind.__name__} at {path or 'its top'}, which a file cannot "
            "describe: it names classes of spikeloom and plain torch layers only, and never code. "
            "Save it with rebuild=False, and give the network to load(folder, net=net)."
        )
    if id(net) in seen:
        raise ValueError(
            f"the network holds one {kind.__name__} at {seen[id(net)] or 'its top'} and at {path}: "
            "two would come out of the file. Save it with rebuild=False, and give the network to "
            "load(folder, net=net)."
        )
    seen[id(net)] = path
    readers = READERS.get(kind, {})
    arguments = {
        name: _value(value, f"{path}.{name}".strip("."), seen)
        for name, value in _arguments(net, readers).items()
    }
    return {"class": NAMES[kind], "arguments": arguments}


def _arguments(net: nn.Module, readers: dict[str, Any]) -> dict[str, Any]:
    """What the constructor has to be given."""
    kind = type(net)
    if kind in PARTS:
        return {name: getattr(net, name) for name in PARTS[kind]}
    if kind is nn.Sequential and any(not name.isdecimal() for name in net._modules):
        return {"named": list(net.named_children())}
    names = ARGUMENTS.get(kind)
    found: dict[str, Any] = {}
    parameters = inspect.signature(kind.__init__).parameters
    for name in parameters if names is None else names:
        if name in LEFT_OUT:
            continue
        by_keyword = names is None and parameters[name].kind is inspect.Parameter.VAR_KEYWORD
        if name in readers:
            value = readers[name](net)
            found |= value if by_keyword else {name: value}
        elif by_keyword:
            options = get_type_hints(kind.__init__, include_extras=True)[name].__args__[0]
            taken = get_type_hints(options).keys() - REFUSED.get(kind, set())
            found |= {option: _argument(net, option) for option in sorted(taken)}
        else:
            found[name] = _argument(net, name)
    return found


def _argument(net: nn.Module, name: str) -> Any:
    if isinstance(net, Spiking) and name in _FIRING:
        firing: Firing = net._firing
        return getattr(firing, _FIRING[name])
    if isinstance(net, Parameters) and name in net.kinds:
        return getattr(net, name).detach()
    if isinstance(net, Spiking) and name == "threshold":
        return None  # an integrator that was not given one
    value = getattr(net, name)
    return value is not None if name == "bias" and not isinstance(value, bool) else value


def _value(value: Any, path: str, seen: dict[int, str]) -> Any:
    """An argument in JSON's types."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"the network has {path}={value}, which JSON cannot say.")
        return value
    if isinstance(value, Tensor):
        number = value.flatten()[0].item()
        if not value.ndim:
            return _value(number, path, seen)
        return {"shape": list(value.shape), "dtype": str(value.dtype)[6:], "value": number}
    if isinstance(value, nn.Module):
        return _module(value, path, seen)
    if isinstance(value, Surrogate | SpikeFunction) and type(value) in NAMES:
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        arguments = {name: _value(item, f"{path}.{name}", seen) for name, item in fields.items()}
        return {"class": NAMES[type(value)], "arguments": arguments}
    if isinstance(value, tuple | list):
        return [_value(item, f"{path}.{i}", seen) for i, item in enumerate(value)]
    raise TypeError(
        f"the network has a {type(value).__name__} as {path}, which a file cannot describe. Save "
        "it with rebuild=False, and give the network to load(folder, net=net)."
    )
