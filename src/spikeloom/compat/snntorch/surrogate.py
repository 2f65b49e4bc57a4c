r"""Surrogate gradients under snnTorch's names: functions that make a spike function.

What they return is a `spikeloom.surrogate.Surrogate` where the gradient is a function of the
membrane alone: it can be pickled, keeps the dtype and compiles. Only `SSO`, whose gradient is
random, and `custom_surrogate` are functions of another kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from spikeloom.surrogate import ATan as _ATan
from spikeloom.surrogate import FastSigmoid as _FastSigmoid
from spikeloom.surrogate import Sigmoid as _Sigmoid
from spikeloom.surrogate import StraightThrough, Surrogate

Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]


@final
@dataclass(frozen=True)
class _Triangular(Surrogate):
    r"""$g'(u) = \pm\theta$, negative above the threshold of the neuron."""

    threshold: float = 1.0

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$."""
        return torch.where(u < 0, self.threshold, -self.threshold).to(u.dtype)

    def primitive(self, u: Tensor) -> Tensor:
        r"""Return $g(u) = 1/2 - \theta |u|$."""
        return 0.5 - self.threshold * torch.abs(u)


@final
@dataclass(frozen=True)
class _Leaky(Surrogate):
    r"""$g'(u) = 1$ above the threshold, `slope` below."""

    slope: float = 0.1
    _zero_allowed: ClassVar[tuple[str, ...]] = ("slope",)

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$."""
        return torch.where(u > 0, 1.0, self.slope).to(u.dtype)

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$."""
        return 0.5 + torch.where(u > 0, u, self.slope * u)


@final
@dataclass(frozen=True)
class _Escape(Surrogate):
    r"""$g'(u) = k\,e^{-\beta |u - 1|}$."""

    beta: float = 1.0
    slope: float = 25.0

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$."""
        return self.slope * torch.exp(-self.beta * torch.abs(u - 1))

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$."""
        side = torch.sign(u - 1) * (1 - torch.exp(-self.beta * torch.abs(u - 1)))
        return 0.5 + self.slope / self.beta * (side + 1 - math.exp(-self.beta))


@final
@dataclass(frozen=True)
class _Sparse(Surrogate):
    r"""$g'(u) = (1 + k |u|)^{-2}$ where $u > B$, else 0."""

    slope: float = 25.0
    B: float = 1.0
    _zero_allowed: ClassVar[tuple[str, ...]] = ("B",)

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$."""
        return _FastSigmoid(self.slope).derivative(u) * (u > self.B)

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$."""
        g = _FastSigmoid(self.slope)
        from_b = torch.clamp(u, min=self.B)
        return 0.5 + g.primitive(from_b) - g.primitive(torch.full_like(u, self.B))


class _Custom(torch.autograd.Function):
    """Heaviside forward, a function of the user's backward."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, gradient: Gradient) -> Tensor:
        spikes = (u > 0).to(u.dtype)
        ctx.save_for_backward(u, spikes)
        ctx.gradient = gradient
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        u, spikes = ctx.saved_tensors
        return ctx.gradient(u, grads[0].clone(), spikes), None


@final
@dataclass(frozen=True)
class _Stochastic:
    r"""The gradient of a spike is 1, that of silence uniform around `mean * variance`."""

    mean: float
    variance: float
    generator: torch.Generator | None = None

    def __call__(self, u: Tensor) -> Tensor:
        """Fire above zero."""
        return _Custom.apply(u, self._gradient)  # pyright: ignore[reportReturnType]

    def _gradient(self, u: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
        draw = torch.empty_like(u).uniform_(-0.5, 0.5, generator=self.generator)
        return grad * torch.where(spikes > 0, 1.0, (draw + self.mean) * self.variance)


@final
@dataclass(frozen=True)
class _ByFunction:
    """A gradient of the user's."""

    gradient: Gradient

    def __call__(self, u: Tensor) -> Tensor:
        """Fire above zero."""
        return _Custom.apply(u, self.gradient)  # pyright: ignore[reportReturnType]


def atan(alpha: float = 2.0) -> Surrogate:
    r"""Arc tangent, $\frac{\alpha}{2} / (1 + (\frac{\pi}{2} \alpha u)^2)$: the default."""
    return _ATan(alpha)


def fast_sigmoid(slope: float = 25) -> Surrogate:
    """Fast sigmoid, $(1 + k |u|)^{-2}$."""
    return _FastSigmoid(slope)


def sigmoid(slope: float = 25) -> Surrogate:
    r"""Derivative of the logistic function, $k \sigma(k u) (1 - \sigma(k u))$."""
    return _Sigmoid(slope)


def straight_through_estimator() -> Surrogate:
    """The gradient passes as if the spike were the membrane."""
    return StraightThrough()


def triangular(threshold: float = 1) -> Surrogate:
    """`threshold` below the neuron's threshold, minus that above."""
    return _Triangular(threshold)


def heaviside() -> Surrogate:
    """The gradient is the spike itself."""
    return _Leaky(0.0)


def spike_rate_escape(beta: float = 1, slope: float = 25) -> Surrogate:
    r"""Boltzmann's escape rate, $k e^{-\beta |u - 1|}$."""
    return _Escape(beta, slope)


def LSO(slope: float = 0.1) -> Surrogate:
    """1 above the threshold, `slope` below."""
    return _Leaky(slope)


def SFS(slope: float = 25, B: float = 1) -> Surrogate:
    """Fast sigmoid where the membrane is above the threshold by more than `B`, else 0."""
    return _Sparse(slope, B)


def SSO(
    mean: float = 0, variance: float = 0.2, generator: torch.Generator | None = None
) -> _Stochastic:
    """1 above the threshold; below, uniform in [-1/2, 1/2] plus `mean`, times `variance`."""
    return _Stochastic(mean, variance, generator)


def custom_surrogate(custom_surrogate_function: Gradient) -> _ByFunction:
    """A gradient `f(u, grad, spikes)` of your own, `grad` being what comes from behind."""
    return _ByFunction(custom_surrogate_function)


@dataclass(frozen=True)
class _Applied:
    """What was an `autograd.Function`: `apply(u, *constants)`."""

    make: Callable[..., Callable[[Tensor], Tensor]]

    def apply(self, input_: Tensor, *constants: Any) -> Tensor:
        """Fire, with the constants of the function that makes the surrogate."""
        return self.make(*constants)(input_)


StraightThroughEstimator = _Applied(straight_through_estimator)
Triangular = _Applied(triangular)
FastSigmoid = _Applied(fast_sigmoid)
ATan = _Applied(atan)
Heaviside = _Applied(heaviside)
Sigmoid = _Applied(sigmoid)
SpikeRateEscape = _Applied(spike_rate_escape)
StochasticSpikeOperator = _Applied(SSO)
LeakySpikeOperator = _Applied(LSO)
SparseFastSigmoid = _Applied(SFS)
CustomSurrogate = _Applied(custom_surrogate)
