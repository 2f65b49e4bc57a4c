"""Monitors: lists of what passes through layers while a network runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

Kind = type[nn.Module] | tuple[type[nn.Module], ...]
Change = Callable[[Any], Any]
Watch = Callable[[nn.Module, Callable[[Any], None]], RemovableHandle]


def unchanged(value: Any) -> Any:
    """The value itself."""
    return value


class BaseMonitor:
    """A record per call and layer: `monitor.records`, or `monitor["layer.name"]` of one layer.

    Args:
        net: The network.
        instance: Which layers, by their type; None are those of the type of `net`.
        change: What a value goes through before it is kept.
        watch: Registers a function with a layer, to be called with each value.
    """

    def __init__(self, net: nn.Module, instance: Kind | None, change: Change, watch: Watch) -> None:
        self.records: list[Any] = []
        self.name_records_index: dict[str, list[int]] = {}
        self.hooks: list[RemovableHandle] = []
        self._enabled = True
        kind = type(net) if instance is None else instance
        for name, layer in net.named_modules():
            if isinstance(layer, kind):
                self.name_records_index[name] = []
                self.hooks.append(watch(layer, self._keeper(name, change)))
        self.monitored_layers = list(self.name_records_index)

    def _keeper(self, name: str, change: Change) -> Callable[[Any], None]:
        def keep(value: Any) -> None:
            if self._enabled:
                self.name_records_index[name].append(len(self.records))
                self.records.append(change(unpack_len1_tuple(value)))

        return keep

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return [self.records[i] for i in self.name_records_index[key]]
        return self.records[key]

    def clear_recorded_data(self) -> None:
        """Forget all records."""
        self.records.clear()
        for index in self.name_records_index.values():
            index.clear()

    def enable(self) -> None:
        """Record from now on."""
        self._enabled = True

    def disable(self) -> None:
        """Record nothing until `enable`."""
        self._enabled = False

    def is_enable(self) -> bool:
        """Whether it records."""
        return self._enabled

    def remove_hooks(self) -> None:
        """Leave the network."""
        for hook in self.hooks:
            hook.remove()

    def __del__(self) -> None:
        for hook in getattr(self, "hooks", ()):
            hook.remove()


class OutputMonitor(BaseMonitor):
    """What layers return.

    Args:
        net: The network.
        instance: Which layers, by their type.
        function_on_output: What an output goes through before it is kept.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> monitor = OutputMonitor(net, nn.ReLU, lambda y: tuple(y.shape))
        >>> out = net(torch.ones(4, 2))
        >>> monitor["1"]
        [(4, 3)]
    """

    def __init__(
        self, net: nn.Module, instance: Kind | None = None, function_on_output: Change = unchanged
    ) -> None:
        super().__init__(
            net,
            instance,
            function_on_output,
            lambda m, keep: m.register_forward_hook(lambda _m, _x, y: keep(y)),
        )


class InputMonitor(BaseMonitor):
    """What layers are called with.

    Args:
        net: The network.
        instance: Which layers, by their type.
        function_on_input: What an input goes through before it is kept.
    """

    def __init__(
        self, net: nn.Module, instance: Kind | None = None, function_on_input: Change = unchanged
    ) -> None:
        super().__init__(
            net,
            instance,
            function_on_input,
            lambda m, keep: m.register_forward_hook(lambda _m, x, _y: keep(x)),
        )


class AttributeMonitor(BaseMonitor):
    """An attribute of layers, such as a membrane, at every call.

    Args:
        attribute_name: Its name.
        pre_forward: Look before the call, not after it.
        net: The network.
        instance: Which layers, by their type.
        function_on_attribute: What it goes through before it is kept.
    """

    def __init__(
        self,
        attribute_name: str,
        pre_forward: bool,
        net: nn.Module,
        instance: Kind | None = None,
        function_on_attribute: Change = unchanged,
    ) -> None:
        def watch(m: nn.Module, keep: Callable[[Any], None]) -> RemovableHandle:
            register = m.register_forward_pre_hook if pre_forward else m.register_forward_hook
            return register(lambda m, *_: keep(getattr(m, attribute_name)))

        super().__init__(net, instance, function_on_attribute, watch)


class GradInputMonitor(BaseMonitor):
    """Gradients of what layers are called with, in the order of the backward pass.

    Args:
        net: The network.
        instance: Which layers, by their type.
        function_on_grad_input: What a gradient goes through before it is kept.
    """

    def __init__(
        self,
        net: nn.Module,
        instance: Kind | None = None,
        function_on_grad_input: Change = unchanged,
    ) -> None:
        super().__init__(net, instance, function_on_grad_input, partial(_watch_gradients, of=0))


class GradOutputMonitor(BaseMonitor):
    """The same of the gradients of what layers return, with `function_on_grad_output`."""

    def __init__(
        self,
        net: nn.Module,
        instance: Kind | None = None,
        function_on_grad_output: Change = unchanged,
    ) -> None:
        super().__init__(net, instance, function_on_grad_output, partial(_watch_gradients, of=1))


def _watch_gradients(m: nn.Module, keep: Callable[[Any], None], *, of: int) -> RemovableHandle:
    """Keep the gradients of a layer's inputs (0) or outputs (1)."""
    return m.register_full_backward_hook(lambda _m, *grads: keep(grads[of]))


def unpack_len1_tuple(value: Any) -> Any:
    """The only element of a tuple of one; any other value as it is."""
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value
