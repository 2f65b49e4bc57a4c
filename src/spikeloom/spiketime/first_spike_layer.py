r"""What the layers of spike times share: weights, delays, checks, and the call."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, Self, TypedDict

import torch
from torch import Tensor, nn

from spikeloom.spiketime.crossing import Rule, first_crossing
from spikeloom.spiketime.delays import checked_delays
from spikeloom.spiketime.response import Response
from spikeloom.spiketime.silence_warning import warn_of_silence
from spikeloom.spiketime.times import check_times

Silent = Literal["inf", "window"]


class FirstSpikeOptions(TypedDict, total=False):
    """Keywords of `FirstSpikeLayer`, for the constructors of its subclasses."""

    window: float
    min_slope: float
    silent: Silent
    initial: float | tuple[float, float] | None
    inhibitory: int
    keep_signs: bool
    members: int | None
    generator: torch.Generator | None


class FirstSpikeLayer(nn.Module):
    r"""A linear layer from spike times to first spike times. Abstract.

    $$ t_o = \min \{ t : V_o(t) \ge \theta \}, \qquad
       V_o(t) = \sum_{i,k} w_{oik}\,K(t - t_i - d_k) $$

    `weight` is a plain parameter, so that any optimizer works.

    Args:
        in_features: Number of inputs.
        out_features: Number of neurons.
        response: $K$.
        tau: Time constant of the response in seconds.
        threshold: $\theta$ > 0.
        window: Time in seconds until which spikes count, for inputs and outputs.
        delays: $d_k$ in steps of `dt`, at least 0, shared by all pairs of neurons; None for none.
        dt: The unit of the delays in seconds. Nothing else depends on it.
        learn_delays: Give every synapse a delay of its own, kept as `delay_raw` through softplus.
        min_slope: The gradient divides by no smaller slope, in potential per second; 0, the exact
            derivative.
        silent: The time of a neuron that does not fire: `"inf"`, or `"window"`, which has the
            gradient of a crossing there with the slope `min_slope`: training can wake it.
        initial: Weights start uniformly between these two numbers, or 0 and this one; by default
            so that a volley of all inputs reaches five thresholds.
        inhibitory: How many of the inputs, the last ones, start with negative weights.
        keep_signs: Let `restore_signs_()`, called after an optimizer's step as `SpikePropUpdate`
            does, set weights to 0 that inhibit though their input excites, or the other way round.
        members: So many independent layers side by side: weights `[S, O, I, K]`, times
            `[S, B, I]`. Many small nets, of many seeds say, train in the time of one.
        generator: Source of the randomness.

    Raises:
        ValueError: If an argument is out of range, or a delay lies beyond the window.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        response: Response,
        *,
        tau: float,
        threshold: float,
        window: float = 50e-3,
        delays: Iterable[float] | None = None,
        dt: float = 1e-3,
        learn_delays: bool = False,
        min_slope: float = 0.0,
        silent: Silent = "inf",
        initial: float | tuple[float, float] | None = None,
        inhibitory: int = 0,
        keep_signs: bool = False,
        members: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features, self.members = in_features, out_features, members
        self.tau, self.threshold, self.window, self.dt = tau, threshold, window, dt
        self.min_slope, self.silent = min_slope, silent
        self.inhibitory, self.keep_signs, self.learn_delays = inhibitory, keep_signs, learn_delays
        self.response = response
        self._check_numbers()
        delay = checked_delays(type(self).__name__, delays, learn_delays, dt, window)
        self._per_pair = 1 if delay is None else len(delay)
        shape = (out_features, in_features, *([] if delay is None else [len(delay)]))
        if members is not None:
            shape = (members, *shape)
        low, high = self._range(initial, in_features * self._per_pair)
        weight = low + (high - low) * torch.rand(shape, generator=generator)
        self.weight = nn.Parameter(weight)
        if learn_delays and delay is not None:
            raw = delay + torch.log(-torch.expm1(-delay))  # softplus, backwards
            self.delay_raw = nn.Parameter(raw.expand(shape).clone())
        else:
            self.register_buffer("delay_steps", delay)
        signs = torch.ones(in_features)
        signs[in_features - inhibitory :] = -1.0
        self.register_buffer("signs", signs, persistent=False)
        with torch.no_grad():
            self.weight.mul_(self._along_inputs(signs))

    @property
    def delay(self) -> Tensor | None:
        """Delays in steps of `dt`: `[K]`, or `[O, I, K]` if they are learned; None without."""
        if self.learn_delays:
            return nn.functional.softplus(self.delay_raw)
        return self.delay_steps  # type: ignore[return-value]

    def restore_signs_(self) -> Self:
        """Set weights of the wrong sign to 0, in place, if the layer keeps signs.

        Returns:
            The layer.
        """
        if self.keep_signs:
            with torch.no_grad():
                signs = self._along_inputs(self.signs)  # type: ignore[arg-type]
                self.weight.copy_(signs * (signs * self.weight).clamp_min(0.0))
        return self

    @torch.no_grad()
    def wake_(self, times: Tensor, gain: float) -> Self:
        """Raise the excitatory weights of the neurons that no sample made fire, in place.

        Args:
            times: What the layer returned, `[B, O]`; with members `[S, B, O]`.
            gain: The sum of what a neuron's weights gain, in thresholds.

        Returns:
            The layer.
        """
        silent = (~(times < self.window)).all(-2)
        excited = self._along_inputs((self.signs > 0).to(self.weight))  # type: ignore[operator]
        each = gain * self.threshold / max(1, self.in_features - self.inhibitory) / self._per_pair
        silent = silent[..., None] if self.delay is None else silent[..., None, None]
        self.weight.add_(each * silent * excited)
        return self

    def _along_inputs(self, values: Tensor) -> Tensor:
        """`[I]`, aligned with the weights."""
        return values if self.delay is None else values[:, None]

    def forward(self, times: Tensor) -> Tensor:
        """When each neuron first fires.

        Args:
            times: Input spike times in seconds, in [0, `window`] or infinite, `[B, I]`; with
                members `[S, B, I]`.

        Returns:
            `[B, O]` (`[S, B, O]`), in the dtype and on the device of `times`.

        Raises:
            TypeError: If `times` is not a floating-point tensor.
            ValueError: If a shape or a time does not fit.
        """
        self._check(times)
        t = self._first(times, late=self.silent == "window")
        if self.silent == "inf" and t.numel() and not bool(t.isfinite().any()):
            self._warn(times)
        return t

    def potential(self, times: Tensor, at: Tensor) -> Tensor:
        r"""The potential $V$ at given times, with its gradient; it knows no spike and no reset.

        Args:
            times: Input spike times in seconds, `[B, I]`; with members `[S, B, I]`.
            at: Times in seconds, `[G]`.

        Returns:
            $V$, `[G, B, O]` (`[G, S, B, O]`), in the dtype of `times`.

        Raises:
            TypeError: If `times` is not a floating-point tensor.
            ValueError: If a shape or a time does not fit.
        """
        self._check(times)
        arrivals, weight, offset = self._events(times)
        index = offset[:, None] + torch.arange(arrivals.shape[1], device=times.device)
        points = at.to(arrivals)[:, None, None] / self.tau
        v = torch.einsum("grn,rno->gro", self.response.kernel(points - arrivals), weight[index])
        return v.reshape(len(at), *times.shape[:-1], self.out_features).to(times.dtype)

    @torch.no_grad()
    def fires(self, times: Tensor) -> Tensor:
        """Which neurons fire within the window, whatever `silent` makes of those that do not.

        Args:
            times: Input spike times in seconds, `[B, I]`; with members `[S, B, I]`.

        Returns:
            `[B, O]` (`[S, B, O]`), bool.

        Raises:
            TypeError: If `times` is not a floating-point tensor.
            ValueError: If a shape or a time does not fit.
        """
        self._check(times)
        return self._first(times, late=False).isfinite()

    def _first(self, times: Tensor, late: bool) -> Tensor:
        window, slope = self.window / self.tau, self.min_slope * self.tau
        rule = Rule(self.response, self.threshold, window, slope, late)
        t = self.tau * first_crossing(*self._events(times), rule)
        return t.reshape(*times.shape[:-1], self.out_features).to(times.dtype)

    def _events(self, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Arrivals in time constants `[R, N]`, weights `[M, O]` and where each row's begin `[R]`.

        Rows are samples, of each member; with learned delays, which differ from output to output,
        samples and outputs.
        """
        rows = times.shape[:-1].numel()
        members, batch = self.members or 1, rows // (self.members or 1)
        synapses = (self.out_features, self.in_features, self._per_pair)
        t = times.double().reshape(members, batch, 1, self.in_features, 1)
        delay = self.delay
        if delay is None:
            delay = t.new_zeros(1)
        if self.learn_delays:
            t = t + self.dt * delay.double().reshape(members, 1, *synapses)
        else:
            t = t + self.dt * delay.to(t)
        weight = self.weight.double().reshape(members, *synapses)
        count = self.in_features * self._per_pair
        member = torch.arange(members, device=t.device).repeat_interleave(batch)
        if not self.learn_delays:
            weight = weight.flatten(2).transpose(1, 2).reshape(members * count, self.out_features)
            return t.reshape(rows, count) / self.tau, weight, member * count
        output = torch.arange(self.out_features, device=t.device)
        offset = (member[:, None] * self.out_features + output) * count
        return t.reshape(-1, count) / self.tau, weight.reshape(-1, 1), offset.flatten()

    def _check_numbers(self) -> None:
        name = type(self).__name__
        sizes = {"in_features": self.in_features, "out_features": self.out_features}
        if self.members is not None:
            sizes["members"] = self.members
        for what, size in sizes.items():
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ValueError(
                    f"{name} got {what}={size!r}: it is a number of them. Pass a positive integer."
                )
        positive = {
            "tau": (self.tau, "a time constant in seconds"),
            "threshold": (self.threshold, "the potential at which a neuron at rest, 0, fires"),
            "window": (self.window, "the time in seconds until which spikes count"),
            "dt": (self.dt, "the unit of the delays in seconds"),
        }
        for what, (value, why) in positive.items():
            if not 0 < value < math.inf:
                raise ValueError(
                    f"{name} got {what}={value!r}: it is {why}, so it is finite and above 0. Pass, "
                    f"for example, {what}={_EXAMPLES[what]}."
                )
        if self.window > 300 * self.tau:
            raise ValueError(
                f"{name} got window={self.window!r} with tau={self.tau!r}: sums over so many time "
                "constants overflow, and a spike is forgotten long before. Pass a window of at "
                f"most 300 time constants, {300 * self.tau:.4g}."
            )
        if self.silent not in ("inf", "window"):
            raise ValueError(
                f"{name} got silent={self.silent!r}: it is the time of a neuron that does not "
                'fire. Pass "inf" or "window".'
            )
        if not 0 <= self.min_slope < math.inf or (self.silent == "window" and not self.min_slope):
            raise ValueError(
                f'{name} got min_slope={self.min_slope!r} with silent="{self.silent}": the '
                "backward pass divides by no smaller slope of the potential, per second, and a "
                "silent neuron at the window's end has this slope. Pass 0 or more, and more than "
                f'0 with silent="window": min_slope={0.1 * self.threshold / 1e-3:.4g}.'
            )
        if not 0 <= self.inhibitory <= self.in_features:
            raise ValueError(
                f"{name} got inhibitory={self.inhibitory!r}: it is how many of the inputs, the "
                f"last ones, are inhibitory. Pass a number in 0 ... {self.in_features}."
            )

    def _range(
        self, initial: float | tuple[float, float] | None, count: int
    ) -> tuple[float, float]:
        if initial is None:
            return 0.0, 10.0 * self.threshold / (self.response.peak * count)
        low, high = initial if isinstance(initial, tuple) else (0.0, initial)
        if not -math.inf < low <= high < math.inf:
            raise ValueError(
                f"{type(self).__name__} got initial={initial!r}: weights start uniformly between "
                "two numbers. Pass (low, high), or high alone for (0, high)."
            )
        return low, high

    def _check(self, times: Tensor) -> None:
        lead = () if self.members is None else (self.members,)
        check_times(type(self).__name__, times, lead, self.in_features, self.window)

    def _warn(self, times: Tensor) -> None:
        layer = f"{type(self).__name__}({self.in_features}, {self.out_features})"
        if not bool(times.isfinite().any()):
            fix = "it got no input spike: look at the layer before, or at the encoder."
        else:
            with torch.no_grad():
                at = torch.linspace(0.0, self.window, 64, device=times.device)
                one = times[..., :1, :]
                v = float(self.potential(one, at).max())
            fix = (
                f"the first sample's largest potential is {v:.3g}, the threshold "
                f"{self.threshold:.3g}. Raise the weights (initial=...), lower the threshold, "
                'lengthen the window, or train with silent="window" or '
                "sl.spiketime.silence_loss."
            )
        warn_of_silence(layer, fix, level=3)

    def extra_repr(self) -> str:
        """Sizes, times and threshold."""
        parts = [f"in_features={self.in_features}, out_features={self.out_features}"]
        if self.members is not None:
            parts.append(f"members={self.members}")
        delay = self.delay
        if delay is not None:
            parts.append(f"delays={delay.shape[-1]}, learn_delays={self.learn_delays}")
        parts.append(f"tau={self.tau:g}, threshold={self.threshold:g}, window={self.window:g}")
        return ", ".join(parts)


_EXAMPLES = {"tau": 7e-3, "threshold": 1.0, "window": 50e-3, "dt": 1e-3}
