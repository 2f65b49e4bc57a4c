"""Networks in the manner of the tutorial, on images, vectors and several channels."""

import pytest
import torch
from torch import Tensor, nn

from spikeloom.compat.spikingtorch import IF, LIF, SpikingNet, SpikingNetBase
from spikeloom.compat.spikingtorch.layers import BioLIF
from spikeloom.compat.spikingtorch.spikeio import PoissonEncoder, SumDecoder
from spikeloom.compat.spikingtorch.utils import Clipper, ClippingNet


class Images(nn.Module):
    """Two layers; the second is not handed `init`, if that is forgotten."""

    def __init__(self, channels: int, forgets: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 4, stride=2)
        self.out = nn.Linear(100, 3)
        self.first, self.second = IF(v0=0.3), LIF(v0=0.1)
        self.forgets = forgets

    def forward(self, x: Tensor, init: bool) -> Tensor:
        s = self.first(self.conv(x), init).flatten(1)
        return self.second(self.out(s)) if self.forgets else self.second(self.out(s), init)


class Vectors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(6, 20), nn.Linear(20, 2)
        self.first, self.second = LIF(), LIF()

    def forward(self, x: Tensor, init: bool) -> Tensor:
        return self.second(self.out(self.first(self.hidden(x), init)), init)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_one_channel_and_of_several(channels: int) -> None:
    net = SpikingNet(Images(channels), (3,))
    spikes = net(PoissonEncoder(8, 1.0)(torch.rand(2, channels, 12, 12)))
    assert spikes.shape == (2, 8, 3) and set(spikes.unique().tolist()) == {0.0, 1.0}


def test_a_layer_that_init_was_forgotten_for_starts_anew_all_the_same() -> None:
    torch.manual_seed(1)
    images = Images(1, forgets=True)
    net, x = SpikingNet(images, 3), PoissonEncoder(8)(torch.rand(2, 1, 12, 12))
    want = net(x)
    net(PoissonEncoder(8)(torch.rand(5, 1, 12, 12))).sum().backward()  # another batch size
    assert torch.equal(net(x), want) and want.sum() > 0
    assert images.second.v is not None and not images.second.v.requires_grad


def test_vectors_are_learned() -> None:
    """Which half of a vector is the larger one."""
    torch.manual_seed(0)
    encoder, decoder = PoissonEncoder(10), SumDecoder(10, 1.0)
    net = SpikingNet(Vectors(), (2,))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    x = torch.rand(200, 6)
    y = (x[:, :3].sum(1) > x[:, 3:].sum(1)).long()
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(decoder(net(encoder(x))), y).backward()
        optimizer.step()
    assert (decoder(net(encoder(x))).argmax(1) == y).float().mean() > 0.8


class Shunted(ClippingNet):
    def __init__(self) -> None:
        super().__init__()
        self.e, self.i = nn.Linear(6, 4), nn.Linear(6, 4, bias=False)
        self.exc_weights, self.inh_weights = [self.e], [self.i]
        self.layer = BioLIF(0.25, beta=3)

    def forward(self, x: Tensor, init: bool) -> Tensor:
        return self.layer(self.e(x), self.i(x), init)


def test_weights_are_kept_positive() -> None:
    net = Shunted()
    before = net.i.weight.detach().abs()
    net.init_weights()
    torch.testing.assert_close(net.i.weight.detach(), 0.01 * before)
    model = SpikingNet(net, (4,))
    optimizer = Clipper(model, torch.optim.SGD(model.parameters(), lr=100.0))
    optimizer.zero_grad()
    out = model(PoissonEncoder(8)(torch.rand(3, 6)))
    (out * torch.randn(4)).sum().backward()
    optimizer.step()
    for weight in net.get_weights():
        assert weight.min() >= 0 and weight.max() <= net.wmax
    assert net.e.bias.min() >= 0 and net.e.bias.max() <= 1
    assert any(w.max() == net.wmax for w in net.get_weights()), "nothing was clipped"


def test_single_pass_is_the_hook() -> None:
    class Twice(SpikingNetBase):
        Nout = (1, 2, 2)

        def single_pass(self, xi: Tensor, init: bool) -> Tensor:
            return 2 * xi + float(init)

    x = torch.rand(3, 5, 2, 2)
    first = torch.tensor([1.0, 0, 0, 0, 0]).view(1, 5, 1, 1, 1)
    assert torch.equal(Twice()(x), 2 * x[:, :, None] + first)
    with pytest.raises(NotImplementedError, match="single_pass"):
        SpikingNetBase()(x)


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"got outputs of shape \(2,\).* Say Nout=\(2,\)"):
        SpikingNet(Vectors(), (3,))(torch.rand(1, 4, 6))
    with pytest.raises(ValueError, match=r"needs \[N, T, \.\.\.\]"):
        SpikingNet(Vectors(), (2,))(torch.rand(4, 6))
