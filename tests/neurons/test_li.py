"""LI: a linear filter, known in closed form with all its derivatives."""

import math

import pytest
import torch
from torch import Tensor

import spikeloom as sl

BACKENDS = ("reference", "cpu")
BETA = torch.tensor(0.85, dtype=torch.float64)


def filtered(x: Tensor, beta: float) -> Tensor:
    """The convolution with beta^k, written as one matrix."""
    t = torch.arange(len(x), dtype=torch.float64)
    lag = t[:, None] - t[None]
    kernel = torch.where(lag >= 0, beta ** lag.clamp(min=0), 0.0)
    return torch.einsum("ts,sbn->tbn", kernel, x)


@pytest.mark.parametrize("backend", BACKENDS)
def test_is_an_exponential_filter(backend: str) -> None:
    x = torch.randn(30, 2, 3, dtype=torch.float64)
    v, state = sl.LI(BETA, backend=backend)(x)
    torch.testing.assert_close(v, filtered(x, 0.85), rtol=1e-12, atol=1e-12)
    assert torch.equal(state.v, v[-1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradient_of_beta_in_closed_form(backend: str) -> None:
    """With constant input x, v_T = x sum_k beta^k, so dv_T/dbeta = x sum_k k beta^(k - 1)."""
    steps, x = 12, 0.5
    layer = sl.LI(BETA, learn="beta", backend=backend)
    v, _ = layer(torch.full((steps, 1, 1), x, dtype=torch.float64))
    v[-1].sum().backward()
    by_beta = x * sum(k * 0.85 ** (k - 1) for k in range(1, steps))
    raw = layer.get_parameter("beta_raw")
    assert raw.grad is not None
    assert raw.grad.item() == pytest.approx(by_beta * 0.85 * 0.15, rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradient_of_the_initial_state(backend: str) -> None:
    start = torch.ones(1, 2, dtype=torch.float64, requires_grad=True)
    v, _ = sl.LI(BETA, backend=backend)(torch.zeros(5, 1, 2, dtype=torch.float64), (start,))
    (slope,) = torch.autograd.grad(v[-1].sum(), start)
    torch.testing.assert_close(slope, torch.full_like(start, 0.85**5))


@pytest.mark.parametrize("backend", BACKENDS)
def test_beta_of_one_sums_and_of_zero_forgets(backend: str) -> None:
    x = torch.randn(9, 2, 3)
    torch.testing.assert_close(sl.LI(1.0, backend=backend)(x)[0], x.cumsum(0))
    assert torch.equal(sl.LI(0.0, backend=backend)(x)[0], x)


def test_emits_only_v() -> None:
    assert isinstance(sl.LI(emit=("v",))(torch.rand(2, 1, 1))[0], tuple)
    with pytest.raises(ValueError, match=r'LI got emit=\'spike\': it can emit "v"\. Use emit="v"'):
        sl.LI(emit="spike")


def test_from_tau() -> None:
    assert sl.LI.from_tau(10e-3, dt=2e-3).beta.item() == pytest.approx(math.exp(-0.2), rel=1e-7)
