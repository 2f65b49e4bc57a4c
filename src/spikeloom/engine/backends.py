"""Who can run a step, and the reason why not.

A backend is a function that tells why it cannot run a call (None if it can), and a driver that
calls its kernels. `"auto"` takes the first that can.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.engine import cpu, fused, private, reference, triton
from spikeloom.engine.llvm_loops import Layout
from spikeloom.engine.plan import Need
from spikeloom.engine.program import Executable, Program, Signature, program
from spikeloom.engine.saved import Saved, check_saved, saving
from spikeloom.engine.trace import CannotFuse, check_pure

Step = Callable[..., tuple[Tensor, ...]]
Result = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]
_CPU: fused.Driver = cpu
_GPU: fused.Driver = triton


class FallbackWarning(UserWarning):
    """A step cannot be compiled and runs on the reference loop, correct but slower."""


class BackendError(RuntimeError):
    """A backend that was asked for by name cannot run this call."""


@dataclass(frozen=True)
class Call:
    """Everything about one call of `unroll`, checked and in order."""

    step: Step
    xs: Sequence[Tensor]
    state: Sequence[Tensor]
    params: Sequence[Tensor]
    dtype: torch.dtype
    saved: Saved = "exact"


_COMPUTES = (torch.float32, torch.float64)
_warned: set[object] = set()


def run(call: Call, backend: str) -> Result:
    """Run a call on the backend of that name, or on the fastest that can."""
    check_saved(call.saved)
    if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
        devices = {t.device for t in (*call.xs, *call.state, *call.params)}
        fits = len(devices) == 1 and call.xs[0].device.type in ("cpu", "cuda")
        if backend != "reference" and fits and call.dtype in _COMPUTES:
            from spikeloom.engine import opaque  # loads torch's compiler

            return opaque.run(
                call.step, None, call.xs, call.state, call.params, call.dtype, call.saved
            )
        return _reference(call)
    if backend != "auto":
        return _named(call, backend)
    if torch.compiler.is_exporting():
        return _reference(call)
    for why_not, driver in ((_why_not_cpu, _CPU), (_why_not_gpu, _GPU)):
        if why_not(call) is None:
            return _auto(call, driver)
    return _reference(call)


def _auto(call: Call, driver: fused.Driver) -> Result:
    here = program(call.step)
    try:
        return _fused(call, here, driver)
    except CannotFuse as reason:
        _warn_once(here, reason)
        return _checked_reference(call, here)


def _named(call: Call, backend: str) -> Result:
    check_name(backend)
    if backend == "reference":
        return _checked_reference(call, program(call.step))
    why_not, driver = (_why_not_cpu, _CPU) if backend == "cpu" else (_why_not_triton, _GPU)
    reason = why_not(call)
    if reason is None:
        try:
            return _fused(call, program(call.step), driver)
        except CannotFuse as error:
            reason = str(error)
    raise BackendError(
        f'backend="{backend}" cannot run {_name(call.step)}: {reason}. Use backend="auto", which '
        "falls back to the reference loop, or change what stands in the way."
    )


def check_name(backend: str) -> None:
    """Raise unless there is a backend of that name."""
    if backend not in ("auto", "reference", "cpu", "triton"):
        raise ValueError(
            f'got backend={backend!r}: there is no such backend. Use "auto", "reference" (the '
            'plain loop), "cpu" (compiled) or "triton" (compiled, for GPUs).'
        )


def why_not_cpu(dtype: torch.dtype, tensors: Iterable[Tensor]) -> str | None:
    """Why the compiled CPU backend cannot run on these tensors, computing in `dtype`."""
    for t in tensors:
        if t.device.type != "cpu":
            return f"a tensor lies on {t.device}"
        reason = _why_no_memory(t)
        if reason is not None:
            return reason
    return _why_no_kernel(dtype)


def why_not_triton(dtype: torch.dtype, tensors: Sequence[Tensor]) -> str | None:
    """Why the Triton backend cannot run on these tensors, computing in `dtype`."""
    reasons = (triton.why_not(tensors), *map(_why_no_memory, tensors), _why_no_kernel(dtype))
    return next((reason for reason in reasons if reason is not None), None)


def _why_no_memory(t: Tensor) -> str | None:
    if type(t) not in (Tensor, nn.Parameter):
        return f"a tensor is a {type(t).__name__}, of which only torch knows what it does"
    if not private.has_memory(t):
        return "a tensor has no memory of its own for every element"
    return None


def _why_no_kernel(dtype: torch.dtype) -> str | None:
    """What stops every kernel: a dtype, or that torch is watching."""
    if dtype not in _COMPUTES:
        return f"it computes in {dtype}"
    if private.in_functorch() or private.in_forward_ad():
        return "it runs inside a torch.func transform or forward-mode differentiation"
    if private.is_traced():
        return "it is being traced"
    return None


def _why_not_cpu(call: Call) -> str | None:
    return why_not_cpu(call.dtype, (*call.xs, *call.state, *call.params))


def _why_not_triton(call: Call) -> str | None:
    return why_not_triton(call.dtype, (*call.xs, *call.state, *call.params))


def _why_not_gpu(call: Call) -> str | None:
    """As `_why_not_triton`; the interpreter is for checks, and has to be asked for by name."""
    return "it lies on a CPU" if call.xs[0].device.type == "cpu" else _why_not_triton(call)


def _fused(call: Call, here: Program, driver: fused.Driver) -> Result:
    tensors = (*call.xs, *call.state, *call.params)
    grad = torch.is_grad_enabled()
    flags = [grad and t.requires_grad for t in tensors]
    i, s = len(call.xs), len(call.xs) + len(call.state)
    need = Need(tuple(flags[:i]), tuple(flags[i:s]), tuple(flags[s:]))
    vector = tuple(p.numel() != 1 for p in call.params)
    layout = Layout(call.xs[0].dtype, vector, call.saved)
    executable: Executable = here.executable(_signature(call), need, layout)
    return fused.run(driver, executable, call.xs, call.state, call.params)


def _signature(call: Call) -> Signature:
    return Signature(len(call.xs), len(call.state), len(call.params), call.dtype)


def _checked_reference(call: Call, here: Program) -> Result:
    """The reference loop; an impure step is refused here as everywhere."""
    if not here.pure and len(call.xs[0]):
        xs = [x[0].to(call.dtype) for x in call.xs]
        check_pure(call.step, (*xs, *call.state, *call.params))
        here.pure = True
    return _reference(call)


def _reference(call: Call) -> Result:
    given = call.xs[0].dtype
    xs = call.xs if given == call.dtype else [x.to(call.dtype) for x in call.xs]
    # torch.compile keeps what it likes: hooks of autograd mean nothing to it.
    saved = "exact" if torch.compiler.is_compiling() else call.saved
    with saving(saved, call.state, call.params):
        outs, after = reference.run(call.step, xs, call.state, call.params)
    return (outs if given == call.dtype else tuple(o.to(given) for o in outs)), after


def _warn_once(here: Program, reason: CannotFuse) -> None:
    if here not in _warned:
        _warned.add(here)
        warnings.warn(
            f"{_name(here.step)} runs on the reference loop: {reason}.",
            FallbackWarning,
            stacklevel=_frames_to_user(),
        )


def _frames_to_user() -> int:
    """How far up the call came from outside of this package and of torch."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("spikeloom.", "torch.")):
            break
        frame, depth = frame.f_back, depth + 1
    return depth


def _name(step: Any) -> str:
    inner = getattr(step, "keywords", {}).get("step") or getattr(step, "func", step)
    return getattr(inner, "__name__", type(inner).__name__)
