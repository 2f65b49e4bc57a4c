r"""BP-STDP: a network whose backward pass is spike-timing-dependent plasticity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom.loss.labels import check_labels, checked_output
from spikeloom.neurons.spiking import Spiking
from spikeloom.nn.sequential import Sequential, check_folded, fold_call, is_stateful


@final
class BPSTDP(nn.Module):
    r"""STDP for the neuron that should fire, anti-STDP for those that should not, and so backwards.

    A teacher fires now and then, at the steps $t$ with $z_{tb} = 1$, for the class $y_b$ of a
    sample. With $n_t = \sum_{t - \varepsilon < t' \le t} s_{t'}$, the spikes of a neuron in the
    last $\varepsilon$ steps, an output neuron errs by

    $$ \xi_{tbk} = z_{tb} \begin{cases} 1 & k = y_b,\ n_{tbk} = 0 \\
       -1 & k \ne y_b,\ n_{tbk} > 0 \\ 0 & \text{otherwise} \end{cases} $$

    and a neuron of the layer $l$ below by what its own spikes had a part in,

    $$ \xi^{(l)}_{tbi} = [\,n^{(l)}_{tbi} > 0\,] \sum_k w^{(l+1)}_{ki}\,\xi^{(l+1)}_{tbk}, \qquad
       \Delta w^{(l)}_{ij} = \frac{1}{B} \sum_{tb} \xi^{(l)}_{tbi}\,n^{(l-1)}_{tbj} $$

    (a bias takes $\varepsilon$ for $n$). `loss` counts the errors and has the gradient $-\xi / B$;
    from there the backward pass of this module goes by the equations above and leaves $-\Delta w$
    in `.grad`. So it is trained like any module, by any torch optimizer; plain SGD with the
    learning rate $\mu$ is the paper's $w \leftarrow w + \mu\,\Delta w$. The weights stay as they
    are while a batch is shown, so that all time steps of a layer are one matrix product; the paper
    changes them at every teacher spike of its single sample.

    Args:
        net: Linear layers, each followed by neurons that emit spikes; layers without weights, such
            as `nn.Flatten`, may come before the first.
        window: $\varepsilon$, in steps, at least 1: about as long as the teacher pauses.

    Shape:
        Spikes `[T, B, ...]` to spikes `[T, B, classes]`; the state is that of `net`.

    Raises:
        TypeError: If `net` has other layers.
        ValueError: If `window` is no number of steps.

    References:
        Tavanaei & Maida (2019), "BP-STDP: Approximating backpropagation using spike timing
        dependent plasticity", doi:10.1016/j.neucom.2018.11.014.

    Example:
        >>> import spikeloom as sl
        >>> layer = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> net = BPSTDP(sl.Sequential(layer, sl.IF(reset="zero", fire=">=")), window=4)
        >>> out, _ = net(torch.tensor([1.0, 0.0]).expand(8, 1, 2))
        >>> loss = net.loss(out, torch.tensor([1]))  # output 1 was silent in two windows
        >>> loss.backward()
        >>> loss.item(), layer.weight.grad.tolist()  # while input 0 fired 4 times in each
        (2.0, [[0.0, 0.0], [-8.0, 0.0]])
    """

    stateful = True

    def __init__(self, net: Sequential, *, window: int = 4) -> None:
        super().__init__()
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise ValueError(
                f"BPSTDP got window={window!r}: spikes are counted over a whole number of steps, "
                "at least one. Pass window=4; for seconds round(seconds / dt)."
            )
        self.net = net
        self.window = window
        self._front, self._pairs = _parts(net)

    def forward(self, x: Tensor, state: Sequence[Any] | None = None) -> tuple[Tensor, Any]:
        """Run the network, which computes what it always does, over time.

        Args:
            x: Spikes, `[T, B, ...]`.
            state: What an earlier call returned; None starts from rest.

        Returns:
            Spikes of the output neurons, `[T, B, classes]`, and the state. The window of a step
            does not reach back into an earlier call.
        """
        check_folded("BPSTDP", x)
        for layer in self._front:
            x = fold_call(layer, x)
        after: list[Any] = [None] * len(self._front)
        for linear, neuron in self._pairs:
            with torch.no_grad():
                before = None if state is None else state[len(after) + 1]
                spikes, now = neuron(fold_call(linear, x), before)
            x = _Learned.apply(x, spikes, linear.weight, linear.bias, self.window)
            after += [None, now]
        return x, tuple(after)

    def loss(self, out: Tensor, labels: Tensor, teacher: Tensor | None = None) -> Tensor:
        r"""The errors $\sum_{tk} |\xi_{tbk}|$ of a sample, with the gradient $-\xi / B$.

        Args:
            out: Spikes of the output neurons, `[T, B, classes]`.
            labels: Classes, `[B]`, 64-bit integers.
            teacher: Where the teacher fires, 0 or 1, `[T, B]`, or `[T, 1]` for all samples alike.
                None: at the end of every `window` steps.

        Returns:
            Their mean over the batch, a scalar.

        Raises:
            TypeError: If `labels` are no 64-bit integers.
            ValueError: If a shape does not fit, or a label is no class.
        """
        out = checked_output("BPSTDP.loss", out)
        steps, batch, classes = out.shape
        check_labels("BPSTDP.loss", labels, batch, classes)
        if teacher is None:
            every = torch.arange(1, steps + 1, device=out.device) % self.window == 0
            teacher = every[:, None]
        elif teacher.ndim != 2 or teacher.shape[0] != steps or teacher.shape[1] not in (1, batch):
            raise ValueError(
                f"BPSTDP.loss got a teacher of shape {tuple(teacher.shape)} for {steps} steps and "
                f"{batch} samples: it fires at a step or not, [T, B] or [T, 1]. Draw one with "
                "torch.rand(T, B) < 0.25, or pass None."
            )
        with torch.no_grad():
            t, b = (teacher != 0).expand(steps, batch).nonzero(as_tuple=True)
            fired = counts(out, t, b, self.window) > 0
            wanted = torch.arange(classes, device=out.device) == labels[b][:, None]
            error = torch.zeros_like(out)
            error[t, b] = (wanted & ~fired).to(out.dtype) - (~wanted & fired).to(out.dtype)
        linear = -(error * out).sum() / batch
        return linear + (error.abs().sum() / batch - linear.detach())


class _Learned(torch.autograd.Function):
    """The spikes of a layer, with the rule as its derivative."""

    @staticmethod
    def forward(
        ctx: Any, sent: Tensor, spikes: Tensor, weight: Tensor, bias: Tensor | None, window: int
    ) -> Tensor:
        ctx.save_for_backward(sent, weight)
        ctx.window = window
        return spikes.view_as(spikes)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        sent, weight = ctx.saved_tensors
        (grad,) = grads
        t, b = (grad != 0).any(2).nonzero(as_tuple=True)  # elsewhere nothing was wrong
        error, before = grad[t, b], counts(sent, t, b, ctx.window)
        below = None
        if ctx.needs_input_grad[0]:
            below = torch.zeros_like(sent)
            below[t, b] = (error @ weight) * (before > 0)
        of_weight = error.T @ before if ctx.needs_input_grad[2] else None
        of_bias = ctx.window * error.sum(0) if ctx.needs_input_grad[3] else None
        return below, None, of_weight, of_bias, None


def counts(spikes: Tensor, t: Tensor, b: Tensor, window: int) -> Tensor:
    """Spikes `[R, N]` of the samples `b` in the `window` steps that end with the steps `t`."""
    total = torch.zeros(len(t), spikes.shape[-1], dtype=spikes.dtype, device=spikes.device)
    for back in range(min(window, len(spikes))):
        then = t - back
        total += torch.where((then >= 0)[:, None], spikes[then.clamp(min=0), b], 0.0)
    return total


def _parts(net: nn.Module) -> tuple[list[nn.Module], list[tuple[nn.Linear, Spiking]]]:
    """Layers without weights, and the linear layers behind them with their neurons."""
    layers = list(net) if isinstance(net, Sequential) else []
    first = next((i for i, layer in enumerate(layers) if isinstance(layer, nn.Linear)), len(layers))
    wrong = [layer for layer in layers[:first] if is_stateful(layer) or [*layer.parameters()]]
    pairs = []
    for linear, neuron in zip(layers[first::2], layers[first + 1 :: 2], strict=False):
        if not isinstance(linear, nn.Linear):
            wrong.append(linear)
        elif not isinstance(neuron, Spiking) or neuron.emit != "spike":
            wrong.append(neuron)
        else:
            pairs.append((linear, neuron))
    if wrong or not pairs or first + 2 * len(pairs) < len(layers):
        culprit = type([*wrong, *layers[-1:], net][0]).__name__
        raise TypeError(
            f"BPSTDP got a network with {culprit} where it cannot follow: it knows linear layers, "
            "each followed by neurons that emit spikes. Pass, for example, sl.Sequential("
            'nn.Linear(784, 500), sl.IF(reset="zero"), nn.Linear(500, 10), sl.IF(reset="zero")).'
        )
    return layers[:first], pairs
