"""The networks that are to be converted: their shapes, sizes, and what can be changed."""

from functools import partial

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.models import VGG16, Cao2015, Diehl2015, Ho2013, Hunsberger2015, ResNet20

NETWORKS = {
    "diehl-conv": (partial(Diehl2015, "conv"), (1, 28, 28), 12 * 25 + 64 * 12 * 25 + 10240),
    "diehl-fc": (partial(Diehl2015, "fc"), (1, 28, 28), 784 * 1200 + 1200 * 1200 + 12000),
    "vgg": (partial(VGG16, blocks=((4,), (6, 6)), hidden=(5,)), (3, 32, 32), None),
    "resnet": (partial(ResNet20, blocks=(1, 2), widths=(4, 6), stride=2), (3, 32, 32), None),
    "cao": (Cao2015, (3, 24, 24), 75 * 64 + 25 * 64 * 64 + 9 * 64 * 64 + 64 * 64 + 640),
    "ho": (Ho2013, (3, 24, 24), 75 * 32 + 25 * 32 * 32 + 9 * 32 * 64 + 64 * 64 + 640 + 202),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_and_number_of_weights(name: str) -> None:
    build, shape, weights = NETWORKS[name]
    net = build()
    assert net(torch.rand(3, *shape)).shape == (3, 10)
    if weights is not None:
        assert sum(p.numel() for p in net.parameters()) == weights


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_are_the_ones_asked_for(name: str) -> None:
    build, shape, _ = NETWORKS[name]
    net = build(activation=partial(sl.conversion.QCFS, 4))
    kinds = [type(m) for m in net.modules()]
    assert nn.ReLU not in kinds and kinds.count(sl.conversion.QCFS) >= 2
    net(torch.rand(2, *shape)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_can_be_converted(name: str) -> None:
    build, shape, _ = NETWORKS[name]
    net = build().eval()
    x = torch.rand(8, *shape)
    snn, _ = sl.convert(net, x, method="percentile", steps=32)
    scores = snn.scores(snn(snn.encode(x))[0])[-1] / 32
    error = (scores - net(x)).abs().max()
    assert error < 0.5 * net(x).abs().max()


def test_the_full_size_networks_have_the_layers_in_their_names() -> None:
    def layers(net: nn.Module, least: int) -> list[nn.Module]:
        kinds = (nn.Conv2d, nn.Linear)
        found = [m for m in net.modules() if isinstance(m, kinds)]
        return [m for m in found if not isinstance(m, nn.Conv2d) or m.kernel_size[0] >= least]

    with torch.device("meta"):
        assert len(layers(VGG16(), 1)) == 16
        assert len(layers(ResNet20(), 3)) == 20  # without those of the ways around


def test_without_norm_there_are_no_biases() -> None:
    for net in (VGG16(blocks=((4,),), norm=False), ResNet20(norm=False)):
        assert not any(name.endswith("bias") for name, _ in net.named_parameters())


def test_initial_weights_come_from_the_generator() -> None:
    for build in (VGG16, ResNet20):
        nets = [build(generator=torch.Generator().manual_seed(3)) for _ in range(2)]
        one, other = (next(net.parameters()) for net in nets)
        assert torch.equal(one, other)


def test_hunsberger_spikes_with_its_own_weights() -> None:
    net = Hunsberger2015(channels=(4, 6, 8, 16), gain=10.0).eval()
    x = torch.rand(2, 3, 24, 24)
    scores, _ = net(x[None])
    y, _ = net.spiking()(sl.encode.constant(x, steps=400))
    error = (y[100:].mean(0) - scores[0]).abs().max()
    assert error < 0.2 * scores.abs().max()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Diehl2015("mlp"), '"conv" or "fc"'),  # type: ignore[arg-type]
        (lambda: VGG16(blocks=((4,),) * 5, image_size=28), "at most 4 blocks"),
        (lambda: ResNet20(blocks=(1, 1)), "each stage has one of both"),
        (lambda: Cao2015(channels=(8, 8)), "four sizes"),
    ],
)
def test_what_does_not_fit_is_refused(build, message) -> None:
    with pytest.raises(ValueError, match=message):
        build()
