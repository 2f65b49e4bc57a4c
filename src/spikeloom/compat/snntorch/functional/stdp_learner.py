r"""Spike-timing-dependent plasticity of a layer's weights, from recorded spikes.

$$ e_t = e_{t-1} - e_{t-1} / \tau + s_t, \qquad
   \Delta W = f_{post}(W)\, s^{post} \otimes e^{pre} - f_{pre}(W)\, e^{post} \otimes s^{pre} $$

summed over the batch and, for a convolution, over the places that share a weight. For networks with
local learning throughout see `spikeloom.plasticity`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv1d_weight, conv2d_weight

from spikeloom.compat.snntorch.functional.probe import InputMonitor, OutputMonitor, unchanged

Trace = Any  # a tensor, or None at rest
Weighting = Callable[[Tensor], Tensor]
Update = tuple[Any, Any, Tensor]


def stdp_linear_single_step(
    fc: nn.Linear, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Weighting = unchanged, f_post: Weighting = unchanged,
) -> Update:  # fmt: skip
    """One step of a linear layer.

    Args:
        fc: The layer.
        in_spike: Spikes before it, `[B, I]`.
        out_spike: Spikes after it, `[B, O]`.
        trace_pre: Trace of the first, None at rest.
        trace_post: Trace of the second, None at rest.
        tau_pre: Time constant of the first trace, in steps.
        tau_post: Time constant of the second.
        f_pre: Factor of depression, from the weights.
        f_post: Factor of potentiation, from the weights.

    Returns:
        Both traces, and the change of the weights.

    Example:
        >>> layer, one = nn.Linear(1, 1), torch.ones(1, 1)
        >>> pre, post, _ = stdp_linear_single_step(layer, one, 0 * one, None, None, 2.0, 2.0)
        >>> rule = lambda w: torch.ones_like(w)
        >>> stdp_linear_single_step(layer, 0 * one, one, pre, post, 2.0, 2.0, rule, rule)[2].item()
        0.5
    """
    trace_pre = _decayed(trace_pre, tau_pre) + in_spike
    trace_post = _decayed(trace_post, tau_post) + out_spike
    weight = fc.weight.detach()
    up, down = out_spike.mT @ trace_pre, trace_post.mT @ in_spike
    return trace_pre, trace_post, f_post(weight) * up - f_pre(weight) * down


def mstdp_linear_single_step(
    fc: nn.Linear, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Weighting = unchanged, f_post: Weighting = unchanged,
) -> Update:  # fmt: skip
    r"""Eligibility of each sample's synapses `[B, O, I]`, to be multiplied by its reward.

    As `stdp_linear_single_step` otherwise, with decays $e^{-1/\tau}$.
    """
    trace_pre = _kept(trace_pre) * math.exp(-1 / tau_pre) + in_spike
    trace_post = _kept(trace_post) * math.exp(-1 / tau_post) + out_spike
    weight = fc.weight.detach()
    up = out_spike[..., :, None] * trace_pre[..., None, :]
    down = trace_post[..., :, None] * in_spike[..., None, :]
    return trace_pre, trace_post, f_post(weight) * up - f_pre(weight) * down


def mstdpet_linear_single_step(
    fc: nn.Linear, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, tau_trace: float, f_pre: Weighting = unchanged,
    f_post: Weighting = unchanged,
) -> Update:  # fmt: skip
    """As `mstdp_linear_single_step`, of one sample `[I]`; `tau_trace` is the caller's to use."""
    traces = trace_pre, trace_post
    return mstdp_linear_single_step(
        fc, in_spike, out_spike, *traces, tau_pre, tau_post, f_pre, f_post
    )


def stdp_conv2d_single_step(
    conv: Any, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Weighting = unchanged, f_post: Weighting = unchanged,
) -> Update:  # fmt: skip
    """One step of a convolution, of one or two dimensions, with any stride, dilation and groups.

    As `stdp_linear_single_step` otherwise; spikes and traces are `[B, C, ...]`, the trace of the
    input padded like the input.
    """
    mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
    in_spike = F.pad(in_spike, conv._reversed_padding_repeated_twice, mode=mode)
    trace_pre = _decayed(trace_pre, tau_pre) + in_spike
    trace_post = _decayed(trace_post, tau_post) + out_spike
    gradient: Any = conv2d_weight if in_spike.ndim == 4 else conv1d_weight
    weight, how = conv.weight.detach(), (conv.stride, 0, conv.dilation, conv.groups)
    up = gradient(trace_pre, weight.shape, out_spike, *how)
    down = gradient(in_spike, weight.shape, trace_post, *how)
    return trace_pre, trace_post, f_post(weight) * up - f_pre(weight) * down


stdp_conv1d_single_step = stdp_conv2d_single_step


class STDPLearner(nn.Module):
    """Collects the spikes around a layer and turns them into a change of its weights.

    Args:
        synapse: A `nn.Linear`, `nn.Conv1d` or `nn.Conv2d`.
        sn: The neurons behind it.
        tau_pre: Time constant of the trace before it, in steps.
        tau_post: Time constant of the trace behind it.
        f_pre: Factor of depression, from the weights.
        f_post: Factor of potentiation, from the weights.

    Raises:
        TypeError: If `synapse` is another layer.

    Example:
        >>> from spikeloom.compat.snntorch import Leaky
        >>> net = nn.Sequential(nn.Linear(3, 2), Leaky(beta=0.5, init_hidden=True))
        >>> learner = STDPLearner(net[0], net[1], tau_pre=2.0, tau_post=2.0)
        >>> spikes = net(torch.ones(1, 3))
        >>> tuple(learner.step(on_grad=False).shape)
        (2, 3)
    """

    def __init__(
        self, synapse: nn.Module, sn: nn.Module, tau_pre: float, tau_post: float,
        f_pre: Weighting = unchanged, f_post: Weighting = unchanged,
    ) -> None:  # fmt: skip
        super().__init__()
        if not isinstance(synapse, nn.Linear | nn.Conv1d | nn.Conv2d):
            raise TypeError(
                f"STDPLearner got {type(synapse).__name__} as its synapse: it changes the weights "
                "of nn.Linear, nn.Conv1d and nn.Conv2d. Pass such a layer."
            )
        self.synapse = synapse
        self.tau_pre, self.tau_post = tau_pre, tau_post
        self.f_pre, self.f_post = f_pre, f_post
        self.in_spike_monitor = InputMonitor(synapse)
        self.out_spike_monitor = OutputMonitor(sn, None, _spikes)
        self.trace_pre: Trace = None
        self.trace_post: Trace = None

    def reset(self) -> None:
        """Forget recorded spikes and traces."""
        self.in_spike_monitor.clear_recorded_data()
        self.out_spike_monitor.clear_recorded_data()
        self.trace_pre = self.trace_post = None

    def disable(self) -> None:
        """Record nothing until `enable`."""
        self.in_spike_monitor.disable()
        self.out_spike_monitor.disable()

    def enable(self) -> None:
        """Record from now on."""
        self.in_spike_monitor.enable()
        self.out_spike_monitor.enable()

    @torch.no_grad()
    def step(self, on_grad: bool = True, scale: float = 1.0) -> Tensor | None:
        """Use up what has been recorded.

        Args:
            on_grad: Subtract the change from the weights' gradient, for an optimizer.
            scale: Factor of the change.

        Returns:
            The change, unless `on_grad`.
        """
        is_linear = isinstance(self.synapse, nn.Linear)
        rule: Any = stdp_linear_single_step if is_linear else stdp_conv2d_single_step
        total = torch.zeros_like(self.synapse.weight)
        pairs = zip(self.in_spike_monitor.records, self.out_spike_monitor.records, strict=True)
        for before, behind in pairs:
            self.trace_pre, self.trace_post, change = rule(
                self.synapse, before, behind, self.trace_pre, self.trace_post,
                self.tau_pre, self.tau_post, self.f_pre, self.f_post,
            )  # fmt: skip
            total += scale * change
        self.in_spike_monitor.clear_recorded_data()
        self.out_spike_monitor.clear_recorded_data()
        if not on_grad:
            return total
        gradient = self.synapse.weight.grad
        self.synapse.weight.grad = -total if gradient is None else gradient - total
        return None


def _spikes(out: Any) -> Tensor:
    """Spikes alone, of neurons that return their state too."""
    return out[0] if isinstance(out, tuple) else out


def _kept(trace: Trace) -> Any:
    return 0.0 if trace is None else trace


def _decayed(trace: Trace, tau: float) -> Any:
    return _kept(trace) - _kept(trace) / tau
