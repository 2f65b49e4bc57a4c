"""Synaptic: two filters in a row, known in closed form below the threshold."""

import math

import pytest
import torch

import spikeloom as sl

BACKENDS = ("reference", "cpu")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.9), (0.9, 0.5), (0.0, 0.7), (0.8, 0.8)])
def test_impulse_response_is_a_difference_of_exponentials(
    alpha: float, beta: float, backend: str
) -> None:
    """i_n = alpha^n and v_n = sum_k alpha^k beta^(n - k), n = 0 in the step of the impulse."""
    layer = sl.Synaptic(
        torch.tensor(alpha, dtype=torch.float64),
        torch.tensor(beta, dtype=torch.float64),
        threshold=100.0,
        emit=("v", "i"),
        backend=backend,
    )
    x = torch.zeros(20, 1, 1, dtype=torch.float64)
    x[0] = 1.0
    (v, i), state = layer(x)
    n = torch.arange(20, dtype=torch.float64)
    if alpha == beta:
        want = (n + 1) * alpha**n
    else:
        want = (alpha ** (n + 1) - beta ** (n + 1)) / (alpha - beta)
    torch.testing.assert_close(v.flatten(), want, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(i.flatten(), alpha**n, rtol=1e-12, atol=1e-15)
    assert torch.equal(state.v, v[-1]) and torch.equal(state.i, i[-1])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reset", ["subtract", "zero", -0.5])
def test_the_reset_leaves_the_current_alone(reset: str | float, backend: str) -> None:
    layer = sl.Synaptic(0.5, 0.5, reset=reset, emit=("spike", "v", "i"), backend=backend)  # type: ignore[arg-type]
    (spikes, v, i), state = layer(torch.tensor([1.5, 0.0]).reshape(2, 1, 1))
    after = {"subtract": 0.5, "zero": 0.0, -0.5: -0.5}[reset]
    assert i.flatten().tolist() == [1.5, 0.75]
    assert v.flatten().tolist() == [1.5, after / 2 + 0.75]
    assert spikes.flatten().tolist() == [1.0, 0.0]
    assert state.i.item() == 0.75


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_synaptic_memory_it_is_lif(backend: str) -> None:
    x = torch.randn(30, 3, 4)
    spikes, state = sl.Synaptic(alpha=0.0, beta=0.9, backend=backend)(x)
    expected, same = sl.LIF(beta=0.9, backend=backend)(x)
    assert spikes.any() and torch.equal(spikes, expected) and torch.equal(state.v, same.v)


def test_from_tau() -> None:
    layer = sl.Synaptic.from_tau(tau_syn=5e-3, tau_mem=20e-3, dt=1e-3, fire=">=", learn="alpha")
    assert layer.alpha.item() == pytest.approx(math.exp(-0.2), rel=1e-6)
    assert layer.beta.item() == pytest.approx(math.exp(-0.05), rel=1e-6)
    assert list(layer.state_dict()) == ["alpha_raw", "beta", "threshold"]


def test_state_names_current_first() -> None:
    assert sl.Synaptic()(torch.rand(2, 1, 1))[1]._fields == ("i", "v")
