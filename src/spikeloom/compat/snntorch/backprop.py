"""One epoch of training by truncated or full backpropagation through time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from spikeloom.compat.snntorch import utils
from spikeloom.compat.snntorch.functional.loss import ce_max_membrane_loss, mse_membrane_loss

Data = Iterable[tuple[Tensor, Tensor]]
Criterion = Callable[[Tensor, Tensor], Tensor]


def TBPTT(
    net: nn.Module, dataloader: Data, optimizer: Optimizer, criterion: Criterion,
    num_steps: Any = False, time_var: bool = True, time_first: bool = True,
    regularization: Any = False, device: Any = "cpu", K: Any = 1,
) -> Tensor:  # fmt: skip
    """Train for one epoch, with a step of the optimizer after every `K` time steps.

    Args:
        net: Takes one time step, keeps its state (`init_hidden=True`), and returns spikes and the
            states of its last layer, the membrane last.
        dataloader: Batches of data and targets.
        optimizer: Of the network's parameters.
        criterion: A loss of spikes and targets; `mse_membrane_loss` and `ce_max_membrane_loss` are
            given membranes.
        num_steps: Number of time steps, for data that does not change over time.
        time_var: Whether data changes over time.
        time_first: Whether its first axis is time, else its second.
        regularization: Another loss, of spikes alone, or False.
        device: Where to train.
        K: Time steps through which gradients flow back; False for all.

    Returns:
        The mean loss.

    Raises:
        ValueError: If the number of time steps is missing, given twice, or below `K`.
    """
    if bool(num_steps) == time_var or (num_steps and K and num_steps < K):
        raise ValueError(
            f"TBPTT got num_steps={num_steps!r}, time_var={time_var}, K={K!r}: data that changes "
            "over time brings its steps, other data is given them, at least K. Pass time_var=True, "
            "or time_var=False and num_steps=25."
        )
    on_membrane = isinstance(criterion, mse_membrane_loss | ce_max_membrane_loss)
    moving_target = getattr(criterion, "time_var_targets", False)
    net = net.to(device)
    losses = []
    for data, targets in dataloader:
        net.train()
        data, targets = data.to(device), targets.to(device)
        x = data.expand(num_steps, *data.shape) if not time_var else data
        x = x if time_first or not time_var else x.transpose(0, 1)
        utils.reset(net)
        total = x.new_zeros(())
        for start in range(0, len(x), K or len(x)):
            stop = min(start + (K or len(x)), len(x))
            outs = [net(x_t) for x_t in x[start:stop]]
            spikes, membranes = (torch.stack([out[i] for out in outs]) for i in (0, -1))
            goal = targets[start:stop] if moving_target else targets
            loss = criterion(membranes if on_membrane else spikes, goal).sum()
            if regularization:
                loss = loss + regularization(spikes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            utils.detach(net)
            total += loss.detach() * (stop - start) / len(x)
        losses.append(total)
    return torch.stack(losses).mean()


def BPTT(
    net: nn.Module, dataloader: Data, optimizer: Optimizer, criterion: Criterion,
    num_steps: Any = False, time_var: bool = True, time_first: bool = True,
    regularization: Any = False, device: Any = "cpu",
) -> Tensor:  # fmt: skip
    """As `TBPTT`, with gradients through all time steps."""
    how = num_steps, time_var, time_first, regularization, device
    return TBPTT(net, dataloader, optimizer, criterion, *how, K=False)


def RTRL(
    net: nn.Module, dataloader: Data, optimizer: Optimizer, criterion: Criterion,
    num_steps: Any = False, time_var: bool = True, time_first: bool = True,
    regularization: Any = False, device: Any = "cpu",
) -> Tensor:  # fmt: skip
    """As `TBPTT` with `K=1`, which is what snnTorch calls RTRL; see `sl.train.online.RTRL`."""
    how = num_steps, time_var, time_first, regularization, device
    return TBPTT(net, dataloader, optimizer, criterion, *how, K=1)
