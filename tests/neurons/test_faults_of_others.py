"""Faults that other libraries had in their neurons, each as a test that ours does not have it.

snnTorch 1.0.0, SpikingJelly 2.0.0, n3ml, PySNN 0.1.1 and spikingtorch 0.1.3, as reproduced there.
"""

import copy
import gc
import weakref
from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.spikes import Graded
from spikeloom.surrogate import Fire
from tests.neurons.float64 import BACKENDS, series

every_backend = pytest.mark.parametrize("backend", BACKENDS)


def test_decays_of_alpha_can_be_learned() -> None:
    """snnTorch: TypeError."""
    layer = sl.Alpha(learn=("alpha", "beta", "threshold"))
    layer(torch.rand(20, 2, 3) * 3)[0].sum().backward()
    assert all(p.grad is not None and p.grad.abs() > 0 for p in layer.parameters())


@pytest.mark.parametrize("learn", [(), ("threshold",)])
@pytest.mark.parametrize("threshold", [1, torch.tensor(1), torch.tensor([1, 2, 3])])
def test_whole_numbers_are_parameters_like_others(threshold: Any, learn: tuple[str, ...]) -> None:
    """snnTorch: int64 buffers, a crash if learned. SpikingJelly: an empty AssertionError."""
    layer = sl.LIF(0.5, threshold=threshold, learn=learn)
    assert layer.threshold.is_floating_point()
    spikes, _ = layer(torch.full((4, 1, 3), 0.75))
    torch.testing.assert_close(spikes, sl.LIF(0.5, layer.threshold)(torch.full((4, 1, 3), 0.75))[0])


@pytest.mark.parametrize("start", [0.001, 0.999])
def test_a_learned_decay_never_dies(start: float) -> None:
    """snnTorch clamps it to [0, 1], with no gradient outside."""
    layer = sl.LIF(start, learn="beta", emit="v")
    optimizer = torch.optim.SGD(layer.parameters(), lr=100.0)
    direction = 1.0 if start > 0.5 else -1.0
    for sign in (-direction, direction):  # far out, and back
        for _ in range(5):
            optimizer.zero_grad()
            (sign * layer(torch.full((5, 1, 1), 0.1))[0].sum()).backward()
            assert layer.beta_raw.grad is not None and layer.beta_raw.grad.abs() > 0
            optimizer.step()
    assert 0 < layer.beta.item() < 1


def test_a_spike_that_carries_nothing_is_0_and_not_nan() -> None:
    """snnTorch, a graded factor of 0 without reset delay: NaN."""
    for reset in ("subtract", "zero"):
        out, state = sl.LIF(spike=Graded(0.0), reset=reset)(2 * torch.rand(20, 2, 3))  # type: ignore[arg-type]
        assert not out.any() and torch.isfinite(state.v).all() and state.v.max() < 2


@every_backend
@pytest.mark.parametrize(
    "kind", [sl.IF, sl.LIF, sl.Synaptic, sl.ALIF, sl.McCullochPitts, sl.CoarseLIF], ids=str
)
def test_the_threshold_hit_exactly_is_the_users_choice(kind: Any, backend: str) -> None:
    """n3ml resets there without a spike, spikingtorch sends 0.5, snnTorch says >= and means >."""
    x = series([0.5])
    options: tuple[tuple[Fire, float], ...] = ((">", 0.0), (">=", 1.0))
    for fire, spike in options:
        (h,) = kind(emit=("v",), threshold=9.0)(x)[0]
        threshold = torch.tensor(h.item(), dtype=torch.float64)
        spikes, state = kind(threshold=threshold, fire=fire, backend=backend)(x)
        assert spikes.item() == spike
        if "v" in state._fields and kind is not sl.CoarseLIF:
            assert state.v.item() == pytest.approx(0.0 if spike else h.item(), abs=1e-15)


@every_backend
def test_the_reset_comes_in_the_step_of_the_spike(backend: str) -> None:
    """snnTorch: u = 1.5 and then 0.35 by default, 0.45 without its delay."""
    _, state = sl.LIF(beta=torch.tensor(0.9).double(), backend=backend)(series([1.5, 0.0]))
    assert state.v.item() == pytest.approx(0.45, abs=1e-7)


@every_backend
def test_a_residue_above_the_threshold_is_taken_off_once_per_step(backend: str) -> None:
    """snnTorch without delay takes it off twice."""
    layer = sl.IF(emit=("spike", "v"), backend=backend)
    (spikes, v), state = layer(series([3.5, 0.0, 0.0, 0.0]))
    assert spikes.flatten().tolist() == [1.0, 1.0, 1.0, 0.0]
    assert v.flatten().tolist() == [3.5, 2.5, 1.5, 0.5] and state.v.item() == 0.5


@every_backend
@pytest.mark.parametrize(("x", "threshold", "count"), [(0.3, 0.5, 5), (0.6, 1.0, 5)])
def test_the_membrane_remembers_and_resets(
    x: float, threshold: float, count: int, backend: str
) -> None:
    """n3ml: no memory in one layer (0 spikes in 10 steps), no reset in another."""
    spikes, _ = sl.IF(threshold, reset="zero", backend=backend)(torch.full((10, 1, 1), x))
    assert spikes.sum().item() == count


@every_backend
def test_an_adapted_threshold_returns_to_its_own_value(backend: str) -> None:
    """PySNN's decays to 0."""
    x = torch.zeros(600, 1, 1)
    x[:5] = 3.0
    raised, _ = sl.ALIF(rho=0.9, threshold=0.7, emit="threshold", backend=backend)(x)
    assert raised.max() > 0.9 and raised[-1].item() == pytest.approx(0.7)


def test_nothing_has_to_be_reset_between_batches() -> None:
    """Elsewhere: "backward through the graph a second time"."""
    net = sl.Sequential(nn.Linear(3, 4), sl.Alpha(), nn.Linear(4, 2), sl.AdEx())
    for batch in (5, 5, 2):
        out, _ = net(3 * torch.rand(10, batch, 3))
        out.sum().backward()


def test_a_copy_after_a_training_step_works_alone() -> None:
    """Elsewhere deepcopy fails, or resetting one net resets the others."""
    net = sl.Sequential(nn.Linear(3, 4), sl.SEAdLIF(learn="a", emit="v"))
    x = 9 * torch.rand(10, 2, 3)
    net(x)[0].sum().backward()
    twin = copy.deepcopy(net)
    want, state = net(x)
    twin(torch.rand(7, 5, 3))
    assert torch.equal(twin(x)[0], want) and torch.equal(net(x, None)[0], want)
    assert not torch.equal(net(x, state)[0], want)  # a state lasts only if it is handed on


def test_layers_that_nobody_holds_are_freed() -> None:
    """snnTorch keeps every one in a list."""
    layer = sl.Izhikevich(learn="a")
    layer(torch.rand(5, 2, 3))
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_spikes_have_the_dtype_of_the_net(dtype: torch.dtype) -> None:
    """snnTorch's are float32, and the next layer refuses them."""
    inner = sl.Recurrent(sl.LIF(), torch.full((4,), 0.2))
    net = sl.Sequential(nn.Linear(3, 4), sl.ResonateAndFire(), nn.Linear(4, 4), inner).to(dtype)
    out, _ = net(torch.rand(5, 2, 3, dtype=dtype))
    assert out.dtype == dtype
