"""The fused GPU backend: Triton kernels called on torch tensors.

With `TRITON_INTERPRET=1` in the environment Triton runs kernels in an interpreter on the CPU,
slowly: that is how they are checked where there is no GPU.
"""

from __future__ import annotations

import importlib.util
import linecache
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.engine import emit_triton
from spikeloom.engine.emit_llvm import keep_dtype, stored_keeps
from spikeloom.engine.emit_triton import TritonKernel
from spikeloom.engine.fused import param_gradients
from spikeloom.engine.program import Executable
from spikeloom.engine.trace import CannotFuse

_BLOCK = 256
_lock = threading.Lock()
_compiled: dict[str, Callable[..., Any]] = {}


def interpreted() -> bool:
    """Whether Triton runs its kernels in an interpreter."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def is_installed() -> bool:
    """Whether there is a Triton to import."""
    return importlib.util.find_spec("triton") is not None


def why_not(tensors: Iterable[Tensor]) -> str | None:
    """Why Triton cannot run on these tensors, apart from what stops every kernel."""
    kinds = {t.device.type for t in tensors}
    if kinds != {"cuda"} and not (interpreted() and kinds == {"cpu"}):
        where = "a CPU" if kinds == {"cpu"} else ", ".join(sorted(kinds))
        return f"the tensors lie on {where}, and Triton needs them on one CUDA device"
    if len({t.device for t in tensors}) > 1:
        return "the tensors lie on several devices"
    if not is_installed():
        return "triton is not installed (pip install triton)"
    return None


def forward(
    executable: Executable,
    xs: Sequence[Tensor],
    state: Sequence[Tensor],
    params: Sequence[Tensor],
    *,
    train: bool,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Call the forward kernel; as `fused.Driver.forward`."""
    plan, layout = executable.plan, executable.layout
    which = "train" if train else "forward"
    kernel = executable.text(which, lambda: emit_triton.forward(plan, layout, train=train))
    shape = xs[0].shape
    after = [s.detach().clone(memory_format=torch.contiguous_format) for s in state]
    outs = [xs[0].new_empty(shape) for _ in plan.graph.outs]
    stored = stored_keeps(plan, layout) if train else {}
    keeps = [xs[0].new_empty(shape, dtype=keep_dtype(plan, layout, j)) for j in stored]
    arrays = {f"x{i}": x for i, x in enumerate(xs)}
    arrays |= {f"s{i}": s for i, s in enumerate(after)}
    arrays |= {f"o{i}": o for i, o in enumerate(outs)}
    arrays |= {f"k{j}": k for j, k in zip(stored, keeps, strict=True)}
    _launch(kernel, arrays, params, layout.vector_params, shape, down=False)
    return outs, after, keeps


def backward(
    executable: Executable,
    grads: Sequence[Tensor | None],
    keeps: Sequence[Tensor],
    entering: Sequence[Tensor],
    params: Sequence[Tensor],
    shape: torch.Size,
    param_shapes: Sequence[torch.Size],
    *,
    donate: bool,  # nothing is overwritten here
) -> tuple[list[Tensor | None], list[Tensor | None], list[Tensor | None]]:
    """Call the backward kernel; as `fused.Driver.backward`."""
    plan, layout = executable.plan, executable.layout
    graph = plan.graph
    kernel = executable.text("backward", lambda: emit_triton.backward(plan, layout))
    wanted = {a.name for a in kernel.arrays}
    device = next(t for t in (*grads, *keeps) if t is not None).device
    n = len(graph.outs)
    arrays: dict[str, Tensor] = {f"k{j}": k for j, k in enumerate(keeps)}
    for i, g in enumerate(grads[:n]):
        zero = torch.zeros((), dtype=layout.storage, device=device).expand(shape)
        arrays[f"g{i}"] = zero if g is None else g
    d_state = [
        torch.zeros(shape[1:], dtype=graph.dtype, device=device)
        if g is None
        else g.detach().clone(memory_format=torch.contiguous_format)
        for g in grads[n:]
    ]
    arrays |= {f"a{i}": d for i, d in enumerate(d_state)}
    arrays |= {f"s{k}": s.contiguous() for k, s in zip(plan.entering, entering, strict=True)}
    d_xs = [
        torch.empty(shape, dtype=layout.storage, device=device) if f"d{i}" in wanted else None
        for i in range(len(graph.inputs))
    ]
    arrays |= {f"d{i}": d for i, d in enumerate(d_xs) if d is not None}
    totals = {
        i: torch.zeros(shape[1:], dtype=graph.dtype, device=device)
        for i in range(len(graph.params))
        if f"q{i}" in wanted
    }
    arrays |= {f"q{i}": q for i, q in totals.items()}
    _launch(kernel, arrays, params, layout.vector_params, shape, down=True)
    has_state = plan.gradients()[1]
    d_states = [d if has else None for d, has in zip(d_state, has_state, strict=True)]
    return d_xs, d_states, param_gradients(totals, param_shapes)


def _launch(
    kernel: TritonKernel,
    arrays: dict[str, Tensor],
    params: Sequence[Tensor],
    vector: Sequence[bool],
    shape: torch.Size,
    *,
    down: bool,
) -> None:
    """Call a kernel on all neurons."""
    steps, neurons = shape[0], prod(shape[1:])
    if not steps or not neurons:
        return
    for k, (p, many) in enumerate(zip(params, vector, strict=True)):
        p = p.detach()
        arrays[f"p{k}"] = p.expand(shape[1:]).contiguous() if many else p
    arguments: list[Any] = []
    for a in kernel.arrays:
        t = arrays[a.name].detach()
        if a.kind != "row":
            arguments.append(t)
            continue
        t, ts, cs = _strides(t, neurons)
        bits = {torch.bool: torch.uint8, torch.bfloat16: torch.int16}.get(t.dtype)
        if bits is not None:
            t = t.view(bits)
        arguments += [t, (steps - 1) * ts if down else 0, -ts if down else ts, cs]
    grid = ((neurons + _BLOCK - 1) // _BLOCK,)
    call = compiled(kernel)[grid]  # type: ignore[index]
    if interpreted():
        with np.errstate(all="ignore"):  # of lanes beyond the last neuron
            call(*arguments, steps, neurons, BLOCK=_BLOCK)
    else:
        call(*arguments, steps, neurons, BLOCK=_BLOCK, num_warps=4, enable_fp_fusion=False)


def _strides(t: Tensor, neurons: int) -> tuple[Tensor, int, int]:
    """An array with its strides between steps and between neurons; copied if it has none such."""
    if t.is_contiguous():
        return t, neurons, 1
    if t.stride() == (0,) * t.ndim:
        return t, 0, 0
    if t[0].is_contiguous():
        return t, t.stride(0), 1
    return t.contiguous(), neurons, 1


def compiled(kernel: TritonKernel) -> Callable[..., Any]:
    """The kernel as Triton's own object; one per text."""
    with _lock:
        found = _compiled.get(kernel.source)
        if found is None:
            import triton  # type: ignore[import-not-found]
            import triton.language as tl  # type: ignore[import-not-found]

            scope: dict[str, Any] = {"triton": triton, "tl": tl}
            if "libdevice." in kernel.source:
                if interpreted():
                    raise CannotFuse("Triton's interpreter has no device library")
                from triton.language.extra import libdevice  # type: ignore[import-not-found]

                scope["libdevice"] = libdevice
            # Triton reads the text of a function again, from where Python says that it is.
            name = f"<spikeloom triton {len(_compiled)}>"
            lines = kernel.source.splitlines(keepends=True)
            linecache.cache[name] = (len(kernel.source), None, lines, name)
            exec(compile(kernel.source, name, "exec"), scope)
            found = _compiled[kernel.source] = scope[kernel.name]
    return found
