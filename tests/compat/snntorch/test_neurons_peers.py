"""Side by side with snnTorch 1.0.0: outputs, states, gradients, checkpoints."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportIndexIssue=false, reportAttributeAccessIssue=false

import importlib
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom.compat.snntorch as ours

theirs: Any = pytest.importorskip("snntorch")
pytestmark = pytest.mark.peers

STEPS, BATCH, SIZE = 40, 3, 6
Build = Callable[[Any], nn.Module]

BUILDS: dict[str, Build] = {
    f"{kind}-{reset}{'' if delay else '-at-once'}": lambda snn, k=kind, a=args, r=reset, d=delay: (
        getattr(snn, k)(*a, reset_mechanism=r, **({} if d else {"reset_delay": False}))
    )
    for kind, args, delays in (
        ("Leaky", (0.9,), (True, False)),
        ("Synaptic", (0.8, 0.9), (True, False)),
        ("Alpha", (0.9, 0.8), (True,)),
        ("Lapicque", (0.9, False, False, 1, 0.4), (True,)),
    )
    for reset in ("subtract", "zero", "none")
    for delay in delays
}
BUILDS |= {
    f"{kind}-{reset}": lambda snn, k=kind, a=args, r=reset: getattr(snn, k)(
        *a, linear_features=SIZE, reset_mechanism=r
    )
    for kind, args in (("RLeaky", (0.9,)), ("RSynaptic", (0.8, 0.9)))
    for reset in ("subtract", "zero", "none")
}
BUILDS |= {
    f"SLSTM-{reset}": lambda snn, r=reset: snn.SLSTM(SIZE, SIZE, threshold=0.05, reset_mechanism=r)
    for reset in ("subtract", "zero", "none")
}
BUILDS |= {
    "RLeaky-one-to-one": lambda snn: snn.RLeaky(0.9, all_to_all=False, V=torch.full((SIZE,), 0.4)),
    "RLeaky-fixed": lambda snn: snn.RLeaky(
        0.9, all_to_all=False, V=torch.full((SIZE,), 0.4), learn_recurrent=False
    ),
    "RLeaky-at-once": lambda snn: snn.RLeaky(0.9, linear_features=SIZE, reset_delay=False),
    "Lapicque-circuit": lambda snn: snn.Lapicque(R=5.0, C=0.5, time_step=0.5),
    "Lapicque-R": lambda snn: snn.Lapicque(beta=0.8, R=5.0),
    "Lapicque-C": lambda snn: snn.Lapicque(beta=0.9, C=1.0),
    "learned": lambda snn: snn.Leaky(
        torch.rand(SIZE, generator=torch.Generator().manual_seed(5)), learn_beta=True,
        learn_threshold=True, graded_spikes_factor=0.7, learn_graded_spikes_factor=True,
    ),
    "learned-at-once": lambda snn: snn.Leaky(
        0.9, learn_beta=True, learn_threshold=True, reset_delay=False
    ),
    "out-of-range": lambda snn: snn.Leaky(1.5, learn_beta=True),
    "inhibition": lambda snn: snn.Leaky(0.9, inhibition=True),
    "no-gradient": lambda snn: snn.Leaky(0.9, surrogate_disable=True),
    "quantised": lambda snn: snn.Leaky(
        0.9,
        state_quant=importlib.import_module(f"{snn.__name__}.functional.quant").state_quant(4),
    ),
}  # fmt: skip


def pair(build: Build) -> tuple[nn.Module, nn.Module]:
    """The same neuron of either library, ours from a checkpoint of theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mine, other = build(ours), build(theirs)
    mine.load_state_dict(other.state_dict())
    return mine, other


def run(layer: Any, x: Tensor) -> tuple[Tensor, ...]:
    """Outputs over time, the last state, and the gradients of input and parameters."""
    x = x.clone().requires_grad_()
    feeds_back = hasattr(layer, "recurrent")
    state, rows, states = layer.reset_mem(), [], []
    for x_t in x:
        spikes, *states = layer(x_t, *(state if isinstance(state, tuple) else (state,)))
        state = (spikes, *states) if feeds_back else tuple(states)
        rows.append(spikes)
    spikes = torch.stack(rows)
    total = (spikes * torch.linspace(-1, 1, spikes.numel()).view_as(spikes)).sum()
    (total + sum(s.sum() for s in states)).backward()
    parameters = [p.grad for _, p in sorted(layer.named_parameters()) if p.grad is not None]
    assert x.grad is not None
    return spikes.detach(), *(s.detach() for s in states), x.grad, *parameters


def drive(*shape: int) -> Tensor:
    return 1.2 * torch.rand(STEPS, *shape, generator=torch.Generator().manual_seed(1)) - 0.1


@pytest.mark.parametrize("name", BUILDS)
def test_a_neuron_is_the_same(name):
    mine, other = pair(BUILDS[name])
    x = drive(BATCH, SIZE)
    found, wanted = run(mine, x), run(other, x)
    assert torch.equal(found[0], wanted[0])
    assert 0.01 < found[0].mean() < 0.99
    for got, want in zip(found[1:], wanted[1:], strict=True):
        torch.testing.assert_close(got, want, rtol=2e-5, atol=2e-6)


def test_states_stay_on_the_module_the_same():
    mine, other = pair(lambda snn: nn.Sequential(snn.Synaptic(0.8, 0.9, init_hidden=True)))
    for x_t in drive(BATCH, SIZE):
        assert torch.equal(mine(x_t), other(x_t))
    for name in ("syn", "mem"):
        assert torch.equal(getattr(mine[0], name), getattr(other[0], name))


@pytest.mark.parametrize("pool", [{}, {"max_pool": 2}, {"avg_pool": 2}])
def test_the_convolutional_lstm_is_the_same(pool):
    mine, other = pair(lambda snn: snn.SConv2dLSTM(1, 2, 3, threshold=0.05, **pool))
    found, wanted = (run(layer, drive(BATCH, 1, 8, 8)) for layer in (mine, other))
    assert torch.equal(found[0], wanted[0])
    for got, want in zip(found[1:], wanted[1:], strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_convolutional_feedback_is_the_same():
    mine, other = pair(lambda snn: snn.RLeaky(0.9, conv2d_channels=2, kernel_size=3))
    x = drive(BATCH, 2, 5, 5)
    for got, want in zip(run(mine, x), run(other, x), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_the_delta_neuron_is_the_same():
    mine, other = (
        snn.DeltaLeaky(delta_threshold=0.3, beta=0.9, init_hidden=True) for snn in (ours, theirs)
    )
    for x_t in drive(BATCH, SIZE):
        (spk, (mem, prev)), (spk_, (mem_, prev_)) = mine(x_t), other(x_t)
        assert torch.equal(spk, spk_)
        assert torch.equal(mem, mem_)
        assert torch.equal(prev, prev_)


def whole(build: Build, x: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Output and gradients of layers that take whole sequences."""
    found = []
    for layer in pair(build):
        xs = x.clone().requires_grad_()
        out = layer(xs)
        out = out if isinstance(out, tuple) else (out,)
        sum(o.square().sum() for o in out).backward()
        gradients = (p.grad for _, p in sorted(layer.named_parameters()) if p.grad is not None)
        found.append((*(o.detach() for o in out), xs.grad, *gradients))
    return found[0], found[1]


@pytest.mark.parametrize(
    "build",
    [
        lambda snn: snn.StateLeaky(0.9, SIZE),
        lambda snn: snn.StateLeaky(torch.linspace(0.2, 0.9, SIZE), SIZE, output=False),
        lambda snn: snn.StateLeaky(0.9, SIZE, learn_beta=True, kernel_truncation_steps=4),
        lambda snn: snn.LinearLeaky(0.8, SIZE, 4, learn_beta=True, threshold=0.5),
        lambda snn: snn.LeakyParallel(SIZE, 5, beta=0.9, learn_beta=True, threshold=0.5),
        lambda snn: snn.LeakyParallel(SIZE, 5, weight_hh_enable=True, threshold=0.3),
    ],
)
def test_whole_sequences_are_the_same(build):
    found, wanted = whole(build, drive(BATCH, SIZE))
    for got, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=2e-4, atol=2e-4)


def test_the_matrix_of_keys_is_the_same_while_it_does_not_diverge_there():
    x = drive(BATCH, SIZE)[:6]
    found, wanted = whole(lambda snn: snn.AssociativeLeaky(SIZE, 3, 2, 6), x)
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("atan", (3.0,)),
        ("fast_sigmoid", (10,)),
        ("sigmoid", (4,)),
        ("straight_through_estimator", ()),
        ("triangular", (0.5,)),
        ("heaviside", ()),
        ("spike_rate_escape", (2, 5)),
        ("SFS", (25, 0.5)),
        ("custom_surrogate", (lambda u, grad, spikes: grad * u * spikes,)),
    ],
)
def test_surrogates_are_the_same(name, arguments):
    found = []
    for snn in (ours, theirs):
        u = torch.linspace(-3, 3, 101).requires_grad_()
        s = getattr(snn.surrogate, name)(*arguments)(u)
        (s * torch.linspace(1, 2, 101)).sum().backward()
        found.append((s.detach(), u.grad))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-5, atol=1e-6)


NAMES = [n for n in dir(theirs) if n[0].isupper() and hasattr(theirs, n)]


def test_every_public_name_is_here():
    assert [name for name in NAMES if not hasattr(ours, name)] == []
    for module in ("functional", "spikegen", "surrogate", "utils"):
        names = vars(importlib.import_module(f"snntorch.{module}"))
        home = importlib.import_module(f"spikeloom.compat.snntorch.{module}")
        public = (
            n for n, v in names.items() if getattr(v, "__module__", "").startswith("snntorch")
        )
        assert [n for n in public if n[0] != "_" and not hasattr(home, n)] == [], module


@pytest.mark.parametrize(
    "name",
    [n for n in NAMES if n not in ("DeltaLeaky", "BatchNormTT1d", "BatchNormTT2d", "GradedSpikes")],
)
def test_arguments_come_in_the_same_order_with_the_same_defaults(name):
    mine, other = (inspect.signature(getattr(snn, name)).parameters for snn in (ours, theirs))
    found = [(n, p.default) for n, p in mine.items()]
    assert found == [(n, p.default) for n, p in other.items()]
