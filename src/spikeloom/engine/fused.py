"""What every compiled backend shares: autograd around a forward and a backward kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from spikeloom.engine import private
from spikeloom.engine.emit_llvm import stored_keeps
from spikeloom.engine.llvm_loops import Layout
from spikeloom.engine.plan import Plan
from spikeloom.engine.program import Executable

Gradients = Sequence[Tensor | None]


class Driver(Protocol):
    """A module that calls kernels on tensors of its device: `cpu`, `triton`."""

    def forward(
        self,
        executable: Executable,
        xs: Sequence[Tensor],
        state: Sequence[Tensor],
        params: Sequence[Tensor],
        *,
        train: bool,
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Call the forward kernel.

        Returns:
            Outputs, final state, and the buffers of what the plan keeps (none unless `train`).
        """
        ...

    def backward(
        self,
        executable: Executable,
        grads: Gradients,
        keeps: Sequence[Tensor],
        entering: Sequence[Tensor],
        params: Sequence[Tensor],
        shape: torch.Size,
        param_shapes: Sequence[torch.Size],
        *,
        donate: bool,
    ) -> tuple[list[Tensor | None], list[Tensor | None], list[Tensor | None]]:
        """Call the backward kernel.

        Args:
            executable: The kernels.
            grads: Of the outputs and the final state; None is zero.
            keeps: The tensors behind `plan.keep`.
            entering: The initial values of the states in `plan.entering`.
            params: The parameters of the forward call.
            shape: `[T, *shape]` of the inputs.
            param_shapes: Shapes of the parameters' gradients.
            donate: Whether the buffers among `keeps` may be overwritten: the graph is used once.

        Returns:
            Gradients of inputs, initial state and parameters, None where there is none.
        """
        ...


def run(
    driver: Driver,
    executable: Executable,
    xs: Sequence[Tensor],
    state: Sequence[Tensor],
    params: Sequence[Tensor],
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run a step over time.

    Args:
        driver: What calls the kernels.
        executable: The kernels, for tensors of this kind.
        xs: Inputs, each `[T, *shape]`.
        state: Initial state, each `shape`, in the computing dtype.
        params: Each broadcastable to `shape`, in the computing dtype.

    Returns:
        The outputs `[T, *shape]`, in the dtype of the inputs, and the final state.
    """
    if torch.is_grad_enabled() and executable.plan.need.any():
        result = _Unroll.apply(driver, executable, *xs, *state, *params)
    else:
        outs, after, _ = driver.forward(executable, xs, state, params, train=False)
        result = (*outs, *after)
    n = len(executable.plan.graph.outs)
    return result[:n], result[n:]  # type: ignore[index]


class _Unroll(torch.autograd.Function):
    """Forward and backward kernels as one node of autograd's graph."""

    @staticmethod
    def forward(
        ctx: Any, driver: Driver, executable: Executable, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        graph = executable.plan.graph
        i, s = len(graph.inputs), len(graph.inputs) + len(graph.states)
        xs, state, params = tensors[:i], tensors[i:s], tensors[s:]
        outs, after, keeps = driver.forward(executable, xs, state, params, train=True)
        ctx.driver, ctx.executable = driver, executable
        ctx.shapes = xs[0].shape, [p.shape for p in params]
        ctx.set_materialize_grads(False)
        entering = [state[k] for k in executable.plan.entering]
        kept = kept_tensors(executable.plan, executable.layout, xs, outs, keeps)
        ctx.save_for_backward(*kept, *entering, *params)
        return (*outs, *after)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        refuse_second_derivative()
        plan = ctx.executable.plan
        saved = ctx.saved_tensors
        k, e = len(plan.keep), len(plan.entering)
        keeps, entering, params = saved[:k], saved[k : k + e], saved[k + e :]
        donate = not private.graph_is_kept()
        d_xs, d_state, d_params = ctx.driver.backward(
            ctx.executable, grads, keeps, entering, params, *ctx.shapes, donate=donate
        )
        return None, None, *d_xs, *d_state, *d_params


def refuse_second_derivative() -> None:
    """Raise inside a backward pass that is itself to be differentiated."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            "spikeloom got create_graph=True: a fused kernel has no second derivative. "
            'Build the layer with backend="reference", whose loop is differentiable twice.'
        )


def kept_tensors(
    plan: Plan,
    layout: Layout,
    xs: Sequence[Tensor],
    outs: Sequence[Tensor],
    keeps: Sequence[Tensor],
) -> list[Tensor]:
    """The tensors behind `plan.keep`: buffers of their own, inputs, or outputs."""
    graph = plan.graph
    own = dict(zip(stored_keeps(plan, layout), keeps, strict=True))
    kept = []
    for j, i in enumerate(plan.keep):
        if j in own:
            kept.append(own[j])
        elif i in graph.inputs:
            kept.append(xs[graph.inputs.index(i)])
        else:
            kept.append(outs[graph.outs.index(i)])
    return kept


def param_gradients(
    totals: Mapping[int, Tensor], shapes: Sequence[torch.Size]
) -> list[Tensor | None]:
    """From sums per neuron to the shapes of the parameters."""
    return [totals[i].sum_to_size(s) if i in totals else None for i, s in enumerate(shapes)]
