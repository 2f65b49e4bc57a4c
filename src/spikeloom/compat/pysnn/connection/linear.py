"""All to all: PySNN's linear connection."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeloom.compat.pysnn.connection.abstract import Connection


class Linear(Connection):
    r"""From every input to every output, with weights `[O, I]`.

    $$ p_{t,oi} = w_{oi}\, s_{t - d_{oi}, i} $$

    Args:
        in_features: Number of inputs I.
        out_features: Number of outputs O.
        batch_size: Number of samples B.
        dt: Length of a step; nothing depends on it.
        delay: In whole steps: one for all, or a tensor `[O, I]`.

    Shape:
        Spikes and traces `[B, F, I]`; potentials and traces `[B, F, O, R]` with R = I. F is the
        free dimension, usually 1.

    Example:
        >>> connection = Linear(2, 1, 1, 1, torch.tensor([[0, 1]]))
        >>> connection.reset_weights("constant", gain=0.5)
        >>> one, zero = torch.ones(1, 1, 2), torch.zeros(1, 1, 2)
        >>> [connection(x, x)[0].tolist() for x in (one, zero)]
        [[[[[0.5, 0.0]]]], [[[[0.0, 0.5]]]]]
    """

    def __init__(
        self, in_features: int, out_features: int, batch_size: int, dt: float, delay: int | Tensor
    ) -> None:
        super().__init__((batch_size, out_features, in_features), dt, delay)
        self.in_features, self.out_features = in_features, out_features
        self.batch_size = batch_size
        self.weight = nn.Parameter(torch.empty(out_features, in_features), requires_grad=False)
        self.init_connection()

    @torch.no_grad()
    def forward(self, x: Tensor, trace_in: Tensor) -> tuple[Tensor, Tensor]:
        """Send spikes and traces.

        Args:
            x: Spikes `[B, F, I]`.
            trace_in: Their traces, `[B, F, I]`.

        Returns:
            Potentials and traces of the synapses, `[B, F, O, I]`.

        Raises:
            ValueError: If the shapes are others.
        """
        if x.ndim != 3 or x.shape[2] != self.in_features or trace_in.shape != x.shape:
            raise ValueError(
                f"Linear got spikes of shape {tuple(x.shape)} and a trace of shape "
                f"{tuple(trace_in.shape)}: it needs [B, F, {self.in_features}] of both. Pass what "
                "a neuron of that shape returns."
            )
        lead = x.shape[:2]
        seen = (values.flatten(0, 1)[:, None] for values in (x, trace_in))
        shape = (*lead, self.out_features, self.in_features)
        return self.returned(self.propagate(*seen), shape, lambda values: values.reshape(shape))
