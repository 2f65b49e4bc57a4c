"""Whole programs in PySNN's manner: data loaders, networks, loops over time, rules."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from spikeloom.compat.pysnn.connection import AdaptiveMaxPool2d, Conv2d, Linear
from spikeloom.compat.pysnn.datasets import Boolean, Intensity, NeuromorphicDataset
from spikeloom.compat.pysnn.encoding import PoissonEncoder
from spikeloom.compat.pysnn.file_io import Events, encode_2d_spikes
from spikeloom.compat.pysnn.learning import MSTDPET, FedeSTDP
from spikeloom.compat.pysnn.network import SNNNetwork
from spikeloom.compat.pysnn.neuron import FedeNeuron, Input, LIFNeuron


class First(Boolean):
    """True where the first input is."""

    truth = (0, 1, 0, 1)


class Chooser(SNNNetwork):
    """Inputs, and one neuron that learns which of them to follow."""

    def __init__(self, inputs: int, batch: int) -> None:
        super().__init__()
        self.input = Input((batch, 1, inputs), 1, 1.0, 0.9)
        self.linear = Linear(inputs, 1, batch, 1, 2)
        self.neuron = LIFNeuron((batch, 1, 1), 1.0, 0.0, 1.0, 1.0, 1, 1, 0.9, 0.9)
        self.add_layer("out", self.linear, self.neuron)

    def forward(self, x: Tensor) -> Tensor:
        potentials, trace = self.linear(*self.input(x))
        return self.neuron(potentials, trace)[0]


def test_rewards_per_sample_teach_what_to_follow() -> None:
    generator = torch.Generator().manual_seed(0)
    data = First(PoissonEncoder(80, 1, generator), Intensity(100), repeats=5)
    loader = DataLoader(Subset(data, [1, 2]), batch_size=2)  # one input or the other
    net = Chooser(10, 2)
    net.linear.reset_weights("uniform", a=0.2, b=0.5, generator=generator)
    rule = MSTDPET(net.layer_state_dict(), 1.0, 0.5, 0.2, 0.9, low=0.0, high=0.5)

    def spikes(learn: bool) -> Tensor:
        net.reset_state()
        rule.reset_state()
        total = torch.zeros(2)
        for x, true in loader:
            for t in range(x.shape[-1]):
                fired = net(x[..., t])[:, 0, 0].float()
                total += fired
                if learn:
                    rule.update_state()
                    rule.step(fired * (2 * true[:, 0] - 1))
        return total

    before = spikes(learn=False)
    for _ in range(4):
        spikes(learn=True)
    after = spikes(learn=False)
    assert before[1] > 5 and after[1] <= 1  # it no longer follows the second input
    assert after[0] > before[0]
    weight = net.linear.weight[0]
    assert weight[:5].min() > 0.45 and weight[5:].max() < 0.2


class Flow(SNNNetwork):
    """Two convolutions with delays and a pool, as in PySNN's example for N-MNIST."""

    def __init__(self, side: int, batch: int) -> None:
        super().__init__()
        fede = (0.3, 0.0, 1.0, 1.0, 1, 1, 5.0, 5.0)
        self.input = Input((batch, 2, side, side), 1, 1.0, 5.0, "exponential")
        self.conv1 = Conv2d(2, 4, 5, (side, side), batch, 1, 1, padding=1)
        self.neuron1 = FedeNeuron((batch, 4, side - 2, side - 2), *fede)
        self.pool = AdaptiveMaxPool2d(6)
        self.conv2 = Conv2d(4, 3, 3, (6, 6), batch, 1, torch.arange(4 * 9)[:, None] % 3, stride=2)
        self.neuron2 = LIFNeuron((batch, 3, 2, 2), *fede, "exponential")
        self.add_layer("conv1", self.conv1, self.neuron1)
        self.add_layer("conv2", self.conv2, self.neuron2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spikes, trace = self.neuron1(*self.conv1(*self.input(x)))
        return self.neuron2(self.conv2(*self.pool(spikes, trace))[0])


def test_a_convolutional_network_learns_from_recordings(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    files = []
    for k in range(4):
        x, y, p = (draw.integers(0, high, 400) for high in (12, 12, 2))
        files.append((tmp_path / f"{k}.bin", k % 2))
        encode_2d_spikes(files[-1][0], Events(x, y, p, draw.uniform(0, 15, 400).round(3)))
    loader = DataLoader(NeuromorphicDataset(files, 1, 15, 12, 12), batch_size=2)
    torch.manual_seed(0)
    net = Flow(12, 2)
    rule = FedeSTDP(net.layer_state_dict(), 1e-3, 0.5, 0.5)
    before = {name: weight.clone() for name, weight in net.named_parameters() if "weight" in name}
    fired = torch.zeros(2, 3, 2, 2)
    for x, _ in loader:
        for t in range(x.shape[-1]):
            spikes, trace = net(x[..., t])
            assert spikes.shape == trace.shape == fired.shape
            fired += spikes
            rule.step()
        net.reset_state()
    assert fired.sum() > 0
    for name, weight in before.items():
        change = net.get_parameter(name) - weight
        assert bool(change.isfinite().all()) and bool((change != 0).all())
        # Weights are drawn to where rising and falling are equal: together, not apart.
        assert net.get_parameter(name).std() < weight.std()
