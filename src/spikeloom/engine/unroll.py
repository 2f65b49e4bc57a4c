r"""`unroll`: any step over time, on the fastest backend that can run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from spikeloom.engine import backends
from spikeloom.engine.saved import Saved

Step = Callable[..., tuple[Tensor, ...]]


def unroll(
    step: Step,
    x: Tensor | tuple[Tensor, ...],
    state: Sequence[Tensor] = (),
    params: Sequence[Tensor] = (),
    *,
    backend: str = "auto",
    saved: Saved = "exact",
) -> tuple[Any, tuple[Tensor, ...]]:
    r"""Run a step function over time.

    $$ (o_t, z_t) = \text{step}(x_t, z_{t-1}, p), \qquad t = 1 \dots T $$

    Args:
        step: A pure function of one neuron and one time step,
            `step(*inputs, *state, *params) -> (*outputs, *new_state)`, in pointwise PyTorch. The
            last `len(state)` values returned are the new state. No randomness inside (pass noise as
            an input), and no closed-over tensor that needs a gradient (pass it as a parameter).
        x: Input `[T, *shape]`, or a tuple of inputs that broadcast to one such shape.
        state: Initial state, each broadcastable to `shape`.
        params: Parameters, each broadcastable to `shape`.
        backend: `"auto"` takes the fastest that can run this step; `"reference"` is the plain loop,
            `"cpu"` the compiled kernel.
        saved: How values are kept for the backward pass: `"exact"`, or `"bfloat16"` for half the
            memory. Outputs and state stay exact; a gradient changes by some tenths of a percent.

    Returns:
        The outputs, `[T, *shape]` in the dtype of `x` (a tensor, or a tuple if the step has
        several), and the final state, a tuple. half and bfloat16 inputs are computed, and their
        state kept, in float32.

    Raises:
        TypeError: If an input is not a floating-point tensor, or the step does not return tensors.
        ValueError: If shapes do not broadcast, the step draws random numbers or closes over a
            tensor that needs a gradient, or the backend is unknown.
        BackendError: If a backend asked for by name cannot run this step.

    Example:
        >>> def leaky(x, v, beta):
        ...     v = beta * v + x
        ...     return v, v
        >>> x = torch.ones(3, 1, 2)
        >>> out, (v,) = unroll(leaky, x, (torch.zeros(()),), (torch.tensor(0.5),))
        >>> out[:, 0, 0].tolist(), tuple(v.shape)
        ([1.0, 1.5, 1.75], (1, 2))
    """
    xs = x if isinstance(x, tuple) else (x,)
    first = check_sequence("unroll", xs, axes=1)
    dtype = compute_dtype(first.dtype)
    shape = first.shape[1:]
    if len(xs) > 1 and any(other.shape != first.shape for other in xs):
        xs = broadcast(xs)
        shape = xs[0].shape[1:]
    state = tuple(_fit("state", i, s, shape, dtype) for i, s in enumerate(state))
    params = tuple(_fit("params", i, p, shape, dtype, expand=False) for i, p in enumerate(params))
    outs, after = backends.run(backends.Call(step, xs, state, params, dtype, saved), backend)
    return (outs[0] if len(outs) == 1 else outs), after


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype in which a neuron computes: float32 for the half formats, else the input's."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def check_sequence(owner: str, xs: Sequence[Any], axes: int = 3) -> Tensor:
    """Raise unless every input is a floating-point tensor with time first; return the first.

    Args:
        owner: Who asks, for the message.
        xs: The inputs.
        axes: The least number of axes: 3 for a layer, whose input is `[T, B, ...]`.
    """
    for x in xs:
        if not isinstance(x, Tensor):
            kind = type(x).__name__
            raise TypeError(
                f"{owner} got x of type {kind}: it needs a tensor [T, B, ...]. Convert it with "
                "torch.as_tensor; networks and neurons return (out, state): pass out alone."
            )
        if not x.is_floating_point():
            raise TypeError(
                f"{owner} got x of dtype {x.dtype}: a membrane is a real number and its gradient "
                f"needs floating point. Convert it: x.float()."
            )
        if x.ndim < axes:
            raise ValueError(
                f"{owner} got x of shape {tuple(x.shape)}, which has no time axis: it needs "
                "[T, B, ...]. For a constant input use sl.encode.constant(x, steps=25); for a "
                "single sample add the batch axis, x[:, None]."
            )
    if any(x.dtype != xs[0].dtype or x.device != xs[0].device for x in xs[1:]):
        kinds = ", ".join(f"{x.dtype} on {x.device}" for x in xs)
        raise TypeError(
            f"{owner} got inputs of different kinds ({kinds}): one kernel reads them together. "
            "Convert them to one dtype and device."
        )
    return xs[0]


def broadcast(xs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Several inputs, expanded to one shape."""
    try:
        return torch.broadcast_tensors(*xs)
    except RuntimeError as error:
        shapes = ", ".join(str(tuple(x.shape)) for x in xs)
        raise ValueError(
            f"got inputs of shapes {shapes}: they do not broadcast to one [T, *shape]. "
            "Give all inputs the same number of steps and matching shapes."
        ) from error


def _fit(
    what: str,
    index: int,
    value: Any,
    shape: torch.Size,
    dtype: torch.dtype,
    *,
    expand: bool = True,
) -> Tensor:
    """A state (expanded to `shape`) or a parameter (left as it is), in the computing dtype."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"unroll got {what}[{index}] of type {type(value).__name__}: values that take part in "
            f"the step are tensors. Pass torch.tensor({value!r})."
        )
    if value.dtype != dtype:
        if not value.is_floating_point():
            raise TypeError(
                f"unroll got {what}[{index}] of dtype {value.dtype}: the step computes in {dtype}. "
                "Convert it with .float()."
            )
        value = value.to(dtype)
    if value.shape == shape or (not expand and value.numel() == 1 and value.ndim <= len(shape)):
        return value
    lead = len(shape) - value.ndim
    fits = lead >= 0 and all(v in (1, s) for v, s in zip(value.shape, shape[lead:], strict=True))
    if not fits:
        raise ValueError(
            f"unroll got {what}[{index}] of shape {tuple(value.shape)} for steps of shape "
            f"{tuple(shape)}: it does not broadcast. Reshape it, or take a state of this batch."
        )
    return value.expand(shape) if expand else value
