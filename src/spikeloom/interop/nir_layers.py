"""One NIR node as one torch module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom.discretise import steps_of
from spikeloom.interop.nir_neurons import NirFiring, NirNeuron
from spikeloom.interop.nir_parts import Node
from spikeloom.interop.nir_semantics import Semantics
from spikeloom.nn.delay import Delay
from spikeloom.nn.scale import Scale
from spikeloom.nn.sum_pool import SumPool2d
from spikeloom.surrogate import Surrogate

_LONGEST = 1_000_000


def layer_of(
    node: Node,
    semantics: Semantics,
    *,
    surrogate: Surrogate,
    learn: Iterable[str],
    dtype: torch.dtype,
    early: bool = False,
) -> nn.Module:
    """The module that computes a node over `[T, B, ...]` (a neuron, a delay) or `[N, ...]`.

    Args:
        node: Any but an Input.
        semantics: How its equation becomes steps.
        surrogate: Gradient of its spikes.
        learn: Names of the neurons' parameters to learn.
        dtype: Of weights and parameters.
        early: For a Delay: take off the step that the edge to it already waits.

    Returns:
        The module, its weights as parameters.

    Raises:
        ValueError: If Euler's method does not work for a time constant.
    """
    v = node.values
    if node.kind in ("Affine", "Linear"):
        return _matrix(v["weight"], v.get("bias"), dtype)
    if node.kind == "Scale":
        return Scale(_tensor(v["scale"], dtype))
    if node.kind == "Flatten":
        last = v["end_dim"]
        if node.input_shape is not None and len(node.input_shape) == v["start_dim"]:
            return nn.Identity()  # start_dim=1 of a flat input
        first = v["start_dim"]
        return nn.Flatten(first if first < 0 else first + 1, last if last < 0 else last + 1)
    if node.kind in ("Conv1d", "Conv2d"):
        return _convolution(node.kind, v, dtype)
    if node.kind == "SumPool2d":
        return SumPool2d(v["kernel_size"], v["stride"], v["padding"])
    if node.kind == "AvgPool2d":
        return nn.AvgPool2d(v["kernel_size"], v["stride"], v["padding"])
    if node.kind == "Delay":
        seconds = v["delay"].astype(np.float64) - (semantics.dt if early else 0.0)
        if seconds.max() > _LONGEST * semantics.dt:
            raise ValueError(
                f"the NIR Delay {node.name!r} has delay={seconds.max():g} s, more than {_LONGEST} "
                f"steps of dt={semantics.dt:g} s, and every one would be kept in memory. Times in "
                "milliseconds? Then dt counts milliseconds too."
            )
        steps = steps_of(_tensor(seconds.clip(min=0.0), torch.float64), semantics.dt)
        return Delay(delay=steps.to(dtype))
    return neuron_of(node, semantics, surrogate=surrogate, learn=learn, dtype=dtype)


def neuron_of(
    node: Node,
    semantics: Semantics,
    *,
    surrogate: Surrogate,
    learn: Iterable[str],
    dtype: torch.dtype,
) -> NirNeuron:
    """A neuron node as a module; the arithmetic of its parameters is float64."""
    kind, dt = node.kind, semantics.dt
    p = {name: value.astype(np.float64) for name, value in node.values.items()}
    values: dict[str, np.ndarray] = {}
    coupled = kind.startswith("Cuba") and semantics.method == "exact"
    if kind in ("I", "IF"):
        values["gain"] = dt * p["r"]
    elif kind in ("LI", "LIF"):
        values["beta"], share = _decay(node, "tau", semantics)
        values["gain"], values["leak"] = share * p["r"], share * p["v_leak"]
    elif kind != "Threshold":
        values["alpha"], alpha_share = _decay(node, "tau_syn", semantics)
        values["weight"] = alpha_share * p["w_in"]
        values["beta"], share = _decay(node, "tau_mem", semantics)
        if coupled:
            part = shared_current(p["tau_syn"], p["tau_mem"], dt)
            values["old_gain"] = p["r"] * part
            values["input_gain"] = p["r"] * p["w_in"] * (share - part)
        else:
            values["gain"] = share * p["r"]
        values["leak"] = share * p["v_leak"]
    for ours, theirs in _THRESHOLDS[kind]:
        values[ours] = p[theirs]
    firing = NirFiring(semantics.reset, semantics.fire, semantics.height, surrogate)
    tensors = {name: _tensor(_shared_axes(value), dtype) for name, value in values.items()}
    # Six numbers of a coupled step come from five of NIR: learned apart, they would fit none.
    free = [n for n in learn if not coupled or n in ("leak", "threshold", "v_reset")]
    layer = NirNeuron(kind, tensors, firing, coupled=coupled, learn=free)
    if coupled:  # what the step's parameters alone do not give back in all digits
        for name in ("tau_syn", "tau_mem", "r", "w_in"):
            layer.register_buffer(name, _tensor(_shared_axes(p[name]), torch.float64))
        layer.coupled_dt = dt
    return layer


_SPIKING = (("threshold", "v_threshold"), ("v_reset", "v_reset"))
_THRESHOLDS: dict[str, tuple[tuple[str, str], ...]] = {
    "I": (), "LI": (), "CubaLI": (), "IF": _SPIKING, "LIF": _SPIKING, "CubaLIF": _SPIKING,
    "Threshold": (("threshold", "threshold"),),
}  # fmt: skip


def shared_current(tau_syn: np.ndarray, tau_mem: np.ndarray, dt: float) -> np.ndarray:
    r"""The membrane after a step, for a unit of current that decays from its start.

    $$ c = \frac{\tau_{syn}}{\tau_{syn} - \tau_{mem}} (e^{-dt/\tau_{syn}} - e^{-dt/\tau_{mem}})
         = \frac{dt}{\tau_{mem}} e^{-dt/\tau_{mem}}\,\frac{e^\delta - 1}{\delta}, \qquad
       \delta = \frac{dt}{\tau_{mem}} - \frac{dt}{\tau_{syn}} $$

    The second form is computed: it holds where the two are equal.
    """
    delta = dt / tau_mem - dt / tau_syn
    safe = np.where(delta == 0, 1.0, delta)
    # Scaled by the slower of the two decays, so that nothing overflows.
    slow = np.exp(-dt / np.maximum(tau_syn, tau_mem))
    rise = -np.expm1(-np.abs(safe)) / np.abs(safe)
    return dt / tau_mem * slow * np.where(delta == 0, 1.0, rise)


def _decay(node: Node, name: str, semantics: Semantics) -> tuple[np.ndarray, np.ndarray]:
    """What remains of a quantity after a step, and what is replaced."""
    tau, dt = node.values[name].astype(np.float64), semantics.dt
    if semantics.method != "euler":
        return np.exp(-dt / tau), -np.expm1(-dt / tau)
    if tau.min() < dt * (1 - 1e-12):
        raise ValueError(
            f"the NIR {node.kind} {node.name!r} has {name}={tau.min():g} s, shorter than dt={dt:g} "
            "s: Euler's decay 1 - dt / tau is negative there, and the membrane swings around its "
            f'goal. Pass dt <= {tau.min():g}, or method="exponential". (Time constants in '
            "milliseconds? Then dt counts milliseconds too.)"
        )
    share = np.minimum(dt / tau, 1.0)
    return 1.0 - share, share


def _shared_axes(value: np.ndarray) -> np.ndarray:
    """Keep an axis along which all values agree once; a single value becomes a number."""
    for axis in range(value.ndim):
        first = value.take([0], axis)
        if (value == first).all():
            value = first
    return value.reshape(()) if value.size == 1 else value


def _tensor(value: np.ndarray, dtype: torch.dtype) -> Tensor:
    return torch.tensor(np.ascontiguousarray(value).reshape(value.shape), dtype=dtype)


def _matrix(weight: np.ndarray, bias: np.ndarray | None, dtype: torch.dtype) -> nn.Module:
    if weight.ndim > 2:
        return Matrices(_tensor(weight, dtype), None if bias is None else _tensor(bias, dtype))
    outs, ins = weight.shape
    layer = nn.Linear(ins, outs, bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(_tensor(weight, dtype))
    if bias is not None:
        layer.bias = nn.Parameter(_tensor(bias, dtype))
    return layer


def _convolution(kind: str, v: Mapping[str, Any], dtype: torch.dtype) -> nn.Module:
    outs, ins, *kernel = v["weight"].shape
    make = nn.Conv1d if kind == "Conv1d" else nn.Conv2d
    layer = make(
        ins * v["groups"],
        outs,
        tuple(kernel),  # type: ignore[arg-type]
        stride=v["stride"],
        padding=v["padding"],
        dilation=v["dilation"],
        groups=v["groups"],
        device="meta",
    )
    layer.weight = nn.Parameter(_tensor(v["weight"], dtype))
    layer.bias = nn.Parameter(_tensor(v["bias"], dtype))
    return layer


@final
class Matrices(nn.Module):
    r"""A matrix for every position: an Affine or Linear of NIR whose weight has leading axes.

    $$ y_{\dots o} = \sum_i W_{\dots o i}\, x_{\dots i} + b_{\dots o} $$

    Args:
        weight: $W$, `[..., out, in]`.
        bias: $b$, `[..., out]` or `[out]`; None adds nothing.

    Shape:
        Input `[N, ..., in]`; output `[N, ..., out]`.

    Example:
        >>> layer = Matrices(torch.tensor([[[2.0]], [[3.0]]]))
        >>> layer(torch.ones(1, 2, 1)).tolist()
        [[[2.0], [3.0]]]
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply `x[N, ..., in]`."""
        if x.ndim < self.weight.ndim or x.shape[-1] != self.weight.shape[-1]:
            raise ValueError(
                f"Matrices got x of shape {tuple(x.shape)}: its weight of shape "
                f"{tuple(self.weight.shape)} takes [N, ..., {self.weight.shape[-1]}]."
            )
        y = (self.weight @ x.unsqueeze(-1)).squeeze(-1)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """The shape of the weight."""
        return f"{list(self.weight.shape)}, bias={self.bias is not None}"
