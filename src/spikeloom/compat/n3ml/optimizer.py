"""The optimizers of networks that learn without gradients of a loss: SpikeProp and BP-STDP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom.compat.n3ml.layer.bohte import seconds
from spikeloom.compat.n3ml.network import Network
from spikeloom.compat.n3ml.population import MS
from spikeloom.spiketime import SpikePropUpdate


@final
class Bohte:
    """SpikeProp, `sl.spiketime.SpikePropUpdate`, for networks of `layer.Bohte`.

    Args:
        lr: Learning rate, for thresholds of about 1.
        **options: Those of `SpikePropUpdate`: `largest`, `wake`.
    """

    def __init__(self, lr: float = 0.0075, **options: Any) -> None:
        self.lr, self.options = lr, options

    def step(self, model: Network, spiked_input: Tensor, spiked_label: Tensor) -> None:
        """Show one sample, and learn from the times at which the outputs should have fired.

        Args:
            model: The network; its weights change.
            spiked_input: Times of the input spikes, ms, -1 where silent, `[I]`.
            spiked_label: Times asked for, ms, `[O]`.
        """
        net = nn.Sequential(*(layer.native for layer in model.layer.values()))  # type: ignore[arg-type]
        update = SpikePropUpdate(net, self.lr, **self.options)
        update.learn(seconds(spiked_input)[None], MS * spiked_label[None].to(spiked_input))


@final
class TavanaeiAndMaida:
    r"""BP-STDP at one step of one sample, for `model.TavanaeiAndMaida2017`.

    Where the teacher fires, with $n$ the spikes of each neuron in the buffers and $y$ the one-hot
    label,

    $$ \xi = y - [\,n_2 > 0\,], \quad \Delta w_2 = \mu\,\xi\,n_1^T, \qquad
       \Delta w_1 = \mu\,(w_2^T \xi)\,[\,n_1 > 0\,]\,n_0^T $$

    which is what `sl.plasticity.BPSTDP` does to whole batches of whole sequences.

    Args:
        model: The network.
        lr: $\mu$.
    """

    def __init__(self, model: Network, lr: float = 5e-4) -> None:
        self.model, self.lr = model, lr

    @torch.no_grad()
    def step(
        self,
        spike_buffer: Mapping[str, Sequence[Tensor]],
        spiked_label: Tensor,
        label: int | Tensor,
    ) -> None:
        """Learn, if the teacher fires.

        Args:
            spike_buffer: The last spikes of `"inp"`, `"fc1"` and `"fc2"`, this step's included:
                as many steps as the rule looks back.
            spiked_label: Spikes of the teacher in this step, `[C]`.
            label: The class.
        """
        if not bool(spiked_label[label]):
            return
        below, hidden, out = (
            torch.stack(list(spike_buffer[name])).sum(0) for name in ("inp", "fc1", "fc2")
        )
        w1, w2 = (layer.get_parameter("w") for layer in self.model.children())
        error = -(out > 0).to(out.dtype)
        error[label] += 1
        passed_on = (error @ w2) * (hidden > 0)
        w2.add_(torch.outer(error, hidden), alpha=self.lr)
        w1.add_(torch.outer(passed_on, below), alpha=self.lr)
