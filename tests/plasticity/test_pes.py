"""PES against least squares, on a population that represents a number (NEF)."""

import math

import pytest
import torch
from torch import Tensor

import spikeloom as sl
from spikeloom.plasticity import PES

NEURONS = 60


def population(x: Tensor, seed: int = 0) -> Tensor:
    """Spikes of neurons with random tuning to numbers `[T, B, 1]` in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    encoder = torch.randint(2, (NEURONS,), generator=generator) * 2.0 - 1.0
    start = 1.8 * torch.rand(NEURONS, generator=generator) - 0.9  # fires where e x exceeds it
    slope = 4.0 + 4.0 * torch.rand(NEURONS, generator=generator)
    drive = 1.0 + slope * (encoder * x - start)
    return sl.LIF.from_tau(20e-3, dt=1e-3, reset="zero")(drive * (1 - math.exp(-1 / 20)))[0]


def slow_signal(steps: int, batch: int, seed: int) -> Tensor:
    """Sums of slow sines, `[T, B, 1]`, in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    hertz = 0.5 + 2.0 * torch.rand(1, batch, 3, generator=generator)
    phase = 2 * math.pi * torch.rand(1, batch, 3, generator=generator)
    time = torch.arange(steps)[:, None, None] * 1e-3
    waves = torch.sin(2 * math.pi * hertz * time + phase).mean(2, keepdim=True)
    return waves / waves.abs().amax(0)


@pytest.mark.parametrize("function", [lambda x: x, torch.square], ids=["identity", "square"])
def test_learns_the_decoder_that_least_squares_finds(function) -> None:
    rule = PES(rate=5e-3, tau=20e-3)
    x, seen = slow_signal(1500, 16, seed=0), slow_signal(1000, 16, seed=1)
    decoders = torch.zeros(1, NEURONS)
    state = None
    for _ in range(2):
        _, state = rule.learn(decoders, population(x), function(x), state)

    frozen = PES(rate=1e-30, tau=20e-3)
    filtered = activity_of(population(x), 20e-3)
    solution = torch.linalg.lstsq(
        filtered.flatten(0, 1).double(), function(x).flatten(0, 1).double(), driver="gelsd"
    ).solution
    errors = []
    for d in (decoders, solution.T.float(), torch.zeros(1, NEURONS)):
        decoded, _ = frozen.learn(d.clone(), population(seen), function(seen))
        errors.append((decoded - function(seen))[100:].square().mean().sqrt().item())
    learned, best, none = errors
    assert best < learned < best + 0.05 and learned < 0.25 * none


def activity_of(spikes: Tensor, tau: float) -> Tensor:
    """Filtered spikes, by another road: a leaky integrator."""
    rho = math.exp(-1e-3 / tau)
    return sl.LI(beta=rho)((1 - rho) / 1e-3 * spikes)[0]


def test_one_step_is_the_equation() -> None:
    spikes, target = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]), torch.tensor([[[1.0], [2.0]]])
    decoders = torch.tensor([[1e-3, 2e-3]])
    y, state = PES(rate=1e-4, tau=0.0).learn(decoders, spikes, target)
    assert torch.equal(state.activity, 1000 * spikes[0])
    torch.testing.assert_close(y[0], torch.tensor([[1.0], [3.0]]))
    # Only the second sample errs, by 1: kappa dt / N * 1000 Hz / B = 1e-4 * 1e-3 / 2 * 1000 / 2.
    torch.testing.assert_close(decoders, torch.tensor([[1e-3, 2e-3]]) - 2.5e-5)


def test_goes_on_from_a_state() -> None:
    spikes, target = (torch.rand(30, 2, 5) < 0.2).float(), torch.rand(30, 2, 3)
    whole, parts = torch.zeros(3, 5), torch.zeros(3, 5)
    rule = PES(rate=1e-2)
    out, _ = rule.learn(whole, spikes, target)
    first, state = rule.learn(parts, spikes[:11], target[:11])
    rest, _ = rule.learn(parts, spikes[11:], target[11:], state)
    assert torch.equal(whole, parts) and torch.equal(out, torch.cat([first, rest]))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="rate=0"):
        PES(rate=0)
    spikes = torch.zeros(4, 2, 3)
    with pytest.raises(ValueError, match=r"a target \(4, 2, 2\)"):
        PES().learn(torch.zeros(1, 3), spikes, torch.zeros(4, 2, 2))
    with pytest.raises(ValueError, match="not finite"):
        PES().learn(torch.zeros(1, 3), spikes, torch.full((4, 2, 1), math.inf))
