r"""Victor and Purpura's distance of spike times: the cheapest way from one list to another."""

from __future__ import annotations

import torch
from torch import Tensor


def edit_distances(times: Tensor, target: Tensor, cost: float) -> Tensor:
    r"""Distance of every pair of lists, with its gradient in both.

    $$ G_{k,0} = k, \quad G_{0,l} = l, \qquad
       G_{k,l} = \min \big( G_{k-1,l} + 1,\ G_{k,l-1} + 1,\ G_{k-1,l-1} + q\,|t_k - \hat t_l| \big)
    $$

    row by row, for all pairs at once: within a row, $\min_{m \le l} c_m + (l - m)$ is a cumulative
    minimum.

    Args:
        times: $t$ in seconds, in rising order, infinite after the last one, `[..., K]`.
        target: $\hat t$, the same with `[..., L]`.
        cost: $q$, per second.

    Returns:
        $G_{K,L}$ of the finite parts, `[...]`.
    """
    return matched_distances(move_costs(times, target, cost), times, target)


def move_costs(times: Tensor, target: Tensor, cost: float) -> Tensor:
    r"""$q\,|t_k - \hat t_l|$, `[..., K, L]`; 0 where there is no pair of spikes."""
    t, s = (torch.where(x.isfinite(), x, 0.0) for x in (times, target))
    return cost * (t[..., :, None] - s[..., None, :]).abs()


def matched_distances(move: Tensor, times: Tensor, target: Tensor) -> Tensor:
    """The distance from what each pair of spikes costs to move.

    Its gradient in `move` says which spikes are moved onto which: 1 there, 0 elsewhere.

    Args:
        move: `[..., K, L]`.
        times: `[..., K]`, as in `edit_distances`; only which are finite matters.
        target: `[..., L]`, likewise.

    Returns:
        `[...]`.
    """
    have, want = (x.isfinite().sum(-1, keepdim=True) for x in (times, target))
    column = torch.arange(target.shape[-1] + 1, dtype=move.dtype, device=move.device)
    row = column.expand(*have.shape[:-1], -1)
    rows = [row]
    for k in range(times.shape[-1]):
        best = torch.minimum(row[..., 1:] + 1, row[..., :-1] + move[..., k, :])
        best = torch.cat((row[..., :1] + 1, best), -1)
        row = torch.cummin(best - column, -1).values + column
        rows.append(row)
    last = torch.stack(rows, -2).gather(-2, have[..., None].expand(*have.shape, row.shape[-1]))
    return last.squeeze(-2).gather(-1, want).squeeze(-1)
