"""The scan for first crossings in torch operations, events in blocks: for devices of any kind."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.spiketime.response import Response

# Numbers per block of events: what two sums of them take fits into a processor's cache.
_BLOCK = 2**18


def scan(
    s: Tensor, index: Tensor, weight: Tensor, response: Response, threshold: float, window: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Find the interval of the first crossing.

    Args:
        s: Times of the arrivals in order, `[R, N]`, float64; fillers lie at the window's end.
        index: Their rows of weights, `[R, N]`.
        weight: `[M, O]`, float64.
        response: The potential of one arrival.
        threshold: Above 0.
        window: Nothing happens after.

    Returns:
        The two sums there, its ends, and the number of its first event, -1 if there is none; all
        `[R, O]`.
    """
    shape = (len(s), 1, weight.shape[1])
    sums, found = s.new_zeros(2, *shape), s.new_zeros(4, *shape)
    last = index.new_full(shape, -1)
    end = s.new_full((len(s), 1), window)
    after = torch.cat([s[:, 1:], end], 1)
    for n in _blocks(s.shape[1], last.numel()):
        low, high = s[:, n, None], after[:, n, None]
        rows = weight[index[:, n]]
        p, q = response.basis(low)
        # Fillers lie at the window's end, where intervals have no length: they cannot cross.
        a, b = (
            (rows * part).cumsum_(1).add_(before) for part, before in zip((p, q), sums, strict=True)
        )
        hit = response.reaches(a, b, low, high, threshold).logical_and_(low < high)
        # Of equal maxima torch.max names the first; argmax, which does too, is ten times slower.
        any_, first = hit.view(torch.uint8).max(1, keepdim=True)
        new = any_.view(torch.bool).logical_and(last < 0)
        at = first.squeeze(1)
        here = (
            a.gather(1, first),
            b.gather(1, first),
            low.squeeze(2).gather(1, at)[:, None],
            high.squeeze(2).gather(1, at)[:, None],
        )
        found = torch.where(new, torch.stack(here), found)
        last = torch.where(new, first + n.start, last)
        if bool((last >= 0).all()):
            break
        sums = torch.stack((a[:, -1:], b[:, -1:]))
    a, b, low, high = found.squeeze(2)
    return a, b, low, high, last.squeeze(1)


def gradients(
    s: Tensor,
    index: Tensor,
    weight: Tensor,
    f: Tensor,
    g: Tensor,
    last: Tensor,
    response: Response,
    window: float,
    times: bool,
    weights: bool,
) -> tuple[Tensor, Tensor]:
    """Pull the gradients of the crossings back to arrivals and weights.

    Args:
        s: As in `scan`.
        index: Likewise.
        weight: Likewise.
        f: Gradient by the first running sum at each crossing, `[R, O]`.
        g: By the second one.
        last: Number of the last event before each crossing, `[R, O]`; -1 for none.
        response: The potential of one arrival.
        window: Nothing happens after.
        times: Whether the gradient of `s` is wanted; else it is 0.
        weights: Whether that of `weight` is.

    Returns:
        Gradients of `s` and of `weight`.
    """
    grad_s, grad_weight = torch.zeros_like(s), torch.zeros_like(weight)
    events = min(int(last.max()) + 1 if last.numel() else 0, s.shape[1])
    f, g = f.unsqueeze(1), g.unsqueeze(1)
    for n in _blocks(events, last.numel()):
        part = s[:, n, None]
        acts = (torch.arange(n.start, n.stop, device=s.device)[:, None] <= last[:, None]) * (
            part < window
        )
        p, q = response.basis(part)
        if weights:
            rows = (f * p).addcmul_(g, q).mul_(acts)
            grad_weight.index_add_(0, index[:, n].flatten(), rows.flatten(0, 1))
        if times:
            rows = weight[index[:, n]].mul_(acts)
            dp, dq = (d.squeeze(2) for d in response.basis_slope(part))
            to_f, to_g = (torch.bmm(rows, c.transpose(1, 2)).squeeze(2) for c in (f, g))
            grad_s[:, n] = dp * to_f + dq * to_g
    return grad_s, grad_weight


def _blocks(events: int, width: int) -> list[slice]:
    """Cut a number of events, each of `width` numbers."""
    size = max(8, _BLOCK // max(width, 1))
    return [slice(n, min(n + size, events)) for n in range(0, events, size)]
