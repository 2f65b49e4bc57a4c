"""Layers that are joined as a graph, run over time with explicit states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

from torch import Tensor, nn

from spikeloom.conversion.junction import Add, Concat
from spikeloom.nn.sequential import check_folded, check_layer, fold_call, is_stateful, step_call


@final
class SpikingGraph(nn.Module):
    """Layers by name, each with the names of the layers that it reads; `"input"` is the input.

    What `Sequential` is to a chain this is to a network whose paths part and meet: states are
    threaded, and time is folded into the batch for layers without one. The last layer gives the
    output.

    Shape:
        Input `[T, B, ...]`; output the last layer's; state a tuple with one entry per layer, None
        for a stateless one.

    Example:
        >>> import torch, spikeloom as sl
        >>> net = SpikingGraph()
        >>> net.add("hidden", torch.nn.Linear(4, 4), ("input",))
        >>> net.add("spikes", sl.IF(), ("hidden",))
        >>> net.add("sum", Add(), ("spikes", "input"))
        >>> out, state = net(torch.rand(5, 2, 4))
        >>> tuple(out.shape), len(state)
        ((5, 2, 4), 3)
    """

    stateful = True

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[str, tuple[str, ...]] = {}

    def add(self, name: str, layer: nn.Module, sources: tuple[str, ...]) -> None:
        """Add a layer behind others.

        Args:
            name: Its name, in the `state_dict` with `_` for every dot.
            layer: The layer; one that reads several sources is called with as many tensors.
            sources: The layers that it reads.

        Raises:
            ValueError: If the name is taken, or a source is not there.
        """
        missing = [source for source in sources if source not in ("input", *self.sources)]
        if missing or name in ("input", *self.sources):
            what = f"reads {missing[0]!r}, which is not there" if missing else "is there already"
            raise ValueError(
                f"SpikingGraph got layer {name!r}, which {what}. Add layers in the order in which "
                "they are computed, each with a name of its own."
            )
        check_layer("SpikingGraph", name, layer)
        self.add_module(self.key(name), layer)
        self.sources[name] = sources

    def key(self, name: str) -> str:
        """The name of a layer as a module: no dots, and no name of something else here."""
        key = name.replace(".", "_")
        return f"{key}_" if hasattr(SpikingGraph, key) or key in ("sources", "training") else key

    def layer(self, name: str) -> nn.Module:
        """A layer by its name."""
        return self.get_submodule(self.key(name))

    def replace(self, name: str, layer: nn.Module) -> None:
        """Put another layer in the place of one."""
        check_layer("SpikingGraph", name, layer)
        setattr(self, self.key(name), layer)

    def forward(self, x: Tensor, state: Sequence[Any] | None = None) -> tuple[Any, tuple[Any, ...]]:
        """Run the layers over time.

        Args:
            x: `[T, B, ...]`.
            state: What an earlier call on the same batch returned; None starts from rest.

        Returns:
            The last layer's output and the tuple of final states.
        """
        check_folded("SpikingGraph", x)
        return self._run(x, state, _over_time)

    def step(self, x_t: Tensor, state: Sequence[Any] | None = None) -> tuple[Any, tuple[Any, ...]]:
        """Run one time step, `[B, ...]`; as `forward` otherwise."""

        def once(layer: nn.Module, xs: list[Tensor], before: Any, name: str) -> tuple[Any, Any]:
            if isinstance(layer, Add | Concat):  # they count axes from the first, which is time
                return layer(*(x[None] for x in xs))[0], None
            return step_call(layer, xs[0], before, name)

        return self._run(x_t, state, once)

    def value(self, name: str, x: Tensor) -> Tensor:
        """What one layer, or `"input"`, sends over time for an input `[T, B, ...]`, from rest."""
        needed = {name}
        for layer, sources in reversed(self.sources.items()):
            needed.update(sources if layer in needed else ())
        return self._values(x, (None,) * len(self.sources), _over_time, name, needed)[0]

    def _run(
        self, x: Tensor, state: Sequence[Any] | None, call: Callable[..., tuple[Any, Any]]
    ) -> tuple[Any, tuple[Any, ...]]:
        states = (None,) * len(self.sources) if state is None else state
        if not isinstance(states, tuple | list) or len(states) != len(self.sources):
            raise ValueError(
                f"SpikingGraph got a state of type {type(state).__name__}: its state is a tuple "
                f"of {len(self.sources)} entries, one per layer. Hand on the state that the last "
                "call returned, or None to start from rest."
            )
        return self._values(x, states, call, next(reversed(self.sources)), set(self.sources))

    def _values(
        self,
        x: Tensor,
        states: Sequence[Any],
        call: Callable[..., tuple[Any, Any]],
        wanted: str,
        needed: set[str],
    ) -> tuple[Any, tuple[Any, ...]]:
        last = {source: name for name, sources in self.sources.items() for source in sources}
        values, after = {"input": x}, []
        for (name, sources), before in zip(self.sources.items(), states, strict=True):
            if name not in needed:
                continue
            given = [values[source] for source in sources]
            values[name], now = call(self.layer(name), given, before, name)
            after.append(now)
            for source in set(sources):
                if last[source] == name and source != wanted:
                    del values[source]  # nobody reads it any more
        return values[wanted], tuple(after)


def _over_time(layer: nn.Module, xs: list[Tensor], before: Any, name: str) -> tuple[Any, Any]:
    if isinstance(layer, Add | Concat):
        return layer(*xs), None
    return layer(xs[0], before) if is_stateful(layer) else (fold_call(layer, xs[0], name), None)
