"""A program of SpikeProp: Iris is learned from spike times."""

import pytest
import torch

from spikeloom.compat import n3ml
from spikeloom.spiketime import SpikePropUpdate, label_times


def answer(times: torch.Tensor) -> int:
    """The output that fired first; -1 if none did."""
    fired = torch.where(times < 0, torch.inf, times)
    return int(fired.argmin()) if fired.isfinite().any() else -1


def test_iris_is_learned():
    loader = n3ml.data.IRISDataLoader(ratio=0.8, generator=torch.Generator().manual_seed(0))
    flowers, limits = loader.run(), loader.summarize()
    fields = n3ml.encoder.Population(
        12, limits["min"], limits["max"], max_firing_time=30, not_to_fire=28, dt=1
    )
    labels = n3ml.label.LabelEncoder(3)
    model = n3ml.model.Bohte2002(generator=torch.Generator().manual_seed(1))
    optimizer = n3ml.optimizer.Bohte()
    end = torch.tensor(40.0)

    def spikes(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([fields.run(x).flatten(), torch.zeros(2)])

    def accuracy() -> float:
        pairs = zip(flowers["test.data"], flowers["test.target"], strict=True)
        return sum(answer(model(end, spikes(x))) == int(y) for x, y in pairs) / 30

    untrained = accuracy()
    for _ in range(3):
        for x, y in zip(flowers["train.data"], flowers["train.target"], strict=True):
            optimizer.step(model, spikes(x), labels.run(y))
    assert accuracy() >= max(0.75, untrained + 0.3)


@pytest.fixture
def model() -> n3ml.model.Bohte2002:
    return n3ml.model.Bohte2002(6, 4, 2, generator=torch.Generator().manual_seed(2))


def test_asking_step_by_step_shows_the_spikes_that_have_been(model):
    x = torch.tensor([0.0, 3.0, 1.0, -1.0, 5.0, 2.0])
    whole = model(torch.tensor(49.0), x).clone()
    assert (whole > 0).all() and (whole != whole.round()).any()
    model.initialize(delay=False)
    assert (model.fc2.s == -1).all()
    for t in range(50):
        out = model(torch.tensor(float(t)), x)
        assert torch.equal(out, torch.where(whole <= t, whole, -1.0))


def test_a_step_is_the_native_update_in_milliseconds(model):
    x, wanted = torch.tensor([0.0, 3.0, 1.0, -1.0, 5.0, 2.0]), torch.tensor([8.0, 13.0])
    twin = n3ml.model.Bohte2002(6, 4, 2, generator=torch.Generator().manual_seed(2))
    before = model.fc1.w.clone()
    n3ml.optimizer.Bohte(lr=0.01).step(model, x, wanted)
    net = torch.nn.Sequential(twin.fc1.native, twin.fc2.native)
    seconds = torch.where(x < 0, torch.inf, x / 1000)[None]
    targets = label_times(torch.tensor([0]), 2, early=8e-3, late=13e-3)
    SpikePropUpdate(net, lr=0.01).learn(seconds, targets)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert not torch.equal(model.fc1.w, before)


def test_learning_is_seen_at_once(model):
    """Times that were worked out with the weights of before do not stay."""
    x, at = torch.zeros(6), torch.tensor(40.0)
    first = model(at, x).clone()
    n3ml.optimizer.Bohte(lr=0.05).step(model, x, torch.tensor([20.0, 20.0]))
    assert (model(at, x) != first).any()
    model.initialize()
    assert model.fc1.d.tolist() == list(range(1, 17))
    assert (model.fc1.w >= 0.02).all() and (model.fc2.w[:, -1] < 0).all()
