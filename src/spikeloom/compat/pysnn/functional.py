"""PySNN's update equations, one time step each; as there, they change their first argument."""

from __future__ import annotations

from torch import Tensor

Number = Tensor | float


def exponential_trace_update(
    trace: Tensor, x: Tensor, alpha_t: Number, tau_t: Number, dt: Number
) -> Tensor:
    r"""Trace after one step: $z \leftarrow z + \frac{dt}{\tau}\,(-z + \alpha x)$.

    Args:
        trace: $z$, changed in place.
        x: Spikes of the step, 0 or 1.
        alpha_t: $\alpha$, what a spike is worth.
        tau_t: $\tau$, in the unit of `dt`.
        dt: Length of a step.

    Returns:
        `trace`, after the step.

    Example:
        >>> import torch
        >>> exponential_trace_update(torch.ones(2), torch.tensor([0.0, 1.0]), 2.0, 4.0, 1.0)
        tensor([0.7500, 1.2500])
    """
    return trace.add_((dt / tau_t) * (alpha_t * x - trace))


def linear_trace_update(
    trace: Tensor, x: Tensor, alpha_t: Number, trace_decay: Number, dt: Number
) -> Tensor:
    r"""Trace after one step: $z \leftarrow \lambda z + \alpha x$.

    Args:
        trace: $z$, changed in place.
        x: Spikes of the step, 0 or 1.
        alpha_t: $\alpha$, what a spike is worth.
        trace_decay: $\lambda$ in [0, 1], per step.
        dt: Not used, since the decay is per step.

    Returns:
        The same tensor.

    Example:
        >>> import torch
        >>> linear_trace_update(torch.ones(2), torch.tensor([0.0, 1.0]), 2.0, 0.5, 1.0)
        tensor([0.5000, 2.5000])
    """
    return trace.mul_(trace_decay).add_(alpha_t * x)


def exponential_thresh_update(
    thresh: Tensor, x: Tensor, alpha_thresh: Number, tau_thresh: Number, dt: Number
) -> Tensor:
    """What `exponential_trace_update` computes, of a threshold above its rest."""
    return exponential_trace_update(thresh, x, alpha_thresh, tau_thresh, dt)


def linear_thresh_update(
    thresh: Tensor, x: Tensor, alpha_thresh: Number, thresh_decay: Number, dt: Number
) -> Tensor:
    """What `linear_trace_update` computes, of a threshold above its rest."""
    return linear_trace_update(thresh, x, alpha_thresh, thresh_decay, dt)


def if_voltage_update(v_cur: Tensor, v_in: Tensor, alpha: Number, refrac_counts: Tensor) -> Tensor:
    r"""Voltage of a neuron without a leak: $v \leftarrow v + \alpha I$, unless it is refractory.

    Args:
        v_cur: $v$, changed in place.
        v_in: $I$, the sum of what arrives.
        alpha: $\alpha$.
        refrac_counts: Steps that are left of the refractory period; 0 is none.

    Returns:
        `v_cur`.
    """
    return v_cur.add_(alpha * v_in * (refrac_counts == 0))


def lif_linear_voltage_update(
    v_cur: Tensor, v_rest: Number, v_in: Tensor, alpha_v: Number, v_decay: Number, dt: Number,
    refrac_counts: Tensor,
) -> Tensor:  # fmt: skip
    r"""Leaky voltage: $v \leftarrow v_0 + \lambda (v - v_0) + \alpha I$; $v_0$ while refractory.

    Args:
        v_cur: $v$, changed in place.
        v_rest: $v_0$.
        v_in: $I$, the sum of what arrives.
        alpha_v: $\alpha$.
        v_decay: $\lambda$ in [0, 1], per step.
        dt: Not used: the decay is per step.
        refrac_counts: Steps that are left of the refractory period; 0 is none.

    Returns:
        `v_cur`, after the step.

    Example:
        >>> import torch
        >>> v, free = torch.tensor([-60.0]), torch.zeros(1)
        >>> lif_linear_voltage_update(v, -70.0, torch.tensor([3.0]), 2.0, 0.5, 1.0, free)
        tensor([-59.])
    """
    v_cur.sub_(v_rest).mul_(v_decay).add_(alpha_v * v_in)
    return v_cur.mul_(refrac_counts == 0).add_(v_rest)


def lif_exponential_voltage_update(
    v_cur: Tensor, v_rest: Number, v_in: Tensor, alpha_v: Number, tau_v: Number, dt: Number,
    refrac_counts: Tensor,
) -> Tensor:  # fmt: skip
    r"""Leaky voltage: $v \leftarrow v + \frac{dt}{\tau} (-(v - v_0) + \alpha I)$ unless refractory.

    Args:
        v_cur: $v$, changed in place.
        v_rest: $v_0$.
        v_in: $I$, the sum of what arrives.
        alpha_v: $\alpha$.
        tau_v: $\tau$, in the unit of `dt`.
        dt: Length of a step.
        refrac_counts: Steps that are left of the refractory period; 0 is none.

    Returns:
        The same tensor, changed.
    """
    change = (dt / tau_v) * (alpha_v * v_in - (v_cur - v_rest))
    return v_cur.add_(change * (refrac_counts == 0))


def fede_voltage_update(
    v_cur: Tensor, v_rest: Number, v_in: Tensor, alpha_v: Number, tau_v: Number, dt: Number,
    refrac_counts: Tensor,
    pre_trace: Tensor,
) -> Tensor:  # fmt: skip
    r"""As `lif_exponential_voltage_update`, with $I = \sum_r (I_r - z_r)$ over the synapses.

    Args:
        v_cur: $v$ `[...]`, changed in place.
        v_rest: $v_0$.
        v_in: $I_r$, what arrives at every synapse, `[..., R]`.
        alpha_v: $\alpha$.
        tau_v: $\tau$, in the unit of `dt`.
        dt: Length of a step.
        refrac_counts: Steps that are left of the refractory period; 0 is none.
        pre_trace: $z_r$, the trace of every synapse, `[..., R]`.

    Returns:
        The changed voltage.

    References:
        Paredes-Valles, Scheper & de Croon (2020), doi:10.1109/TPAMI.2019.2903179, eq. 3.
    """
    forcing = v_in.sum(-1) - pre_trace.sum(-1)
    return lif_exponential_voltage_update(v_cur, v_rest, forcing, alpha_v, tau_v, dt, refrac_counts)
