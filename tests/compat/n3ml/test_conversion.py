"""Programs of conversion: the spiking networks say what the ANNs say."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from spikeloom.compat.n3ml.model import SVGG16, VGG16, Diehl2015, SNN_Diehl2015
from spikeloom.compat.n3ml.threshold import activation_based, spikenorm
from tests.compat.n3ml.digit_images import images, loader


def fit(net: nn.Module, batches: DataLoader, epochs: int, lr: float) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.1  # so few images are learned faster
    optimizer = torch.optim.Adam(net.parameters(), lr)
    for _ in range(epochs):
        for x, y in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    return net.eval()


def signed(x: torch.Tensor) -> torch.Tensor:
    return torch.bernoulli(x.abs().clamp(max=1.0)) * x.sign()


def check(ann: nn.Module, counts: torch.Tensor, x: torch.Tensor, labels: torch.Tensor) -> None:
    """Both are right, and agree."""
    with torch.no_grad():
        scores = ann(x)
    assert counts.shape == scores.shape and not counts.requires_grad
    assert (scores.argmax(1) == labels).float().mean() > 0.9
    assert (counts.argmax(1) == scores.argmax(1)).float().mean() > 0.9


def test_balanced_thresholds_carry_an_ann_over():
    batches = loader(*images(160))
    ann = fit(Diehl2015(), batches, 3, 2e-3)
    snn = SNN_Diehl2015(batch_size=20).eval()
    for name, weight in ann.state_dict().items():
        snn.state_dict()[name].copy_(weight)
    found = activation_based(train_loader=batches, model=ann)
    snn.update_threshold(found)
    assert snn.threshold == pytest.approx(found)
    test, labels = images(40, split="test")
    check(ann, snn(test, num_steps=40), test, labels)


def test_thresholds_are_ratios_of_activations():
    """n3ml returns the activations themselves, which starves every layer but the first."""
    ann = nn.Sequential()
    for i, gain in enumerate((2.0, 3.0, 0.5), 1):
        ann.add_module(f"fc{i}", nn.Linear(1, 1, bias=False))
        ann.add_module(f"fc{i}_relu", nn.ReLU())
        ann[-2].weight.data.fill_(gain)  # type: ignore[operator, union-attr]
    ann.pop(-1)  # the last layer gives scores
    batches = [(torch.tensor([[1.0], [0.5]]), torch.tensor([0, 0]))]
    assert activation_based(batches, ann) == pytest.approx([2.0, 3.0, 0.5])


@pytest.fixture(scope="module")
def vgg() -> nn.Module:
    torch.manual_seed(0)
    x, y = images(160, size=8, classes=3)
    small = VGG16(blocks=((12,), (24,)), hidden=(24,), in_channels=1, image_size=8)
    return fit(small, loader(x - 0.3, y), 6, 5e-3)


def test_spike_norm_carries_an_ann_over(vgg: nn.Module):
    x, y = images(60, size=8, classes=3)
    snn = SVGG16(vgg, batch_size=20)
    found = spikenorm(loader(x - 0.3, y), signed, snn, num_steps=40, scaling_factor=1.0)
    assert len(found) == 4 and snn.threshold == pytest.approx(found)
    test, labels = images(40, size=8, split="test", classes=3)
    check(vgg, snn(test - 0.3, num_steps=120), test - 0.3, labels)


def test_spike_norm_measures_layer_after_layer(vgg: nn.Module):
    """No neuron has to fire more than once per step on what was shown, and each comes close."""
    x = images(20, size=8, classes=3)[0]
    shown = signed(x.expand(30, *x.shape))
    snn = SVGG16(vgg, batch_size=20)
    steps = iter(shown.repeat(4, 1, 1, 1, 1))  # the same spikes for each of four layers
    found = spikenorm([(x, None)], lambda _: next(steps), snn, num_steps=30, scaling_factor=1.0)
    tops = [float(snn(shown, num_steps=30, find_max_inp=True, find_max_layer=i)) for i in range(4)]
    assert tops == pytest.approx(found)
    lower = spikenorm([(x, None)], signed, snn, num_steps=5, scaling_factor=0.5, samples=3)
    assert lower[0] < 0.75 * found[0]


def test_a_network_does_not_depend_on_the_batch_or_the_scale_of_its_images(vgg: nn.Module):
    snn = SVGG16(vgg, batch_size=1, threshold=[3.0, 2.0, 2.0, 1.0])
    x = images(5, size=8, classes=3)[0]
    shown = signed(x.expand(70, *x.shape))  # in parts of 32 steps
    whole, single = snn(shown), snn(shown[:, 2:3])
    assert whole.sum() > 0
    torch.testing.assert_close(whole[2:3], single)
    bright, normal = (
        snn(k * x / x.amax((1, 2, 3), keepdim=True), 30, generator=torch.Generator().manual_seed(1))
        for k in (7.0, 1.0)
    )
    torch.testing.assert_close(bright, normal)


def test_what_cannot_be(vgg: nn.Module):
    snn = SVGG16(vgg, batch_size=1)
    for wrong in ([1.0, 1.0], [1.0, 1.0, 0.0, 1.0]):
        with pytest.raises(ValueError, match="4 layers of neurons"):
            snn.update_threshold(wrong)
    with pytest.raises(ValueError, match="empty loader"):
        spikenorm([], signed, snn, num_steps=5, scaling_factor=1.0)
    with pytest.raises(ValueError, match="layer 1"):
        spikenorm([(torch.zeros(2, 1, 8, 8), None)], signed, snn, 5, 1.0)


def test_checkpoints_have_the_names_of_n3ml():
    with torch.device("meta"):
        names = list(VGG16().state_dict())
    assert names == [f"{'conv' if i < 14 else 'fc'}{i}.weight" for i in range(1, 17)]
