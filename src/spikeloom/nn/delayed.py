r"""What the layers with delays share: the delays, how they are kept, and the buffer of inputs."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from spikeloom.engine.unroll import check_sequence, compute_dtype
from spikeloom.nn.taps import KERNELS, Kernel, taps

Number = float | Tensor


class DelayState(NamedTuple):
    """State of a layer with delays."""

    buffer: Tensor
    """The last `max_delay` inputs, oldest first, `[max_delay, B, ...]`."""


class Delayed(nn.Module):
    r"""A layer with delays in time steps, fixed or learned. Abstract.

    Fixed delays are a persistent buffer `delay`: int64 if all are whole numbers, else floating
    point. Learned ones are kept as `delay_raw`, $d = D\,\sigma(\texttt{raw})$ with $D$ the longest
    delay, so that they stay in $(0, D)$ and their gradient never dies. `layer.delay` always gives
    the value, and setting it sets the value. The width of a Gaussian or triangle is the buffer
    `sigma`; set it to anneal: `layer.sigma = 2.0`.
    """

    stateful = True
    sigma: Any

    def __init__(
        self, delay: Tensor, max_delay: int, learn: bool, kernel: Kernel, sigma: float | None
    ) -> None:
        super().__init__()
        if kernel not in KERNELS:
            raise ValueError(
                f"{self._name()} got kernel={kernel!r}: there are three. Use "
                'kernel="linear", kernel="gauss" or kernel="triangle".'
            )
        if kernel == "linear" and sigma is not None:
            raise ValueError(
                f'{self._name()} got sigma={sigma!r} with kernel="linear", which has no width. '
                'Use kernel="gauss" or kernel="triangle", or leave sigma out.'
            )
        self.max_delay = max_delay
        self.kernel: Kernel = kernel
        self.learn = learn
        self._put(delay)
        if kernel != "linear":
            self.register_buffer("sigma", torch.tensor((max_delay + 1) / 2))
            if sigma is not None:
                self.sigma = sigma

    def _put(self, delay: Tensor) -> None:
        """Keep these delays, as a parameter or as a buffer."""
        if not delay.is_meta:
            self._check_delay(delay)
        if self.learn:
            like = delay if delay.is_floating_point() else delay.to(torch.get_default_dtype())
            self.register_parameter("delay_raw", nn.Parameter(torch.logit(like / self.max_delay)))
            return
        if self.kernel == "linear" and not delay.is_meta and bool((delay == delay.round()).all()):
            delay = delay.long()
        elif not delay.is_floating_point():
            delay = delay.to(torch.get_default_dtype())
        self.register_buffer("delay", delay.clone())

    def _check_delay(self, delay: Tensor) -> None:
        name, longest = self._name(), self.max_delay
        if not bool(torch.isfinite(delay).all()):
            raise ValueError(
                f"{name} got a delay that is not finite: nothing would ever arrive. Pass numbers "
                f"of time steps in [0, {longest}]."
            )
        low, high = (float(delay.min()), float(delay.max())) if delay.numel() else (0.0, 0.0)
        if low < 0:
            raise ValueError(
                f"{name} got delay={low:.6g}: an output cannot come before its input. Pass numbers "
                f"of time steps in [0, {longest}]."
            )
        if high > longest:
            raise ValueError(
                f"{name} got delay={high:.6g}, longer than max_delay={longest}, which is how many "
                f"inputs it remembers. Pass max_delay={math.ceil(high)}."
            )
        inner = delay / longest if self.learn else delay
        if self.learn and not bool(((inner > 0) & (inner < 1)).all()):
            raise ValueError(
                f"{name} got delay={low if low <= 0 else high:.6g} to learn with "
                f"max_delay={longest}: it is kept as a logit, which is infinite at both ends. "
                f"Start strictly between 0 and max_delay, or raise max_delay."
            )

    def __getattr__(self, name: str) -> Any:
        if name == "delay" and "delay_raw" in self._parameters:
            raw = self.delay_raw
            return self.max_delay * torch.sigmoid(raw.to(compute_dtype(raw.dtype)))
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Setting `delay` or `sigma` changes their values."""
        if name == "delay" and ("delay_raw" in self._parameters or "delay" in self._buffers):
            old: Tensor = self.delay.detach()
            new = as_delay(self._name(), value).to(old.device).expand(old.shape)
            if self.learn:
                self._check_delay(new)
                with torch.no_grad():
                    self.delay_raw.copy_(torch.logit(new / self.max_delay))
            else:
                self._put(new)
        elif name == "sigma":
            self._set_sigma(value)
        else:
            super().__setattr__(name, value)

    def _set_sigma(self, value: Any) -> None:
        if self.kernel == "linear":
            raise ValueError(
                f'{self._name()} got sigma={value!r}, but its kernel is "linear" (as round_() '
                'leaves it), which has no width. Build it with kernel="gauss".'
            )
        number = float(value)
        if not (math.isfinite(number) and number > 0):
            raise ValueError(
                f"{self._name()} got sigma={number!r}: it is a width in time steps, greater than "
                "0. Pass a small one such as sigma=0.23, or call round_() for whole delays."
            )
        with torch.no_grad():
            self._buffers["sigma"].fill_(number)  # type: ignore[union-attr]

    @torch.no_grad()
    def round_(self) -> Self:
        """Round the delays to whole steps and fix them, each a single tap: for inference.

        The layer is from then on the one that fixed whole delays build, and so is its
        `state_dict`. To look at the rounded network while training goes on, round a copy:
        `copy.deepcopy(net)`.

        Returns:
            The layer itself.
        """
        whole = torch.round(self.delay).long()
        for kept in (self._parameters, self._buffers):
            kept.pop("delay_raw", None)
            kept.pop("delay", None)
            kept.pop("sigma", None)
        self.learn, self.kernel = False, "linear"
        self.register_buffer("delay", whole)
        return self

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Fixed delays of a checkpoint may be whole where those of this layer are not."""
        found, own = state_dict.get(f"{prefix}delay"), self._buffers.get("delay")
        if isinstance(found, Tensor) and own is not None and found.shape == own.shape:
            self._check_delay(found)
            if self.kernel == "linear" and self.max_delay:
                self._buffers["delay"] = own.to(found.dtype)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def rest(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> DelayState:
        """The state from which a run without a state starts: nothing on its way.

        Args:
            shape: `[B, ...]`.
            dtype: Of the state.
            device: Of the state.

        Returns:
            A buffer of zeros, `[max_delay, B, ...]`.
        """
        return DelayState(torch.zeros((self.max_delay, *shape), dtype=dtype, device=device))

    def forward(self, x: Tensor, state: DelayState | None = None) -> tuple[Tensor, DelayState]:
        """Delay a sequence.

        Args:
            x: Input `[T, B, ...]`, floating point.
            state: What an earlier call on the same batch returned; None starts with an empty
                buffer.

        Returns:
            The output, `[T, B, ...]` in the dtype of `x`, and the new state.

        Raises:
            TypeError: If `x` is not floating point, or `state` is not a state of this layer.
            ValueError: If shapes do not fit, or if the run starts empty and is over before
                anything can arrive (a single step, the start of a stream, is let through).
        """
        check_sequence(self._name(), (x,))
        if state is None and 1 < len(x) <= self.max_delay:
            self._check_arrives(len(x))
        return self._run(x, state, self._weights(x))

    def step(self, x_t: Tensor, state: DelayState | None = None) -> tuple[Tensor, DelayState]:
        """Delay one time step, `[B, ...]`; as `forward` otherwise."""
        check_sequence(f"{self._name()}.step", (x_t,), axes=2)
        out, state = self._run(x_t[None], state, self._weights(x_t[None]))
        return out[0], state

    def stepper(self) -> Callable[[Tensor, Any], tuple[Tensor, DelayState]]:
        """`step` for a loop in which the delays stay as they are: computed once, at its start."""
        kept: list[Any] = []

        def step(x_t: Tensor, state: Any) -> tuple[Tensor, DelayState]:
            if not kept:
                kept.append(self._weights(x_t[None]))
            out, state = self._run(x_t[None], state, kept[0])
            return out[0], state

        return step

    @abstractmethod
    def _weights(self, x: Tensor) -> Any:
        """What the delays amount to, computed once per call."""

    @abstractmethod
    def _spread(self, padded: Tensor, steps: int, weights: Any) -> Tensor:
        """The output, from the buffer and the input behind it, `[max_delay + steps, B, ...]`."""

    def _run(self, x: Tensor, state: Any, weights: Any) -> tuple[Tensor, DelayState]:
        before = self._buffer(x, state)
        padded = torch.cat((before, x))
        out = self._spread(padded, len(x), weights)
        after = padded[len(x) :]
        # A view would keep the whole input alive.
        return out, DelayState(after.clone() if len(x) > self.max_delay else after)

    def _buffer(self, x: Tensor, state: Any) -> Tensor:
        name, shape = self._name(), (self.max_delay, *x.shape[1:])
        if state is None:
            return self.rest(x.shape[1:], dtype=x.dtype, device=x.device).buffer
        whole = isinstance(state, tuple | list) and len(state) == 1 and isinstance(state[0], Tensor)
        if not whole:
            raise TypeError(
                f"{name} got a state of type {type(state).__name__}: its state is "
                "DelayState(buffer). Hand on the state that the last call returned, or None to "
                "start with nothing on its way."
            )
        buffer: Tensor = state[0]
        if buffer.shape != shape:
            raise ValueError(
                f"{name} got a state with a buffer of shape {tuple(buffer.shape)}, where "
                f"max_delay={self.max_delay} and an input whose steps have shape "
                f"{tuple(x.shape[1:])} need {tuple(shape)}: it belongs to another batch or layer. "
                "Hand on the state of the same batch, or None."
            )
        return buffer if buffer.dtype == x.dtype else buffer.to(x.dtype)

    def _taps(self, delay: Tensor, dtype: torch.dtype) -> Tensor:
        """The weights of all steps, computed at least in float32."""
        if delay.is_floating_point():
            delay = delay.to(compute_dtype(dtype))
        sigma = 1.0 if self.kernel == "linear" else self.sigma.to(delay.dtype)
        return taps(delay, self.max_delay, self.kernel, sigma).to(dtype)

    def _check_arrives(self, steps: int) -> None:
        """Raise if a run that starts empty is over before the shortest delay."""
        delay = self.delay.detach()
        if torch.compiler.is_compiling() or delay.is_meta or self.kernel == "gauss":
            return
        reach = float(self.sigma) if self.kernel == "triangle" else 0.0
        shortest = float(delay.min()) if delay.numel() else 0.0
        if shortest - reach >= steps:
            raise ValueError(
                f"{self._name()} got {steps} time steps and no state, and its shortest delay is "
                f"{shortest:.6g}: the run is over before anything arrives, and the output is zero. "
                "Give it more time steps, or shorter delays. If this is the first piece of a "
                "stream, start it with _, state = net(x[:0])."
            )

    def _name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Delays and kernel."""
        delay: Tensor = self.delay.detach()
        shown = f"{delay.item():.4g}" if delay.numel() == 1 else f"{list(delay.shape)}"
        text = f"delay={shown}{' (learned)' if self.learn else ''}, max_delay={self.max_delay}"
        if self.kernel != "linear":
            text += f', kernel="{self.kernel}", sigma={float(self.sigma):.4g}'
        return text


def as_delay(owner: str, value: Any) -> Tensor:
    """A number or tensor of time steps as a tensor of its own."""
    if not isinstance(value, Tensor | float | int) or isinstance(value, bool):
        raise TypeError(
            f"{owner} got delay={value!r} of type {type(value).__name__}: delays are numbers of "
            "time steps, or tensors of them. Pass delay=3, or delay=torch.tensor([...])."
        )
    t = torch.as_tensor(value).detach()
    if t.dtype == torch.bool or t.is_complex():
        raise TypeError(
            f"{owner} got delays of dtype {t.dtype}: they are numbers of time steps. Pass a "
            "floating-point or an integer tensor."
        )
    return t if t.is_floating_point() else t.long()


def inside(fraction: Tensor, max_delay: int) -> Tensor:
    """Delays from fractions of the longest one, off both ends, where a logit is infinite."""
    return max_delay * fraction.clamp(1e-3, 1 - 1e-3)


def check_longest(owner: str, max_delay: Any, learn: bool) -> int:
    """Raise unless `max_delay` is a number of steps with room to learn."""
    least = 1 if learn else 0
    if not isinstance(max_delay, int) or isinstance(max_delay, bool) or max_delay < least:
        raise ValueError(
            f"{owner} got max_delay={max_delay!r}: it is how many inputs the layer remembers, a "
            f"whole number of at least {least}{' to learn delays' * learn}. Pass, for example, "
            "max_delay=25."
        )
    return max_delay
