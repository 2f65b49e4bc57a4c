"""NIR graphs as networks of one time step."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn

from spikeloom.compat.snntorch.export_nir import DT
from spikeloom.interop.from_nir import from_nir


@final
class Imported(nn.Module):
    """A NIR graph, called with one time step and its state: `out, state = net(x, state)`.

    Args:
        graph: The graph or a file's path.
        **options: Those of `sl.interop.from_nir`.
    """

    def __init__(self, graph: Any, **options: Any) -> None:
        super().__init__()
        self.network = from_nir(graph, **options)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Any, Any]:
        """Run one time step.

        Args:
            x: `[B, ...]`.
            state: What the last call returned; None starts from rest.

        Returns:
            The output `[B, ...]` and the new state.
        """
        return self.network.step(x, state)


def import_from_nir(graph: Any) -> Imported:
    """Read a NIR graph.

    All nodes are read, with what its metadata says of time step and reset; a graph that says
    nothing has steps of 0.1 ms and resets to v_reset, as snnTorch takes it.

    Args:
        graph: A `nir.NIRGraph`, or the path of a file.

    Returns:
        A network of one time step; `net.network` runs whole sequences.

    Raises:
        ImportError: If the extra is not installed: `pip install 'spikeloom[nir]'`.
        ValueError: If the graph or the file is broken.

    Example:
        >>> import nir, numpy as np, torch
        >>> one = np.ones(1)
        >>> lif = nir.LIF(tau=one * 2e-4, r=one * 2, v_leak=one * 0, v_threshold=one)
        >>> net = import_from_nir(nir.NIRGraph.from_list(lif))
        >>> spikes, state = net(torch.ones(1, 1))
        >>> spikes, state = net(torch.ones(1, 1), state)
        >>> spikes.item()
        1.0
    """
    told = getattr(graph, "metadata", None) or {}
    return Imported(graph) if "dt" in told or isinstance(graph, str) else Imported(graph, dt=DT)
