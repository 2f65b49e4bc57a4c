"""Losses, accuracies, encoders and rules beside snnTorch 1.0.0."""

import importlib
from typing import Any

import pytest
import torch
from torch import nn

import spikeloom.compat.snntorch.functional as ours
import spikeloom.compat.snntorch.spikegen as our_spikegen

pytest.importorskip("snntorch")
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

theirs: Any = importlib.import_module("snntorch.functional")
their_spikegen: Any = importlib.import_module("snntorch.spikegen")
T, B, K = 20, 6, 5
WEIGHT = torch.tensor([0.3, 1.0, 2.0, 0.5, 0.7])


def spikes(outputs: int = K) -> torch.Tensor:
    out = (torch.rand(T, B, outputs) < 0.3).float()
    out[3, :, 0] = 1.0  # nobody is silent
    return out


LABELS = torch.tensor([0, 1, 2, 3, 4, 0])
POPULATION = {"population_code": True, "num_classes": K}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ce_rate_loss", {}),
        ("ce_rate_loss", {"reduction": "none"}),
        ("ce_count_loss", {}),
        ("ce_count_loss", {"weight": WEIGHT}),
        ("ce_count_loss", POPULATION),
        ("ce_max_membrane_loss", {}),
        ("mse_count_loss", {"correct_rate": 0.8, "incorrect_rate": 0.2}),
        ("mse_count_loss", {"reduction": "none"}),
        ("mse_count_loss", POPULATION),
        ("mse_membrane_loss", {"on_target": 2, "off_target": 0.5}),
        ("mse_temporal_loss", {"on_target": 2, "off_target": 9}),
        ("mse_temporal_loss", {"on_target": 2, "off_target": 9, "tolerance": 3}),
        ("ce_temporal_loss", {}),
        ("ce_temporal_loss", {"inverse": "reciprocal", "weight": WEIGHT}),
    ],
)
def test_a_loss_is_the_same(name, options):
    x = spikes(2 * K if "population_code" in options else K)
    if "membrane" in name:
        x = torch.randn_like(x)
    found = []
    for functional in (ours, theirs):
        out = x.clone().requires_grad_()
        loss = getattr(functional, name)(**options)(out, LABELS)
        loss.sum().backward()
        found.append((loss.detach(), out.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-7)


def test_accuracies_are_the_same():
    x, many = spikes(), spikes(2 * K)
    assert ours.accuracy_rate(x, LABELS) == theirs.accuracy_rate(x, LABELS)
    assert ours.accuracy_temporal(x, LABELS) == theirs.accuracy_temporal(x, LABELS)
    found = ours.accuracy_rate(many, LABELS, True, K)
    assert found == theirs.accuracy_rate(many, LABELS, True, K)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_bits": 4, "threshold": 2},
        {"num_bits": 1, "uniform": False},
        {"num_bits": 3, "uniform": False},
        {"num_bits": 5, "uniform": False, "thr_centered": False, "lower_limit": 0.3},
        {"num_bits": 8, "uniform": False, "multiplier": 0.8},
    ],
)
def test_a_quantiser_is_the_same(options):
    x = 1.5 * torch.randn(500)
    mine = ours.quant.state_quant(**options)(x)
    other = importlib.import_module("snntorch.functional.quant").state_quant(**options)(x)
    torch.testing.assert_close(mine, other, rtol=0, atol=1e-6)


DATA = torch.rand(4, 7, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("rate", DATA, {"num_steps": 10}),
        ("rate", DATA, {"num_steps": 9, "gain": 2, "offset": 0.1, "first_spike_time": 2}),
        ("rate", DATA[:, None], {"time_var_input": True, "first_spike_time": 2}),
        ("latency", DATA, {"num_steps": 50}),
        ("latency", DATA, {"num_steps": 50, "normalize": True, "on_target": 2}),
        ("latency", DATA, {"num_steps": 50, "normalize": True, "linear": True}),
        ("latency", DATA, {"num_steps": 20, "tau": 5, "bypass": True, "clip": True,
                           "threshold": 0.2, "first_spike_time": 3}),
        ("latency", DATA, {"tau": 5, "bypass": True}),
        ("latency", DATA, {"num_steps": 20, "normalize": True, "interpolate": True}),
        ("delta", DATA, {"threshold": 0.3}),
        ("delta", DATA, {"threshold": 0.3, "off_spike": True, "padding": True}),
        ("targets_convert", LABELS, {"num_classes": K}),
        ("targets_convert", LABELS, {"num_classes": K, "num_steps": 9, "first_spike_time": 2}),
        ("targets_latency", LABELS, {"num_classes": K, "num_steps": 9, "normalize": True}),
        ("targets_rate", LABELS, {"num_classes": K, "on_target": 1, "off_target": 0.2}),
        ("to_one_hot", LABELS, {"num_classes": K}),
    ],
)  # fmt: skip
def test_an_encoder_is_the_same(name, data, options):
    found = []
    for spikegen in (our_spikegen, their_spikegen):
        torch.manual_seed(3)
        found.append(getattr(spikegen, name)(data, **options))
    torch.testing.assert_close(found[0], found[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pattern", ["regular", "uniform", "poisson"])
def test_target_trains_are_the_same(pattern):
    found = []
    for spikegen in (our_spikegen, their_spikegen):
        torch.manual_seed(3)
        found.append(spikegen.target_rate_code(12, 2, 0.4, pattern))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def rules() -> Any:
    return importlib.import_module("snntorch.functional.stdp_learner")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(6, 4), (3, 6)),
        (nn.Conv2d(2, 3, 3, stride=2, padding=1), (3, 2, 7, 7)),
        (nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"), (3, 2, 8)),
    ],
)
def test_a_rule_is_the_same(layer, shape):
    kind = type(layer).__name__.lower()
    traces = [(None, None), (None, None)]
    for _ in range(4):
        before = (torch.rand(shape) < 0.4).float()
        behind = (torch.rand_like(layer(before)) < 0.4).float()
        changes = []
        for i, module in enumerate((ours.stdp_learner, rules())):
            rule = getattr(module, f"stdp_{kind}_single_step")
            pre, post, change = rule(layer, before, behind, *traces[i], 2.0, 3.0)
            traces[i] = (pre, post)
            changes.append(change)
        torch.testing.assert_close(changes[0], changes[1], rtol=1e-5, atol=1e-5)


def test_eligibilities_are_the_same():
    layer = nn.Linear(6, 4)
    before, behind = (torch.rand(3, 6) < 0.4).float(), (torch.rand(3, 4) < 0.4).float()
    single = [
        m.mstdpet_linear_single_step(layer, before[0], behind[0], None, None, 2.0, 3.0, 4.0)
        for m in (ours.stdp_learner, rules())
    ]
    batch = [
        m.mstdp_linear_single_step(layer, before, behind, None, None, 2.0, 3.0)
        for m in (ours.stdp_learner, rules())
    ]
    for mine, other in (single, batch):
        torch.testing.assert_close(mine, other)
