r"""LIF neurons that fire between time steps, so that their rate is exact on a coarse grid."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.custom import neuron
from spikeloom.neurons.parameters import Value


def substep_lif_step(
    x: Tensor, v: Tensor, wait: Tensor, tau_mem: Tensor, tau_ref: Tensor, dt: Tensor
) -> tuple[Tensor, ...]:
    r"""One step of `substep_lif`: `(x, v, wait, tau_mem, tau_ref, dt) -> (spike, v, wait)`."""
    gap = (x - v) * torch.exp(-torch.clamp(dt - wait, min=0.0) / tau_mem)
    v = x - gap
    fired = v >= 1.0
    # Since when the membrane has been above 1; v started below, so x is above where it fired.
    late = tau_mem * torch.log(torch.where(fired, (x - 1.0) / gap, 1.0))
    wait = torch.where(fired, tau_ref - late, torch.clamp(wait - dt, min=0.0))
    return torch.where(fired, 1.0, torch.zeros_like(x)), torch.where(fired, 0.0, v), wait


def substep_lif(tau_mem: Value = 20e-3, tau_ref: Value = 2e-3, *, dt: float = 1e-3) -> Neuron:
    r"""LIF neurons with a refractory period, both exact in continuous time.

    Between spikes the membrane relaxes towards the input, which is constant during a step:

    $$ v \leftarrow x + (v - x)\, e^{-d / \tau_{mem}}, \qquad d = \max(dt - w, 0) $$

    with w what is left of the refractory period. If v ends at 1 or above, it has been there for
    $\tau_{mem} \ln((x - 1) / (x - v))$; the neuron sends a spike, starts anew from 0, and waits for
    $\tau_{ref}$ less that time. What a period of less than a step leaves over is made up for in the
    next step. So under a constant input the rate is that of the equation,

    $$ r(x) = \frac{1}{\tau_{ref} + \tau_{mem} \ln(1 + 1 / (x - 1))} \quad (x > 1) $$

    as long as it is less than a spike per step, where a neuron that can only fire, and recover, at
    the ends of steps is off by up to 1 / (r dt) percent points of it.

    Args:
        tau_mem: Membrane time constant, seconds.
        tau_ref: Refractory period, seconds, at least 0.
        dt: Time step, seconds.

    Returns:
        A neuron: input in units of the threshold, `[T, B, ...]`; spikes, and the state
        `(v, wait)`, `[B, ...]` each.

    Raises:
        ValueError: If a time is out of range.

    References:
        Hunsberger & Eliasmith (2015), "Spiking deep networks with LIF neurons", arXiv:1510.08829,
        eq. 1-4.

    Example:
        >>> x = torch.full((1000, 1, 1), 2.0)  # a second
        >>> spikes, _ = substep_lif(tau_mem=20e-3, tau_ref=2e-3)(x)
        >>> int(spikes.sum()), round(1 / (2e-3 + 20e-3 * 0.6931), 1)
        (63, 63.0)
    """
    for name, value in (("tau_mem", tau_mem), ("tau_ref", tau_ref), ("dt", dt)):
        least = torch.as_tensor(value).min()
        if not (least > 0 or (name == "tau_ref" and least == 0)):
            raise ValueError(
                f"substep_lif got {name}={value!r}: it is a time in seconds above 0 (tau_ref may "
                "be 0). Pass, for example, tau_mem=20e-3, tau_ref=2e-3, dt=1e-3."
            )
    return neuron(
        substep_lif_step,
        params={"tau_mem": tau_mem, "tau_ref": tau_ref, "dt": dt},
        state=("v", "wait"),
        outputs="spike",
    )
