r"""The first crossing of a threshold, exact, and its implicit derivative."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeloom.spiketime import crossing_blocks, crossing_kernel
from spikeloom.spiketime.response import Response


class Rule(NamedTuple):
    """What makes a spike; times and slopes in units of the time constant."""

    response: Response
    """Potential of one input spike."""
    threshold: float
    """Above 0."""
    window: float
    """Nothing happens after."""
    min_slope: float
    """The backward pass divides by no smaller slope."""
    late: bool
    """Whether a silent neuron has the time `window`, with the gradient of a crossing there."""


def first_crossing(arrivals: Tensor, weight: Tensor, offset: Tensor, rule: Rule) -> Tensor:
    r"""When each neuron first reaches its threshold.

    Input spikes are sorted by time. Between two of them the potential has a closed form in two
    running sums, and so has its maximum: the first interval whose maximum reaches the threshold
    holds the crossing, which is then solved for. No grid is laid over time, so that no crossing
    falls between its points. Backward, with $V(t) = \theta$ held:

    $$ \frac{\partial t}{\partial w_i} = -\frac{K(t - s_i)}{V'(t)}, \qquad
       \frac{\partial t}{\partial s_i} = \frac{w_i K'(t - s_i)}{V'(t)}, \qquad s_i < t $$

    On a CPU one compiled loop does it, `crossing_kernel`; elsewhere torch, `crossing_blocks`.

    Args:
        arrivals: Times of the input spikes, `[R, N]`, float64; those after the window do nothing.
        weight: `[M, O]`, float64; input n of row r acts on the O neurons with
            `weight[offset[r] + n]`.
        offset: `[R]`, int64.
        rule: What makes a spike.

    Returns:
        `[R, O]`, float64; infinite where there is none, unless the rule says otherwise.
    """
    return _FirstCrossing.apply(arrivals, weight, offset, rule)


@final
class _FirstCrossing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, arrivals: Tensor, weight: Tensor, offset: Tensor, rule: Rule) -> Tensor:
        s, order = _active(arrivals, rule.window)
        way = crossing_kernel if s.device.type == "cpu" else crossing_blocks
        a, b, low, high, last = way.scan(
            s, order + offset[:, None], weight, rule.response, rule.threshold, rule.window
        )
        fired = last >= 0
        t = rule.response.crossing(a, b, rule.threshold)
        t = torch.where(fired, torch.minimum(torch.maximum(t, low), high), torch.inf)
        if rule.late:
            t = torch.where(fired, t, rule.window)
            last = torch.where(fired, last, s.shape[1])
        df, dg = rule.response.readout_slope(t)
        slope = torch.where(fired, df * a + dg * b, 0.0)
        # Rounding can leave a tangent crossing with a slope of 0, or below.
        slope = slope.clamp_min(max(rule.min_slope, 1e-12 * rule.threshold))
        ctx.save_for_backward(s, order, offset, weight, t, slope, last)
        ctx.rule, ctx.inputs = rule, arrivals.shape[1]
        return t

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        s, order, offset, weight, t, slope, last = ctx.saved_tensors
        response: Response = ctx.rule.response
        moves = last >= 0
        common = torch.where(moves, -grad_outputs[0] / slope, 0.0)
        f, g = (common * part for part in response.readout(torch.where(moves, t, 0.0)))
        wanted = ctx.needs_input_grad[:2]
        way = crossing_kernel if s.device.type == "cpu" else crossing_blocks
        grad_s, grad_weight = way.gradients(
            s, order + offset[:, None], weight, f, g, last, response, ctx.rule.window, *wanted
        )
        grad_arrivals = s.new_zeros(len(s), ctx.inputs).scatter_(1, order, grad_s)
        return grad_arrivals, grad_weight, None, None


def _active(arrivals: Tensor, window: float) -> tuple[Tensor, Tensor]:
    """The times of the inputs that spike in the window, sorted, and which inputs they are.

    Rows with fewer of them than others are filled up with the window's end.
    """
    count = int((arrivals < window).sum(1).max()) if arrivals.numel() else 0
    s, order = arrivals.sort(1)
    return s[:, :count].clamp_max(window), order[:, :count].contiguous()
