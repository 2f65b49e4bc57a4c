import pytest
import torch

import spikeloom as sl


def test_it_is_the_papers_network_for_mnist() -> None:
    net = sl.models.TavanaeiAndMaida2017()
    first, last = net.parameters()
    assert first.shape == (1000, 784) and last.shape == (10, 1000)
    assert first.std().item() == pytest.approx(1.0, rel=0.01)
    thresholds = [float(n.threshold) for n in net.modules() if isinstance(n, sl.IF)]
    assert thresholds == pytest.approx([0.9, 25.0])


def test_it_learns_two_patterns_that_its_inputs_tell_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    net = sl.models.TavanaeiAndMaida2017(8, (20, 10), 2, deviation=0.5, generator=generator)
    chance = torch.tensor([[0.25] * 4 + [0.0] * 4, [0.0] * 4 + [0.25] * 4]).repeat(8, 1)
    labels = torch.tensor([0, 1]).repeat(8)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(30):
        out, _ = net(sl.encode.rate(chance, steps=48, generator=generator))
        loss = net.loss(out, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    out, _ = net(sl.encode.rate(chance, steps=48, generator=generator))
    assert sl.metric.accuracy(out, labels) == 1.0


@pytest.mark.parametrize("wrong", [{"hidden": ()}, {"hidden": (5, 0)}, {"deviation": 0.0}])
def test_bad_input(wrong) -> None:
    with pytest.raises(ValueError, match="all are positive"):
        sl.models.TavanaeiAndMaida2017(4, **wrong)
