"""Neurons that pass spikes on as they are, and keep a trace of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from spikeloom.compat.pysnn.neuron.cells import Cells
from spikeloom.compat.pysnn.neuron.update_type import updates_of


class BaseInput(Cells):
    """Neurons without dynamics. Abstract.

    Args:
        cells_shape: Of the neurons, with the batch.
        dt: Length of a step.

    Attributes:
        spikes: Of the last step, `cells_shape`, bool.
        trace: Of the spikes, `cells_shape`.
    """

    state_names = ("spikes", "trace")

    def __init__(self, cells_shape: Sequence[int], dt: float) -> None:
        super().__init__(cells_shape)
        self.constants(dt=dt)
        self.begin("trace", "spikes")

    def reset_state(self) -> None:
        """Forget the spikes."""
        self.spikes.zero_()
        self.trace.zero_()

    def convert_input(self, x: Tensor) -> Tensor:
        """Spikes as numbers."""
        return x.to(self.trace.dtype)

    @abstractmethod
    def update_trace(self, x: Tensor) -> None:
        """Bring the trace one step further, from the spikes of the step."""

    @torch.no_grad()
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run one step.

        Args:
            x: Spikes, `cells_shape`.

        Returns:
            The same, and their trace.

        Raises:
            ValueError: If the shape is another.
        """
        if x.shape != self.spikes.shape:
            raise ValueError(
                f"{type(self).__name__} got spikes of shape {tuple(x.shape)} for cells "
                f"{self.cells_shape}: there is one value per cell. Pass one step, with the batch "
                "for which it was built."
            )
        self.update_trace(x)
        self.spikes.copy_(x)
        return x, self.trace.clone()


class Input(BaseInput):
    r"""Neurons that pass spikes on, with a trace.

    Args:
        cells_shape: Of the neurons, with the batch.
        dt: Length of a step.
        alpha_t: What a spike adds to the trace.
        tau_t: Decay of the trace, see `update_type`.
        update_type: `"linear"`, $z \leftarrow \tau z + \alpha s$ with $\tau$ in [0, 1], or
            `"exponential"`, $z \leftarrow z + \frac{dt}{\tau}(-z + \alpha s)$.

    Example:
        >>> neurons = Input((1, 1, 2), 1.0, 1.0, 0.5)
        >>> spikes = torch.tensor([[[True, False]]])
        >>> [neurons(x)[1].tolist() for x in (spikes, ~spikes)]
        [[[[1.0, 0.0]]], [[[0.5, 1.0]]]]
    """

    alpha_t: Tensor
    tau_t: Tensor

    def __init__(
        self,
        cells_shape: Sequence[int],
        dt: float,
        alpha_t: float | Tensor,
        tau_t: float | Tensor,
        update_type: str = "linear",
    ) -> None:
        super().__init__(cells_shape, dt)
        self.trace_update = updates_of("Input", update_type, tau_t=tau_t).trace
        self.constants(self.cells_shape, alpha_t=alpha_t, tau_t=tau_t)
        self.init_neuron()

    def update_trace(self, x: Tensor) -> None:
        """Bring the trace one step further."""
        spikes = self.convert_input(x)
        self.trace.copy_(self.trace_update(self.trace, spikes, self.alpha_t, self.tau_t, self.dt))
