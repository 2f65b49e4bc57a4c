r"""Surrogate gradients: a spike going forward, a smooth slope coming back.

A neuron fires when $u = v - \theta$ crosses zero, and the derivative of that jump is zero almost
everywhere. A surrogate keeps the jump and takes the slope $g'$ of a smooth step $g$ instead:

$$ s = H(u), \qquad \frac{\partial s}{\partial u} := g'(u). $$

Every surrogate here is a frozen dataclass of Python numbers with two pointwise functions,
`derivative` ($g'$) and `primitive` ($g$, with $g(0) = 1/2$), so that one can be checked against the
other. A new surrogate is one class and one entry in `SURROGATES`.

Where a *width* appears it is the full width at half maximum of $g'$, in units of $u$.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor

Fire = Literal[">", ">="]


def _heaviside(u: Tensor, at_zero: bool) -> Tensor:
    return (u >= 0 if at_zero else u > 0).to(u.dtype)


class _Spike(torch.autograd.Function):
    """Heaviside forward, `grad * surrogate.derivative(u)` backward."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, surrogate: Surrogate, at_zero: bool) -> Tensor:
        ctx.surrogate = surrogate
        ctx.save_for_backward(u)
        return _heaviside(u, at_zero)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        # Plain torch operations: a second backward differentiates `derivative` itself.
        (u,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate.derivative(u), None, None


class _TransformableSpike(torch.autograd.Function):
    """The same in the form that `torch.func` asks for, which costs several times as much a call."""

    generate_vmap_rule = True
    backward = staticmethod(_Spike.backward)

    @staticmethod
    def forward(u: Tensor, surrogate: Surrogate, at_zero: bool) -> Tensor:
        return _heaviside(u, at_zero)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        u, ctx.surrogate, _ = inputs
        ctx.save_for_backward(u)


@dataclass(frozen=True)
class Surrogate(ABC):
    r"""What every surrogate does: $s = H(u)$ with $\partial s / \partial u := g'(u)$.

    Subclasses are final, hold only Python numbers and define `derivative` and `primitive`.

    Example:
        >>> u = torch.tensor([-0.5, 0.0, 0.5], requires_grad=True)
        >>> s = Triangle(width=1.0)(u)
        >>> s.tolist()
        [0.0, 0.0, 1.0]
        >>> s.sum().backward()
        >>> u.grad.tolist()
        [0.5, 1.0, 0.5]
    """

    _zero_allowed: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Check that every parameter is a finite Python number of the right sign."""
        kind = type(self).__name__
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(
                    f"{kind} got {name} of type {type(value).__name__}: the parameters of a "
                    "surrogate are constants of the compiled kernel, so they must be Python "
                    f"numbers. Pass a float, such as {kind}({name}=1.0)."
                )
            zero = name in self._zero_allowed
            if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
                raise ValueError(
                    f"{kind} got {name}={value!r}: its slope would not be a finite bump around the "
                    f"threshold. {name} must be finite and {'>= 0' if zero else '> 0'}, such as "
                    f"{kind}({name}=1.0)."
                )

    @abstractmethod
    def derivative(self, u: Tensor) -> Tensor:
        r"""Return the pseudo-derivative $g'(u)$, pointwise.

        Args:
            u: Distance to the threshold, $v - \theta$, any shape, floating point.

        Returns:
            $g'(u)$, same shape and dtype.
        """

    @abstractmethod
    def primitive(self, u: Tensor) -> Tensor:
        r"""Return the smooth step $g(u) = \tfrac12 + \int_0^u g'(x)\,dx$, pointwise.

        Args:
            u: Distance to the threshold, $v - \theta$, any shape, floating point.

        Returns:
            $g(u)$, same shape and dtype.
        """

    def spike(self, u: Tensor, fire: Fire = ">") -> Tensor:
        r"""Fire: spikes of a neuron at distance `u` from its threshold.

        Args:
            u: Distance to the threshold, $v - \theta$, any shape, floating point.
            fire: `">"` fires strictly above the threshold, `">="` also exactly at it.

        Returns:
            0 or 1, same shape and dtype as `u`; its gradient is `grad * derivative(u)`.

        Raises:
            TypeError: If `u` is not floating point.
            ValueError: If `fire` is neither `">"` nor `">="`.

        Example:
            >>> ATan().spike(torch.zeros(2), fire=">=")
            tensor([1., 1.])
        """
        if fire not in (">", ">="):
            raise ValueError(
                f"{type(self).__name__}.spike got fire={fire!r}: a neuron fires either strictly "
                'above its threshold or also at it. Use fire=">" or fire=">=".'
            )
        if not u.is_floating_point():
            raise TypeError(
                f"{type(self).__name__}.spike got u of dtype {u.dtype}: a surrogate gradient "
                "needs a floating-point membrane. Convert the input first: x.float()."
            )
        if not torch.is_grad_enabled():
            return _heaviside(u, fire == ">=")
        in_transform = torch._C._are_functorch_transforms_active()
        function = _TransformableSpike if in_transform else _Spike
        return function.apply(u, self, fire == ">=")  # pyright: ignore[reportReturnType]

    def __call__(self, u: Tensor) -> Tensor:
        """Fire strictly above the threshold: `spike(u)`."""
        return self.spike(u)


@final
@dataclass(frozen=True)
class ATan(Surrogate):
    r"""Arc tangent: heavy tails, so that silent neurons still learn. The default of the neurons.

    $$ g'(u) = \frac{\alpha / 2}{1 + (\tfrac{\pi}{2} \alpha u)^2}, \qquad
       g(u) = \tfrac12 + \tfrac1\pi \arctan(\tfrac{\pi}{2} \alpha u) $$

    Args:
        alpha: Sharpness, > 0; the peak is `alpha / 2`. snnTorch and SpikingJelly also use 2.

    References:
        Fang et al. (2021), "Incorporating learnable membrane time constant to enhance learning
        of spiking neural networks", arXiv:2007.05785.
    """

    alpha: float = 2.0

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        z = (math.pi / 2 * self.alpha) * u
        return (self.alpha / 2) / (1.0 + z * z)

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        return 0.5 + torch.atan((math.pi / 2 * self.alpha) * u) / math.pi


@final
@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    r"""Fast sigmoid, the surrogate of SuperSpike (also named `SuperSpike` here).

    $$ g'(u) = \frac{1}{(1 + k |u|)^2}, \qquad g(u) = \tfrac12 + \frac{u}{1 + k |u|} $$

    The peak is 1 for every `slope`, as in the paper and in snnTorch, so in all $g$ rises
    by $2 / k$.

    Args:
        slope: $k$ > 0, in 1 / units of `u`. 25 is snnTorch's value.

    References:
        Zenke & Ganguli (2018), "SuperSpike", doi:10.1162/neco_a_01086.
    """

    slope: float = 25.0

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        r = torch.reciprocal(1.0 + self.slope * torch.abs(u))
        return r * r

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        return 0.5 + u / (1.0 + self.slope * torch.abs(u))


SuperSpike = FastSigmoid


@final
@dataclass(frozen=True)
class Sigmoid(Surrogate):
    r"""Derivative of the logistic function $\sigma$.

    $$ g'(u) = k\,\sigma(k u)\,(1 - \sigma(k u)), \qquad g(u) = \sigma(k u) $$

    Args:
        slope: $k$ > 0; the peak is $k / 4$. 4 is SpikingJelly's default (peak 1); snnTorch has 25.

    References:
        Wu et al. (2018), "Spatio-temporal backpropagation for training high-performance spiking
        neural networks", doi:10.3389/fnins.2018.00331 ($h_3$, with $k = 1/a$).
    """

    slope: float = 4.0

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        # The even form: 1 - sigmoid loses all its digits on the side where sigmoid is near 1.
        p = torch.sigmoid(-self.slope * torch.abs(u))
        return self.slope * (p * (1.0 - p))

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        return torch.sigmoid(self.slope * u)


@final
@dataclass(frozen=True)
class Triangle(Surrogate):
    r"""Triangle of area 1; its primitive is the piecewise quadratic step.

    $$ g'(u) = \tfrac1w \max(0,\ 1 - |u| / w) $$

    $$ g(u) = \tfrac12 + c - \tfrac12 c\,|c|, \qquad c = \min(1, \max(-1,\ u / w)) $$

    SpikingJelly's `PiecewiseQuadratic(alpha)` is `Triangle(1 / alpha)`.

    Args:
        width: $w$ > 0, the half base (and the full width at half height); the peak is $1 / w$.

    References:
        Esser et al. (2016), "Convolutional networks for fast, energy-efficient neuromorphic
        computing", doi:10.1073/pnas.1604850113; Bellec et al. (2018), arXiv:1803.09574.
    """

    width: float = 1.0

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        return torch.clamp(1.0 - torch.abs(u) / self.width, min=0.0) / self.width

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        c = torch.clamp(u / self.width, min=-1.0, max=1.0)
        return 0.5 + c - 0.5 * (c * torch.abs(c))


@final
@dataclass(frozen=True)
class Rectangle(Surrogate):
    r"""Rectangle of area 1: $h_1$ of STBP.

    $$ g'(u) = \tfrac1a\,[\,|u| < a/2\,], \qquad
       g(u) = \tfrac12 + \min(\tfrac12, \max(-\tfrac12,\ u / a)) $$

    Args:
        width: $a$ > 0, the full width of the window; the height is $1 / a$.

    References:
        Wu et al. (2018), "Spatio-temporal backpropagation for training high-performance spiking
        neural networks", doi:10.3389/fnins.2018.00331 ($h_1$).
    """

    width: float = 1.0

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        return (torch.abs(u) < self.width / 2).to(u.dtype) / self.width

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        return 0.5 + torch.clamp(u / self.width, min=-0.5, max=0.5)


@final
@dataclass(frozen=True)
class PiecewiseLinear(Surrogate):
    r"""A step of three straight pieces: a steep one at the threshold, a leak on both sides.

    $$ g'(u) = \begin{cases} 1/a & |u| < a/2 \\ c & \text{otherwise} \end{cases} $$

    $$ g(u) = \tfrac12 + c\,u + (\tfrac1a - c)\,\min(\tfrac a2, \max(-\tfrac a2,\ u)) $$

    Known as a piecewise leaky ReLU; `leak=0` is exactly `Rectangle(width)`.

    Args:
        width: $a$ > 0, the full width of the steep piece, whose slope is $1 / a$.
        leak: $c$ >= 0, the slope outside, which keeps far neurons learning.
    """

    width: float = 1.0
    leak: float = 0.01
    _zero_allowed: ClassVar[tuple[str, ...]] = ("leak",)

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        inside = (torch.abs(u) < self.width / 2).to(u.dtype)
        return inside / self.width + (1.0 - inside) * self.leak

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        steep = torch.clamp(u, min=-self.width / 2, max=self.width / 2)
        return 0.5 + self.leak * u + (1.0 / self.width - self.leak) * steep


@final
@dataclass(frozen=True)
class Erf(Surrogate):
    r"""Derivative of the error function, by its sharpness.

    $$ g'(u) = \frac{\alpha}{\sqrt\pi}\, e^{-(\alpha u)^2}, \qquad
       g(u) = \tfrac12 (1 + \mathrm{erf}(\alpha u)) $$

    The same bump as `Gaussian(sigma=1 / (alpha * sqrt(2)))`.

    Args:
        alpha: Sharpness, > 0; the peak is `alpha / sqrt(pi)`. 2 is SpikingJelly's default.
    """

    alpha: float = 2.0

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        z = self.alpha * u
        return (self.alpha / math.sqrt(math.pi)) * torch.exp(-(z * z))

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        return 0.5 * (1.0 + torch.erf(self.alpha * u))


def _normal(u: Tensor, mean: float, sigma: float) -> Tensor:
    """Return the density of a normal distribution."""
    z = (u - mean) / sigma
    return torch.exp(-0.5 * (z * z)) * (1.0 / (sigma * math.sqrt(2 * math.pi)))


def _half_erf(u: Tensor, mean: float, sigma: float) -> Tensor:
    """Return the normal distribution function minus one half."""
    return 0.5 * torch.erf((u - mean) / (sigma * math.sqrt(2)))


@final
@dataclass(frozen=True)
class Gaussian(Surrogate):
    r"""Normal density, by its standard deviation.

    $$ g'(u) = \mathcal N(u; 0, \sigma^2) = \frac{1}{\sqrt{2\pi}\,\sigma} e^{-u^2 / 2\sigma^2} $$

    $$ g(u) = \tfrac12 (1 + \mathrm{erf}(\tfrac{u}{\sqrt2\,\sigma})) $$

    Args:
        sigma: Standard deviation, > 0, in units of `u`; the peak is about `0.4 / sigma`.

    References:
        Wu et al. (2018), doi:10.3389/fnins.2018.00331 ($h_4$, with $\sigma^2 = a$).
    """

    sigma: float = 0.5

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        return _normal(u, 0.0, self.sigma)

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        return 0.5 + _half_erf(u, 0.0, self.sigma)


@final
@dataclass(frozen=True)
class MultiGaussian(Surrogate):
    r"""A normal density with two shallow negative lobes beside it.

    $$ g'(u) = (1 + h)\,\mathcal N(u; 0, \sigma^2) - h\,\mathcal N(u; \sigma, (s\sigma)^2)
       - h\,\mathcal N(u; -\sigma, (s\sigma)^2) $$

    $g$ is the same sum of normal distribution functions; it rises by $1 - h$ in all and is not
    monotone.

    Args:
        h: Weight of the negative lobes, >= 0.
        s: Their standard deviation over that of the centre, > 0.
        sigma: Standard deviation of the centre, > 0, in units of `u`.

    References:
        Yin, Corradi & Bohté (2021), "Accurate and efficient time-domain classification with
        adaptive spiking recurrent neural networks", doi:10.1038/s42256-021-00397-w.
    """

    h: float = 0.15
    s: float = 6.0
    sigma: float = 0.5
    _zero_allowed: ClassVar[tuple[str, ...]] = ("h",)

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        wide = self.s * self.sigma
        lobes = _normal(u, self.sigma, wide) + _normal(u, -self.sigma, wide)
        return (1.0 + self.h) * _normal(u, 0.0, self.sigma) - self.h * lobes

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        wide = self.s * self.sigma
        lobes = _half_erf(u, self.sigma, wide) + _half_erf(u, -self.sigma, wide)
        return 0.5 + (1.0 + self.h) * _half_erf(u, 0.0, self.sigma) - self.h * lobes


@final
@dataclass(frozen=True)
class StraightThrough(Surrogate):
    r"""The gradient passes as if the spike were the membrane.

    $$ g'(u) = 1, \qquad g(u) = \tfrac12 + u $$

    References:
        Bengio, Léonard & Courville (2013), "Estimating or propagating gradients through
        stochastic neurons for conditional computation", arXiv:1308.3432.
    """

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        return torch.ones_like(u)

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        return 0.5 + u


SURROGATES: tuple[type[Surrogate], ...] = (
    ATan,
    FastSigmoid,
    Sigmoid,
    Triangle,
    Rectangle,
    PiecewiseLinear,
    Erf,
    Gaussian,
    MultiGaussian,
    StraightThrough,
)
"""Every surrogate class, each of which can be built without arguments."""
