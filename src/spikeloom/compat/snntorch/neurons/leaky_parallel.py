r"""A leaky neuron as a recurrent layer of rectified membranes, over whole sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikeloom.compat.snntorch.neurons.delayed import Spike, bypass
from spikeloom.engine.unroll import unroll
from spikeloom.surrogate import ATan


def rectified_step(x: Tensor, mem: Tensor, decay: Tensor) -> tuple[Tensor, Tensor]:
    """One step: `(x, mem, decay) -> (mem, mem)`."""
    mem = torch.clamp(x + decay * mem, min=0.0)
    return mem, mem


class LeakyParallel(nn.Module):
    r"""A linear layer and neurons without a reset whose membranes are never negative.

    $$ u_t = \max(0,\ W x_t + b + W_{hh} u_{t-1}), \qquad s_t = g\,H(u_t - \theta) $$

    $W_{hh}$ is a diagonal of decays, unless `weight_hh_enable=True`. The weights are those of a
    `nn.RNN` under the name `rnn`, as in snnTorch; a diagonal runs as one compiled loop over the
    neurons, not as a matrix.

    Args:
        input_size: Number of inputs.
        hidden_size: Number of neurons.
        beta: Decays on the diagonal, one value or one per neuron; None leaves the weights of
            `nn.RNN` as they were drawn.
        bias: Use the biases of `nn.RNN`.
        threshold: Firing threshold $\theta$.
        dropout: Handed to `nn.RNN`, where with one layer it has no effect.
        spike_grad: Surrogate gradient; None is `atan()`.
        surrogate_disable: Spikes without a gradient.
        learn_beta: Learn $W_{hh}$, of which only the diagonal gets a gradient if it is one.
        learn_threshold: Make `threshold` a parameter.
        graded_spikes_factor: $g$.
        learn_graded_spikes_factor: Make it a parameter.
        weight_hh_enable: Let $W_{hh}$ be a full matrix.
        device: Of the weights.
        dtype: Of the weights.

    Shape:
        Input `[T, B, input_size]`; output: spikes `[T, B, hidden_size]`.

    Raises:
        ValueError: If `beta` is neither one value nor one per neuron.

    Example:
        >>> tuple(LeakyParallel(4, 3, beta=0.9)(torch.rand(5, 2, 4)).shape)
        (5, 2, 3)
    """

    threshold: Tensor
    graded_spikes_factor: Tensor
    beta: Tensor | None
    spike_grad: Spike

    def __init__(
        self, input_size: int, hidden_size: int, beta: Any = None, bias: bool = True,
        threshold: Any = 1.0, dropout: float = 0.0, spike_grad: Spike | None = None,
        surrogate_disable: bool = False, learn_beta: bool = False, learn_threshold: bool = False,
        graded_spikes_factor: Any = 1.0, learn_graded_spikes_factor: bool = False,
        weight_hh_enable: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        kind = {"device": device, "dtype": dtype}
        drawn = nn.RNN(
            input_size, hidden_size, nonlinearity="relu", bias=bias, dropout=dropout, **kind
        )
        # The weights alone: torch.compile does not take an nn.RNN.
        self.rnn = nn.ParameterDict(list(drawn.named_parameters()))
        self.bias, self.hidden_size, self.full = bias, hidden_size, weight_hh_enable
        self.register_buffer("beta", None if beta is None else _decays(beta, hidden_size, kind))
        weight: Any = self.rnn["weight_hh_l0"]
        with torch.no_grad():
            if self.beta is not None:
                weight.copy_(self.beta.to(weight).expand(hidden_size)[:, None].expand_as(weight))
            if not weight_hh_enable:
                weight.copy_(torch.diag(weight.diagonal()))
        weight.requires_grad_(learn_beta)
        self.spike_grad = bypass if surrogate_disable else spike_grad or ATan(2.0)
        self.surrogate_disable = surrogate_disable
        for name, value, learned in (
            ("threshold", threshold, learn_threshold),
            ("graded_spikes_factor", graded_spikes_factor, learn_graded_spikes_factor),
        ):
            t = torch.as_tensor(value, **kind)
            t = t if t.is_floating_point() else t.to(torch.get_default_dtype())
            if learned:
                self.register_parameter(name, nn.Parameter(t))
            else:
                self.register_buffer(name, t)

    def forward(self, input_: Tensor) -> Tensor:
        """Run whole sequences.

        Args:
            input_: `[T, B, input_size]`.

        Returns:
            Spikes `[T, B, hidden_size]`.
        """
        into, within, *biases = self.rnn.values()
        if self.full:
            rest = input_.new_zeros(1, input_.shape[1], self.hidden_size)
            weights = [into, within, *biases]
            mem, _ = torch.rnn_relu(
                input_, rest, weights, self.bias, 1, 0.0, self.training, False, False
            )
        else:
            x = F.linear(input_, into, biases[0] + biases[1] if self.bias else None)
            rest = torch.zeros_like(x[0])
            mem, _ = unroll(rectified_step, x, (rest,), (within.diagonal(),))
        return self.spike_grad(mem - self.threshold) * self.graded_spikes_factor


def _decays(beta: Any, size: int, kind: dict[str, Any]) -> Tensor:
    t = torch.as_tensor(beta, **kind)
    t = t if t.is_floating_point() else t.to(torch.get_default_dtype())
    if t.shape not in ((), (1,), (size,)):
        raise ValueError(
            f"LeakyParallel got beta of shape {tuple(t.shape)} for {size} neurons: it is one value "
            "or one per neuron. Pass such a tensor."
        )
    return t.detach().reshape(-1).clamp(0, 1)
