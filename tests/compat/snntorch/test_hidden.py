"""State on modules: whose it is, how long it lives, what a copy has."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportCallIssue=false, reportArgumentType=false

import copy
import gc
import io
import pickle
import weakref

import pytest
import torch
from torch import nn

import spikeloom.compat.snntorch as snn
from spikeloom.compat.snntorch import utils


def network() -> nn.Sequential:
    """One neuron at the top, one inside."""
    inner = nn.Sequential(nn.Linear(3, 3), snn.Leaky(0.9, init_hidden=True))
    return nn.Sequential(inner, snn.RSynaptic(0.8, 0.9, linear_features=3, init_hidden=True))


def moved(net: nn.Module) -> bool:
    return any(bool(m.mem.any()) for m in net.modules() if isinstance(m, snn.SpikingNeuron))


def test_a_reset_reaches_the_whole_network_and_no_other():
    one, other = network(), network()
    for net in (one, other):
        net(torch.rand(2, 3) + 1)
    utils.reset(one)
    assert not moved(one)
    assert moved(other)
    snn.RSynaptic.reset_hidden()
    assert not bool(other[1].spk.any())
    assert moved(other)  # the Leaky inside


def test_nobody_keeps_a_network_alive():
    net = network()
    watched = weakref.ref(net[1])
    assert net[1] in snn.SpikingNeuron.instances
    del net
    gc.collect()
    assert watched() is None


def test_a_copy_has_a_state_of_its_own():
    net = network()
    net(torch.rand(2, 3) + 1)  # with a graph
    twin = copy.deepcopy(net)
    loaded = pickle.loads(pickle.dumps(net))
    for other in (twin, loaded):
        assert torch.equal(other[1].mem, net[1].mem)
        assert not other[1].mem.requires_grad
        assert other[1] in snn.SpikingNeuron.instances
    utils.reset(twin)
    assert moved(net)
    assert not moved(twin)


def test_a_whole_network_is_saved_and_loaded():
    file = io.BytesIO()
    torch.save(network(), file)
    file.seek(0)
    net = torch.load(file, weights_only=False)
    assert net(torch.rand(2, 3)).shape == (2, 3)
    assert not any("mem" in key for key in net.state_dict())


def test_detaching_cuts_the_graph():
    net = network()
    net(torch.rand(2, 3))
    net(torch.rand(2, 3)).sum().backward()
    utils.detach(net)
    net(torch.rand(2, 3)).sum().backward()  # through one step only
    assert net[1].spk.requires_grad
    snn.RSynaptic.detach_hidden()
    assert not net[1].spk.requires_grad


def test_states_of_another_batch():
    lif = snn.Leaky(0.5)
    x = torch.full((3, 2), 0.25)
    _, mem = lif(x)
    assert lif(x[:2])[1].tolist() == x[:2].tolist()  # left from another batch: from rest
    assert lif(x, mem[:1])[1][2, 0].item() == 0.375  # broadcasts
    assert torch.equal(lif(x, torch.zeros(7, 2))[1], x)  # what reset_mem returned earlier
    with pytest.raises(ValueError, match="another batch"):
        lif(x[:2], mem)


def test_reset_mem_returns_the_states_in_order():
    layer = snn.Synaptic(0.5, 0.5)
    assert [tuple(s.shape) for s in layer.reset_mem()] == [(0,), (0,)]
    layer(torch.ones(2, 1))
    assert [s.sum().item() for s in layer.init_synaptic()] == [0, 0]


def test_forgotten_modules_are_not_reached():
    net = network()
    net(torch.rand(2, 3) + 1)
    kept = list(snn.SpikingNeuron.instances)
    try:
        snn.SpikingNeuron.init()
        snn.Leaky.reset_hidden()
        assert moved(net[0])
    finally:
        snn.SpikingNeuron.instances.update(kept)


class Samples:
    def __init__(self) -> None:
        self.data, self.targets = torch.arange(10)[:, None], torch.arange(10)


def test_parts_of_data_sets():
    block = utils.data_subset(Samples(), 3, idx=1)
    assert block.targets.tolist() == [3, 4, 5]
    train, held_out = utils.valid_split(Samples(), Samples(), 0.3)
    assert len(train.data) == 7
    assert sorted((*train.targets.tolist(), *held_out.targets.tolist())) == list(range(10))


@pytest.mark.parametrize(
    ("layer", "count"),
    [(snn.Leaky(0.5), 2), (snn.RLeaky(0.5, linear_features=1), 2), (snn.Alpha(0.6, 0.5), 4),
     (snn.SLSTM(1, 1), 3), (nn.Linear(1, 1), 1)],
)  # fmt: skip
def test_how_much_the_last_layer_returns(layer, count):
    assert utils._final_layer_check(nn.Sequential(nn.Flatten(), layer)) == count
