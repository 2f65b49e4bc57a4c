r"""Victor-Purpura distance of exact spike times."""

from __future__ import annotations

from torch import Tensor

from spikeloom.loss.edit_distance import edit_distances
from spikeloom.loss.reduction import Reduction, reduced
from spikeloom.loss.victor_purpura import check_cost


def victor_purpura(
    times: Tensor, targets: Tensor, *, cost: float = 100.0, reduction: Reduction = "mean"
) -> Tensor:
    r"""The cheapest way from spike trains to target trains, in exact times.

    Taking out or putting in a spike costs 1, moving one by $\Delta$ costs $q\,|\Delta|$. The
    gradient, $\pm q$ for a spike that is moved and 0 for one that is taken out, is exact.

    Args:
        times: Seconds in rising order, infinite after the last spike, `[..., K]`: what
            `Events.times()` returns.
        targets: The same, `[..., L]`.
        cost: $q$ >= 0, per second.
        reduction: `"mean"` or `"sum"` over the trains, or `"none"`: `[...]`.

    Returns:
        The distance, in the dtype of `times`.

    Raises:
        ValueError: If the leading shapes differ, a list is not in order, or an option is wrong.

    References:
        Victor & Purpura (1996), doi:10.1152/jn.1996.76.2.1310.

    Example:
        >>> import torch
        >>> times = torch.tensor([[2e-3, 8e-3, 30e-3]], requires_grad=True)
        >>> victor_purpura(times, torch.tensor([[3e-3, 31e-3]]))  # moved twice by 1 ms, one gone
        tensor(1.2000, grad_fn=...)
    """
    name = "sl.spiketime.victor_purpura"
    check_cost(name, cost)
    if times.shape[:-1] != targets.shape[:-1] or 0 in (times.ndim, targets.ndim):
        raise ValueError(
            f"{name} got times of shape {tuple(times.shape)} and targets of shape "
            f"{tuple(targets.shape)}: but for the last axis, the spikes, they have to agree. Use "
            "Events.times() for both."
        )
    for what, x in (("times", times), ("targets", targets)):
        # NaN compares false, so that it is found here too.
        if not bool((x[..., 1:] >= x[..., :-1]).all()):
            raise ValueError(
                f"{name} got {what} that are not in rising order, or NaN: the distance goes "
                f"through them one by one. Sort them: {what}.sort(-1).values."
            )
    return reduced(name, edit_distances(times, targets.to(times), cost), reduction)
