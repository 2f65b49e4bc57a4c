"""`to_nir`: a network as a NIR graph."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.interop.nir_choices import Export
from spikeloom.interop.nir_network import NirNetwork
from spikeloom.interop.nir_package import nir_package
from spikeloom.interop.nir_semantics import Method, Semantics
from spikeloom.interop.nir_writer import Writer


def to_nir(
    net: nn.Module,
    sample: Tensor | Mapping[str, Tensor],
    *,
    dt: float | None = None,
    method: Method | None = None,
) -> Any:
    r"""Write a network as a NIR graph.

    The graph computes what the network computes in evaluation mode: batch norm is folded into the
    weights before it, dropout is left out. Decays become time constants for the given `dt` and
    `method`, input gains resistances; these choices, reset and firing go into the graph's metadata,
    from which `from_nir` takes them. What NIR has no node for is composed where that is exact: a
    neuron without a reset is an integrator and a threshold, max pooling of spikes a sum above 1/2,
    whole synaptic delays a delay and a matrix each.

    Args:
        net: A network of `sl.Sequential`, `sl.Residual`, `sl.Recurrent` and layers; or what
            `from_nir` returned.
        sample: An input `[T, B, ...]`, for the shapes; a dict of them for several inputs. One step
            of it is run.
        dt: Time step in seconds; None is that of an imported network, else 1e-3.
        method: `"euler"` (which most libraries read), `"exact"` or `"exponential"`, see
            `from_nir`; None is that of an imported network, else `"euler"`.

    Returns:
        A `nir.NIRGraph`. The nodes have the names of the modules.

    Raises:
        ImportError: If the extra is not installed: `pip install 'spikeloom[nir]'`.
        TypeError: If `net` is no module.
        ValueError: If NIR cannot express a layer; the message says why, and what to do.

    References:
        Pedersen et al. (2024), "Neuromorphic intermediate representation",
        doi:10.1038/s41467-024-52259-9.

    Example:
        >>> import torch, spikeloom as sl
        >>> net = sl.Sequential(torch.nn.Linear(4, 3), sl.LIF(beta=0.9))
        >>> graph = to_nir(net, torch.rand(1, 1, 4))
        >>> [(name, type(node).__name__) for name, node in graph.nodes.items()]
        [('input', 'Input'), ('0', 'Affine'), ('1', 'LIF'), ('output', 'Output')]
    """
    nir_package()
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"to_nir got {type(net).__name__}: it writes networks. Pass a module, such as "
            "sl.Sequential(...), and a sample of its input."
        )
    known = net.semantics if isinstance(net, NirNetwork) else None
    start = {} if known is None else known.metadata()
    try:
        semantics = Semantics.of({"dt": 1e-3, **start}, dt=dt, method=method)
    except (TypeError, ValueError) as error:
        raise type(error)(f"to_nir {error}") from None
    net = copy.deepcopy(net).eval()
    export = Export(semantics.dt, semantics.method)
    writer = Writer(export)
    samples = _samples(net, sample)
    with torch.no_grad():
        inputs = {name: writer.input(name, x) for name, x in samples.items()}
        if isinstance(net, NirNetwork):
            outs = writer.network(net, inputs, "")
            metadata = dict(net.metadata)
        else:
            outs = {"output": writer.walk(net, next(iter(inputs.values())), "")}
            metadata = {}
    for name, signal in outs.items():
        writer.output(name, signal)
    return writer.graph({**metadata, **dataclasses.replace(semantics, **export.claims).metadata()})


def _samples(net: nn.Module, sample: Any) -> dict[str, Tensor]:
    """One step of every input, by name."""
    names = [port.name for port in net.ports] if isinstance(net, NirNetwork) else ["input"]
    found = sample if isinstance(sample, Mapping) else {names[0]: sample}
    if set(found) != set(names):
        raise ValueError(
            f"to_nir got samples for {sorted(found)}: the network has the inputs {names}. Pass "
            f"{'a tensor [T, B, ...]' if len(names) == 1 else 'a dict with these names'}."
        )
    for x in found.values():
        if not isinstance(x, Tensor) or x.ndim < 3 or not len(x):
            got = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(
                f"to_nir got a sample of {got}: shapes are taken from an input of the network, "
                "[T, B, ...] with at least one step. Pass, for example, torch.rand(1, 1, 784)."
            )
    return {name: found[name][:1] for name in names}
