r"""A spiking LSTM."""

from __future__ import annotations

import math
from typing import Any, Unpack, final

import torch
from torch import Tensor, nn

from spikeloom.engine import private
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import SpikingOptions
from spikeloom.nn.gated import GatedNeuron, LSTMState


@final
class SpikingLSTM(GatedNeuron):
    r"""An LSTM that sends a spike where its hidden state passes a threshold.

    $$ i, f, c, o = W_{ih} x_t + b_{ih} + W_{hh} m_{t-1} + b_{hh} $$

    $$ y_t = \sigma(f)\,y_{t-1} + \sigma(i) \tanh(c), \qquad h_t = \sigma(o) \tanh(y_t), \qquad
       s_t = H(h_t - \theta) $$

    and $m_t = h_t$, or with a reset that of `LIF`. What feeds back is the membrane, not the spike.
    Several layers are several of these in `sl.Sequential`.

    The input is projected in one matrix product for all steps. Without a reset the loop is that of
    `torch.lstm`; with one, or with `backend="reference"`, it is a plain loop of torch operations
    with one matrix product per step.

    Args:
        input_size: Number of input features $I$.
        hidden_size: Number of neurons $H$; it may differ from `input_size`.
        threshold: Firing threshold $\theta$. $|h_t| < 1$, so it has to be below 1.
        bias: Use $b_{ih}$ and $b_{hh}$.
        **options: Those of `Spiking` (reset, detach_reset, fire, surrogate, spike, emit, learn,
            backend, check_finite); `reset` is `"none"` unless given, and `learn` may name the
            threshold.

    Shape:
        Input `[T, B, I]`; output `[T, B, H]`; state `LSTMState(mem=[B, H], syn=[B, H])`. The
        weights have the names, order of gates and shapes of `nn.LSTMCell`.

    References:
        Hochreiter & Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735; with a threshold:
        Eshraghian et al. (2023), arXiv:2109.12894, and its library snnTorch (`SLSTM`).

    Example:
        >>> layer = SpikingLSTM(8, 16, threshold=0.1)
        >>> spikes, state = layer(torch.rand(5, 2, 8))
        >>> tuple(spikes.shape), tuple(state.mem.shape)
        ((5, 2, 16), (2, 16))
        >>> more, state = layer(torch.rand(1, 2, 8), state)
    """

    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        threshold: Value = 0.5,
        *,
        bias: bool = True,
        **options: Unpack[SpikingOptions],
    ) -> None:
        super().__init__(hidden_size, threshold, options)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        for name in ("bias_ih", "bias_hh"):
            value = nn.Parameter(torch.empty(4 * hidden_size)) if bias else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights as `nn.LSTMCell` does, uniform in +-1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh):
            if weight is not None:
                nn.init.uniform_(weight, -bound, bound)

    def _project(self, x: Tensor) -> Tensor:
        bias = None
        if self.bias_ih is not None and self.bias_hh is not None:
            bias = self.bias_ih + self.bias_hh
        return nn.functional.linear(x, self.weight_ih, bias)

    def _feedback(self, mem: Tensor) -> Tensor:
        return nn.functional.linear(mem.to(self.weight_hh.dtype), self.weight_hh)

    def _membranes(self, x: Tensor, state: Any) -> tuple[Tensor, LSTMState]:
        if x.ndim != 3 or x.shape[2] != self.input_size:
            raise ValueError(
                f"SpikingLSTM got steps of shape {tuple(x.shape[1:])}: it needs [B, I] with "
                f"I = {self.input_size} features. Flatten images with nn.Flatten() before it, or "
                "build it for the features of the layer before."
            )
        if not self._is_fused(x):
            return super()._membranes(x, state)
        like = x.new_empty(()).expand(x.shape[1], self.hidden_size)
        before = self._state_for(like, 1, state, x.dtype)
        weights = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        weights = [w for w in weights if w is not None]
        h, mem, syn = torch.lstm(
            x, [s[None] for s in before], weights, len(weights) == 4, 1, 0.0, self.training,
            False, False,
        )  # fmt: skip
        return h.to(x.dtype), LSTMState(mem[0].to(x.dtype), syn[0].to(x.dtype))

    def _is_fused(self, x: Tensor) -> bool:
        return (
            self._firing.reset == "none"
            and self.backend == "auto"
            and x.dtype == self.weight_ih.dtype
            and x.dtype in (torch.float32, torch.float64)
            and x.numel() > 0
            and not torch.compiler.is_compiling()
            and not torch.is_autocast_enabled(x.device.type)  # few processors have it in bfloat16
            and not (private.in_functorch() or private.in_forward_ad())  # torch.lstm cannot
        )

    def extra_repr(self) -> str:
        """The sizes, then what every neuron shows."""
        return f"{self.input_size}, {self.hidden_size}, {super().extra_repr()}"
