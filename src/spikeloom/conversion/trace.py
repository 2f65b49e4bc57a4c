"""From a torch network to a graph: torch.fx first, torch.export where that cannot."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from spikeloom.conversion.functions import Call, meaning
from spikeloom.conversion.graph import Graph, Node
from spikeloom.conversion.modules import of_module
from spikeloom.conversion.refusal import refuse
from spikeloom.neurons.parameters import Parameters

_SOFTMAX = ("softmax", "log_softmax", "Softmax", "LogSoftmax")


def trace(model: nn.Module, x: Tensor) -> tuple[Graph, list[str]]:
    """Write a network as a graph of layers.

    Args:
        model: A feed-forward network in evaluation mode.
        x: A batch that it takes, `[B, ...]`.

    Returns:
        The graph, and a sentence for everything that was left out.

    Raises:
        ValueError: If it cannot be traced, or holds something without a spiking counterpart.
    """
    reader = _Reader(_module(model, x))
    with torch.no_grad():
        reader.run(x)
    return reader.written(), reader.notes


def _module(model: nn.Module, x: Tensor) -> fx.GraphModule:
    """The network with its operations in a list."""
    tracer = _Tracer()
    try:
        return fx.GraphModule(model, tracer.trace(model))
    except Exception as symbolic:  # whatever the network's own code raises on a proxy
        try:
            exported = torch.export.export(model, (x,), strict=False).module()
        except Exception as error:
            raise ValueError(
                f"convert got {type(model).__name__}, which could not be traced: torch.fx says "
                f"{symbolic}; torch.export says {error}. Write its forward without conditions "
                "on values and without loops of changing length."
            ) from error
        assert isinstance(exported, fx.GraphModule)
        return exported


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Look into everything but torch's own layers and ours."""
        return isinstance(m, Parameters) or super().is_leaf_module(m, module_qualified_name)


class _Reader(fx.Interpreter):
    """Runs the network on a batch, and notes every operation as a node."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.extra_traceback = False  # our messages stand on their own
        self.nodes: dict[str, Node] = {}
        self.names: dict[fx.Node, str] = {}  # the node whose value an operation returned
        self.notes: list[str] = []
        self.result = ""

    def written(self) -> Graph:
        """The graph; nodes that nothing reads are gone."""
        needed = {self.result}
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs)
        return Graph((n for n in self.nodes.values() if n.name in needed), self.result)

    def run_node(self, n: fx.Node) -> Any:
        """Run one operation and note it."""
        value = super().run_node(n)
        if n.op == "placeholder":
            if self.nodes:
                raise refuse("a second input", n.name, "one can be converted", "Pass one tensor")
            self._note(n, Node("input", "input"))
        elif n.op == "output":
            self._end(n, value)
        elif n.op in ("call_module", "call_function", "call_method"):
            self._operation(n, value)
        return value

    def _operation(self, n: fx.Node, value: Any) -> None:
        sources = [source for source in n.all_input_nodes if source in self.names]
        if not isinstance(value, Tensor):
            asks = isinstance(value, int | torch.Size | torch.dtype | torch.device | None)
            if sources and not asks:
                kind = type(self.fetch_attr(str(n.target))) if n.op == "call_module" else None
                raise refuse(
                    kind.__name__ if kind else f"a call of {_what(n)}",
                    _path(n),
                    f"it returns a {type(value).__name__}, and one tensor can be followed",
                    "Convert feed-forward networks whose layers return one tensor",
                )
            return
        if not sources:
            return  # something made of weights and numbers alone
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        if _is_softmax(n, self.module) and _ends(n):
            self.notes.append(f"{_path(n)}: the softmax at the end was left out; it ranks alike")
            self.names[n] = self.names[sources[0]]
            return
        if n.op == "call_module":
            layer = self.fetch_attr(str(n.target))
            found = of_module(layer, args[0], value, str(n.target))
        else:
            found = meaning(Call(_what(n), _path(n), tuple(_joined(args)), kwargs, value))
        if found is None:
            self.names[n] = self.names[sources[0]]
            return
        kind, layer = found
        inputs = tuple(self.names[source] for source in _tensors(n, self.names))
        if kind in ("add", "concat") and len(inputs) < 2:
            raise refuse(
                _what(n), _path(n), "it adds weights to a signal", "Use a layer with a bias"
            )
        self._note(n, Node(self._free(_path(n)), kind, inputs, layer))

    def _note(self, n: fx.Node, node: Node) -> None:
        self.nodes[node.name] = node
        self.names[n] = node.name

    def _free(self, name: str) -> str:
        count = sum(known == name or known.startswith(f"{name}#") for known in self.nodes)
        return f"{name}#{count + 1}" if count else name

    def _end(self, n: fx.Node, value: Any) -> None:
        (result,) = n.args
        while isinstance(result, tuple | list) and len(result) == 1:
            (result,) = result
        if not isinstance(result, fx.Node) or result not in self.names:
            raise refuse(
                f"an output of type {type(value).__name__}",
                "the end",
                "one tensor can be scored",
                "Wrap the network in a module that returns one tensor",
            )
        self.result = self.names[result]


def _what(n: fx.Node) -> str:
    """The name of what is called, without the underscore of operations in place."""
    if n.op == "call_module":
        return str(n.target)
    target = n.target
    if isinstance(target, torch._ops.OpOverload):
        return target._schema.name.split("::")[1].rstrip("_")
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    return str(name).rstrip("_").removeprefix("_")


def _path(n: fx.Node) -> str:
    """The path of the module, or of the function in the module that calls it."""
    if n.op == "call_module":
        return str(n.target)
    stack = n.meta.get("nn_module_stack") or {}
    home = next(reversed(stack.values()), ("", None))[0] if stack else ""
    home = str(home).removeprefix("L['self'].").removeprefix("L['self']")
    return f"{home}.{n.name}" if home else n.name


def _tensors(n: fx.Node, names: dict[fx.Node, str]) -> list[fx.Node]:
    """The operands that are signals, one that is used twice as often as it is used."""
    flat: list[fx.Node] = []
    fx.map_arg((n.args, n.kwargs), flat.append)  # type: ignore[arg-type]
    return [a for a in flat if a in names]


def _joined(args: Any) -> Any:
    """Arguments with the first tensor of a list of tensors in its place (`torch.cat`)."""
    return [a[0] if i == 0 and isinstance(a, tuple | list) else a for i, a in enumerate(args)]


def _is_softmax(n: fx.Node, module: nn.Module) -> bool:
    if n.op == "call_module":
        return type(module.get_submodule(str(n.target))).__name__ in _SOFTMAX
    return _what(n) in _SOFTMAX


def _ends(n: fx.Node) -> bool:
    return all(user.op == "output" for user in n.users)
