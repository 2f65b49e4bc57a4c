"""A network out of its description, without running anything that the file brings."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from spikeloom.interop.known import CLASSES, PARTS
from spikeloom.interop.reason import first_line
from spikeloom.interop.state_tree import DTYPES

_DEEPEST = 64
_MOST_MODULES = 100_000
_LARGEST = 2**31 - 1
# Temporary tensors and small networks stay far below; so does what memory a machine has.
_TIMES, _FREE = 8, 1_000_000
# Arguments of which a constructor or a step makes so many rounds.
_MOST = {"num_layers": 64, "substeps": 1000, "bits": 64}

Shapes = Mapping[str, tuple[tuple[int, ...], torch.dtype]]


def rebuild(description: Any, shapes: Shapes) -> nn.Module:
    """Build a network that was described by `describe`.

    While it is built, it may ask for some times the memory of the tensors that belong to it, and
    no more.

    Args:
        description: From a file; nothing in it is trusted.
        shapes: Name to shape and dtype of the tensors that belong to it.

    Returns:
        The network, with weights of its own, in evaluation mode.

    Raises:
        ValueError: If it describes nothing that can be built, or something with other tensors.

    Example:
        >>> net = rebuild(
        ...     {"class": "torch.nn.Flatten", "arguments": {"start_dim": 2, "end_dim": -1}}, {}
        ... )
        >>> net
        Flatten(start_dim=2, end_dim=-1)
    """
    most = sum(torch.Size(shape).numel() for shape, _ in shapes.values())
    with _Bounded(_TIMES * most + _FREE):
        net = _Builder().build(description)
    if not isinstance(net, nn.Module):
        raise ValueError(f"it describes a {type(net).__name__} where a network should be")
    net.eval()
    floats = {dtype for _, dtype in shapes.values() if dtype.is_floating_point}
    if len(floats) == 1:
        net.to(floats.pop())
    _compare(net, shapes)
    return net


def _compare(net: nn.Module, shapes: Shapes) -> None:
    """Raise unless a network has tensors of these names, shapes and dtypes."""
    own = {name: (tuple(t.shape), t.dtype) for name, t in net.state_dict().items()}
    for name in (*own, *shapes):
        mine, given = own.get(name), shapes.get(name)
        if mine is None or given is None:
            here, there = ("weights", "network") if mine is None else ("network", "weights")
            raise ValueError(f"{name!r} is in the {here}, but not in the {there}")
        if mine != given:
            raise ValueError(
                f"{name!r} is {mine[1]} of shape {list(mine[0])} in the network, but {given[1]} of "
                f"shape {list(given[0])} in the weights"
            )


def _assembled(kind: type, parts: Mapping[str, Any]) -> nn.Module:
    """A network put together from its modules, without the constructor that made new ones."""
    wanted = PARTS[kind]
    if set(parts) != set(wanted) or not all(isinstance(p, nn.Module) for p in parts.values()):
        raise ValueError(f"its {kind.__name__} is not made of {', '.join(wanted)}")
    net: nn.Module = object.__new__(kind)
    nn.Module.__init__(net)
    for name in wanted:
        setattr(net, name, parts[name])
    return net


class _Bounded(TorchDispatchMode):
    """Lets tensors be made until so many elements have been."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its whole compiler to wrap this class

    def __init__(self, elements: int) -> None:
        super().__init__()
        self.elements_left = elements

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if not any(isinstance(arg, Tensor) for arg in args):  # it makes one out of sizes
            for arg in args:
                size = torch.Size(arg).numel() if isinstance(arg, list | tuple) else arg
                self.elements_left -= int(size) if isinstance(size, int) else 0
            if self.elements_left < 0:
                raise ValueError("it asks for more memory than its weights take")
        return func(*args, **(kwargs or {}))


class _Builder:
    """Builds values, and counts what it builds."""

    def __init__(self) -> None:
        self.modules_left = _MOST_MODULES

    def build(self, value: Any, name: str = "", depth: int = 0) -> Any:
        if depth > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            if not abs(value) <= _MOST.get(name, _LARGEST):
                raise ValueError(f"{name}={value} is larger than anything that was saved")
            return value
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return tuple(self.build(item, name, depth + 1) for item in value)
        if isinstance(value, dict):
            return self._tensor(value) if "shape" in value else self._object(value, depth)
        raise ValueError(f"{name} is a {type(value).__name__}")

    def _tensor(self, entry: dict[str, Any]) -> Tensor:
        shape, dtype, value = entry.get("shape"), entry.get("dtype"), entry.get("value")
        if (
            not isinstance(shape, list)
            or not all(type(n) is int and n >= 0 for n in shape)
            or dtype not in DTYPES
            or not isinstance(value, int | float)
        ):
            raise ValueError(f"{str(entry)[:80]} describes no tensor")
        return torch.full(shape, value, dtype=DTYPES[dtype])

    def _object(self, entry: dict[str, Any], depth: int) -> Any:
        name, arguments = entry.get("class"), entry.get("arguments")
        self.modules_left -= 1
        if self.modules_left < 0:
            raise ValueError(f"it has more than {_MOST_MODULES} parts")
        kind = CLASSES.get(name) if isinstance(name, str) else None
        if kind is None:
            raise ValueError(f"it names the class {name!r}, which is not one that a file may name")
        if not isinstance(arguments, dict):
            raise ValueError(f"its {name} has no arguments")
        values = {key: self.build(item, key, depth + 1) for key, item in arguments.items()}
        if kind in PARTS:
            return _assembled(kind, values)
        many = next(
            (
                parameter.name
                for parameter in inspect.signature(kind.__init__).parameters.values()
                if parameter.kind is inspect.Parameter.VAR_POSITIONAL and parameter.name in values
            ),
            None,
        )
        positional = values.pop(many) if many is not None else ()
        try:
            if kind is nn.Sequential and "named" in values:
                return kind(OrderedDict(values["named"]))
            return kind(*positional, **values)
        except Exception as error:  # whatever the values of a stranger's file lead to
            raise ValueError(f"its {name} cannot be built: {first_line(error)}") from error
