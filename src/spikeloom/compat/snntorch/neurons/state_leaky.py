r"""Leaky neurons without a reset, over whole sequences."""

from __future__ import annotations

from typing import Any
from warnings import warn

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikeloom.compat.snntorch.neurons.spiking import (
    FIRST,
    GRADED,
    LIF,
    REQUIRED,
    SpikingNeuron,
    declared,
    learn,
)
from spikeloom.engine.unroll import unroll

_SPIKES = {k: FIRST[k] for k in ("threshold", "spike_grad", "surrogate_disable")}
_OPTIONS = {
    **_SPIKES, **learn("beta", "threshold"), "state_quant": False, "output": True, **GRADED,
    "kernel_truncation_steps": None,
}  # fmt: skip


def leak_step(x: Tensor, mem: Tensor, decay: Tensor) -> tuple[Tensor, Tensor]:
    """One step of the leak: `(x, mem, decay) -> (mem, mem)`."""
    mem = decay * mem + x
    return mem, mem


class StateLeaky(LIF):
    r"""Leaky neurons that never reset, so that no step waits for the spikes of the one before.

    $$ u_t = \sum_{n=0}^{K-1} e^{-n/\tau} x_{t-n}, \qquad \tau = \frac{1}{1 - \beta}, \qquad
       s_t = g\,H(u_t - \theta) $$

    The decay of a step is $e^{-(1 - \beta)}$ and not `beta`, as in snnTorch, whose checkpoints keep
    `tau`. It is computed as a recurrence, whose cost does not grow with $K$.

    Args:
        beta: $\beta$, one value or one per channel; `beta` of the layer is read from `tau`.
        channels: Number of channels.
        threshold: Firing threshold $\theta$.
        spike_grad: Surrogate gradient; None is `atan()`.
        surrogate_disable: Spikes without a gradient.
        learn_beta: Make `tau` a parameter.
        learn_threshold: Make `threshold` a parameter.
        state_quant: What the membrane goes through before the threshold.
        output: Return spikes and membrane; False returns the membrane alone.
        graded_spikes_factor: $g$.
        learn_graded_spikes_factor: Make it a parameter.
        kernel_truncation_steps: $K$; None is the length of the run.

    Shape:
        Input `[T, B, channels]`; output `spk, mem` of that shape.

    Raises:
        ValueError: If `beta` is neither one value nor one per channel.

    Example:
        >>> layer = StateLeaky(beta=0.5, channels=2)
        >>> spk, mem = layer(torch.ones(3, 1, 2))
        >>> [round(u, 3) for u in mem[:, 0, 0].tolist()]
        [1.0, 1.607, 1.974]
    """

    arguments = declared({"beta": REQUIRED, "channels": REQUIRED, **_OPTIONS})
    params = ()
    tau: Tensor

    def _build(self, given: dict[str, Any]) -> None:
        silent = {**_SPIKES, **learn("threshold"), **GRADED, "threshold": given["threshold"]}
        changed = [k for k, v in silent.items() if k in given and not _same(given[k], v)]
        if not given["output"] and changed:
            warn(
                f"{type(self).__name__} got {', '.join(changed)} with output=False: it returns "
                "membranes, so that nothing fires.",
                UserWarning,
                stacklevel=4,
            )
        super()._build(given)
        beta = torch.as_tensor(given["beta"])
        if beta.shape not in ((), (1,), (given["channels"],)):
            raise ValueError(
                f"{type(self).__name__} got beta of shape {tuple(beta.shape)} for "
                f"{given['channels']} channels: it is one value, or one per channel. Pass such a "
                "tensor."
            )
        self.kernel_truncation_steps = given["kernel_truncation_steps"]
        self._keep("tau", 1 / (1 - beta + 1e-12), given["learn_beta"])

    @property
    def beta(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What `tau` stands for."""
        return (self.tau - 1) / self.tau

    def forward(self, input_: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run whole sequences.

        Args:
            input_: `[T, B, channels]`.

        Returns:
            Spikes and membrane, or the membrane alone with `output=False`.
        """
        mem = self._leak(input_)
        mem = self.state_quant(mem) if self.state_quant else mem
        return (self.fire(mem), mem) if self.output else mem

    def _leak(self, x: Tensor) -> Tensor:
        decay = torch.exp(-1 / self.tau)
        window = self.kernel_truncation_steps
        if window is not None and window < len(x):
            gone = F.pad(x, (0, 0, 0, 0, window, 0))[: len(x)]
            x = x - decay**window * gone  # what leaves the window takes its share along
        mem, _ = unroll(leak_step, x, (torch.zeros_like(x[0]),), (decay,))
        return mem

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        state_dict.pop(f"{prefix}beta", None)  # snnTorch keeps it beside tau
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def mem_reset(self, mem: Tensor) -> Tensor:
        """There is none."""
        raise NotImplementedError(f"{type(self).__name__} has no reset: use Leaky.")

    def fire_inhibition(self, batch_size: int, mem: Tensor) -> Tensor:
        """There is none."""
        raise NotImplementedError(f"{type(self).__name__} has no inhibition: use Leaky.")

    def extra_repr(self) -> str:
        """The options of the spikes."""
        return SpikingNeuron.extra_repr(self)


class LinearLeaky(StateLeaky):
    r"""`StateLeaky` behind a linear layer of its own, `linear`.

    Args:
        beta: As in `StateLeaky`.
        in_features: Number of inputs.
        out_features: Number of neurons.
        bias: Use a bias.
        device: Of the weights.
        dtype: Of the weights.
        **options: As in `StateLeaky`.

    Shape:
        Input `[T, B, in_features]`; output `spk, mem` `[T, B, out_features]`.

    Example:
        >>> spk, mem = LinearLeaky(beta=0.9, in_features=4, out_features=2)(torch.rand(5, 1, 4))
        >>> tuple(mem.shape)
        (5, 1, 2)
    """

    arguments = declared({
        "beta": REQUIRED, "in_features": REQUIRED, "out_features": REQUIRED, "bias": True,
        "device": None, "dtype": None, **_OPTIONS,
    })  # fmt: skip

    def _build(self, given: dict[str, Any]) -> None:
        super()._build({**given, "channels": given["out_features"]})
        sizes = given["in_features"], given["out_features"]
        kind = {"device": given["device"], "dtype": given["dtype"]}
        self.linear = nn.Linear(*sizes, bias=given["bias"], **kind)

    def _leak(self, x: Tensor) -> Tensor:
        return super()._leak(self.linear(x))


def _same(value: Any, default: Any) -> bool:
    return (
        bool((value == default).all())
        if isinstance(value, Tensor)
        else value is default or value == default
    )
