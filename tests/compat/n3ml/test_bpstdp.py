"""A program of BP-STDP: digits are learned, spike by spike."""

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.compat import n3ml
from spikeloom.plasticity import BPSTDP
from tests.compat.n3ml.digit_images import images

STEPS, BACK = 20, 5


def present(model, spikes, learn=None) -> torch.Tensor:
    """Run over the steps; `learn(last, t)` after each. Returns the outputs' spikes."""
    seen: dict[str, list] = {"inp": [], "fc1": [], "fc2": []}
    for t, x in enumerate(spikes):
        model(x)
        for name, now in zip(seen, (x, model.fc1.o, model.fc2.o), strict=True):
            seen[name].append(now.clone())
        if learn is not None:
            learn({name: rows[-BACK:] for name, rows in seen.items()}, t)
    model.reset_variables(w=False)
    return torch.stack(seen["fc2"])


def test_zeros_and_ones_are_learned():
    model = n3ml.model.TravanaeiAndMaida2017(num_classes=2, hidden_neurons=60)
    model.reset_variables(generator=torch.Generator().manual_seed(0))
    encoder = n3ml.encoder.Simple(time_interval=STEPS, scale=2.0)
    optimizer = n3ml.optimizer.TavanaeiAndMaida(model, lr=2e-3)
    for image, label in zip(*images(100), strict=True):
        teacher = n3ml.label.label_encoder(label, 250, 2, STEPS)
        spikes = encoder(image).view(STEPS, -1)
        present(model, spikes, lambda last, t: optimizer.step(last, teacher[t], label))  # noqa: B023
    right = 0.0
    for image, label in zip(*images(40, split="test"), strict=True):
        out = present(model, encoder(image).view(STEPS, -1))
        right += float(n3ml.loss.accuracy(out, label))
    assert right / 40 > 0.9


def test_one_step_is_the_rule_of_the_native_module():
    """A window of spikes with the teacher at its end: the same change, from the gradient."""
    torch.manual_seed(1)
    model = n3ml.model.TavanaeiAndMaida2017(3, hidden_neurons=7, in_neurons=6)
    model.reset_variables()
    weights = [model.fc1.w.clone(), model.fc2.w.clone()]
    native = BPSTDP(
        sl.Sequential(
            nn.Linear(6, 7, bias=False), sl.IF(0.9, reset="zero", fire=">="),
            nn.Linear(7, 3, bias=False), sl.IF(0.025 * 7, reset="zero", fire=">="),
        ),
        window=BACK,
    )  # fmt: skip
    for p, w in zip(native.parameters(), weights, strict=True):
        p.data.copy_(w)
    x = (torch.rand(BACK, 6) < 0.5).float()
    out, _ = native(x[:, None])
    teacher = torch.eye(BACK)[-1][:, None]
    native.loss(out, torch.tensor([2]), teacher).backward()
    wanted = torch.tensor([0.0, 0.0, 1.0])
    optimizer = n3ml.optimizer.TavanaeiAndMaida(model, lr=0.5)

    def learn(last, t):
        optimizer.step(last, wanted * teacher[t], 2)

    assert torch.equal(present(model, x, learn), out[:, 0])
    changes = [model.fc1.w - weights[0], model.fc2.w - weights[1]]
    for p, change in zip(native.parameters(), changes, strict=True):
        assert p.grad is not None and change.abs().sum() > 0
        torch.testing.assert_close(change, -0.5 * p.grad)


def test_membranes_and_spikes_start_anew():
    model = n3ml.model.TavanaeiAndMaida2017(2, hidden_neurons=4, in_neurons=3)
    model.reset_variables()
    model.fc1.w.abs_()
    out = [model(torch.ones(2, 3)).clone() for _ in range(3)]
    assert out[0].shape == (2, 2) and model.fc1.o.any()
    kept = model.fc1.w.clone()
    model.reset_variables(w=False)
    assert not model.fc1.u.any() and not model.fc1.o.any() and torch.equal(model.fc1.w, kept)
    assert all(torch.equal(model(torch.ones(2, 3)), o) for o in out)


def test_errors_of_different_classes_do_not_cancel():
    """n3ml adds them up before it squares: this case scores 0 there."""
    teacher, spikes = torch.zeros(10, 3), torch.zeros(10, 3)
    teacher[4, 1] = 1.0  # output 1 should have fired in steps 1 to 4, and 0 should not
    spikes[4, 0] = spikes[0, 2] = 1.0
    assert n3ml.loss.mse(spikes, teacher, label=1).item() == pytest.approx(0.02)
    spikes[1, 1] = 1.0
    assert n3ml.loss.mse(spikes, teacher, label=1).item() == pytest.approx(0.01)
