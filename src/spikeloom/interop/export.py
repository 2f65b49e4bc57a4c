"""A network as a step with its state spelled out, `(x, state) -> (y, state)`, by `torch.export`."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn

from spikeloom.interop.reason import first_line
from spikeloom.interop.state_tree import named_tensors, rest_state, with_tensors
from spikeloom.interop.step_check import alone, check_step, frames_of, output_names, together
from spikeloom.nn.sequential import is_stateful

if TYPE_CHECKING:  # torch.export loads torch's compiler, a matter of seconds
    from torch.export import ExportedProgram

_FORGOTTEN = "which an exported step would forget"


@final
class ExportedStep:
    """One time step of a network as a program of torch's own operations, which keeps nothing.

    Calling it runs one step: `y, state = step(x_t, state)`.

    Args:
        program: Takes the inputs, then the state's tensors; returns the outputs, then the new
            state's tensors.
        inputs: Names of the inputs.
        outputs: Names of the outputs.
        rest: The state at rest: name to tensor, in order.
    """

    def __init__(
        self,
        program: ExportedProgram,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        rest: dict[str, Tensor],
    ) -> None:
        self.program = program
        self.inputs = inputs
        self.outputs = outputs
        self.rest = rest
        self._run = program.module()

    def __call__(
        self, x_t: Tensor | tuple[Tensor, ...], state: Mapping[str, Tensor] | None = None
    ) -> tuple[Any, dict[str, Tensor]]:
        """Run one step.

        Args:
            x_t: `[B, ...]`, of the shape of the sample; a tuple if the network takes several.
            state: What the step before returned; None starts from rest.

        Returns:
            What the network emits, and the new state.
        """
        state = self.rest if state is None else state
        result = self._run(*together(x_t), *(state[name] for name in self.rest))
        outs, after = result[: len(self.outputs)], result[len(self.outputs) :]
        return alone(tuple(outs)), dict(zip(self.rest, after, strict=True))


def export_step(net: nn.Module, sample: Tensor | tuple[Tensor, ...]) -> ExportedStep:
    r"""Export one time step of a network, its state an input and an output.

    The program is the network in evaluation mode, on a batch of the sample's size. It is compared
    with the network on the whole sample before it is returned.

    Args:
        net: A network of `sl.Sequential`, `sl.Residual`, `sl.Recurrent`, neurons and torch layers,
            or any module called as `out, state = net(x, state)` that has a method
            `step(x_t, state)`.
        sample: An input `[T, B, ...]` with at least one step; a tuple if it takes several.

    Returns:
        The program, with the names of what goes in and out and the state at rest.

    Raises:
        TypeError: If `net` is no such module.
        ValueError: If it cannot be exported: it draws random numbers, keeps something in itself
            between two steps, has a state of anything but tensors, sees more than one step, or uses
            an operation that is not torch's.

    References:
        torch.export, https://docs.pytorch.org/docs/stable/export.html.

    Example:
        >>> import torch, spikeloom as sl
        >>> net = sl.Sequential(nn.Linear(4, 2), sl.LIF())
        >>> step = export_step(net, torch.rand(5, 1, 4))
        >>> y, state = step(torch.rand(1, 4))
        >>> tuple(y.shape), list(state)
        ((1, 2), ['1.v'])
    """
    _check(net)
    frames = frames_of(sample)
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        try:
            y, rest, names = _spelled_out(net, frames[0])
            step = _Step(net, rest, tuple(names), len(frames[0]))
            program = _exported(step, (*frames[0], *names.values()))
        except Exception as error:  # torch.export raises errors of a dozen kinds
            raise _refused(net, _reason(error)) from error
    _check_plain(net, program)
    exported = ExportedStep(program, _inputs(net, len(frames[0])), output_names(y), names)
    again = (3 + len(frames) - 1) // len(frames)  # a state that is kept shows in three steps
    try:
        check_step(net, exported, alone(tuple(torch.cat([x] * again) for x in together(sample))))
    except ValueError as error:
        raise _refused(net, _reason(error)) from error
    return exported


class _Step(nn.Module):
    """What is exported: a step whose state is a row of tensors."""

    def __init__(self, net: nn.Module, state: Any, names: tuple[str, ...], inputs: int) -> None:
        super().__init__()
        self.net = net
        self.state = state
        self.names = names
        self.count = inputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        xs = tensors[: self.count]
        state = with_tensors(self.state, dict(zip(self.names, tensors[self.count :], strict=True)))
        y, after = self.net.step(alone(xs), state)  # type: ignore[operator]
        new = named_tensors(after)
        if tuple(new) != self.names:
            raise ValueError(f"its state changes its form, from {self.names} to {tuple(new)}")
        return *together(y), *new.values()


def _spelled_out(net: nn.Module, xs: tuple[Tensor, ...]) -> tuple[Any, Any, dict[str, Tensor]]:
    """What a step returns, and the state at rest: as it is, and as named tensors."""
    before = {name: (buffer, buffer.clone()) for name, buffer in net.named_buffers()}
    y, _ = net.step(alone(xs), None)  # type: ignore[operator]
    for name, now in net.named_buffers():  # torch.export drops such a change without a word
        buffer, value = before[name]
        if now is not buffer or not torch.equal(now, value):
            raise ValueError(f"it keeps {name!r} in itself, {_FORGOTTEN}")
    rest = rest_state(net, alone(xs))
    # Each in its own memory: what is exported must not learn that two of them were one.
    return y, rest, {name: t.detach().clone() for name, t in named_tensors(rest).items()}


def _exported(step: nn.Module, args: tuple[Tensor, ...]) -> ExportedProgram:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program = torch.export.export(step, args)
    for warning in caught:
        line = str(warning.message)
        if "was assigned during export" in line:
            where = line.split("self.net.")[-1].split()[0]
            raise ValueError(f"it keeps {where!r} in itself, {_FORGOTTEN}")
    return program


def _inputs(net: nn.Module, count: int) -> tuple[str, ...]:
    names = tuple(getattr(net, "input_names", ()))
    if count == 1:
        return ("x",)
    return names if len(names) == count else tuple(f"x_{i}" for i in range(count))


def _check(net: Any) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"export_step got {type(net).__name__}: it exports networks. Pass a module, such as "
            "sl.Sequential(...), and a sample of its input."
        )
    if not is_stateful(net) or not hasattr(net, "step"):
        raise TypeError(
            f"export_step got {type(net).__name__}, which has no step(x_t, state): it would not "
            "know where its state is. Put its layers into sl.Sequential(...)."
        )


def _check_plain(net: nn.Module, program: ExportedProgram) -> None:
    """Raise unless the program is torch's operations alone and draws nothing."""
    for node in program.graph.nodes:
        op = node.target
        if node.op != "call_function" or getattr(op, "__module__", "") == "_operator":
            continue
        if not isinstance(op, torch._ops.OpOverload):
            raise _refused(net, f"it holds control flow ({op})")
        if op.namespace != "aten":
            raise _refused(net, f"it uses {op}, which is none of torch's own operations")
        if _draws(op, node.args, node.kwargs):
            raise _refused(net, f"it draws random numbers ({op}), and a program has no generator")


def _draws(op: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call draws random numbers; dropout and its like do so in training only."""
    if torch.Tag.nondeterministic_seeded not in op.tags:
        return False
    named = dict(zip((a.name for a in op._schema.arguments), args, strict=False)) | kwargs
    return bool(named.get("train", True))


def _refused(net: nn.Module, reason: str) -> ValueError:
    return ValueError(
        f"{type(net).__name__} cannot be exported as a step: {reason}. Replace what does it, or "
        "export the network without that layer."
    )


def _reason(error: Exception) -> str:
    if type(error).__name__ == "GuardOnDataDependentSymNode":
        return "it decides by the values of its input or its state, and a program takes one way"
    return first_line(error)
