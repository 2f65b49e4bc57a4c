"""`record`: what happens inside a network, without changing it."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl

BACKENDS = ("reference", "cpu")
X = torch.rand(6, 2, 3, generator=torch.Generator().manual_seed(0))


def deep_net(backend: str = "auto") -> sl.Sequential:
    """Neurons in every kind of place; all of them fire, since all weights are positive."""
    net = sl.Sequential(
        nn.Linear(3, 4),
        sl.LIF(threshold=0.2, backend=backend),
        sl.Residual(nn.Linear(4, 4), sl.Synaptic(threshold=0.1, backend=backend)),
        sl.Recurrent(sl.LIF(threshold=0.3, backend=backend), nn.Linear(4, 4)),
        sl.Sequential(nn.Linear(4, 2), sl.LI(backend=backend)),
    )
    for p in net.parameters():
        p.data.abs_()
    return net


def taps(net: nn.Module) -> int:
    return sum(len(getattr(m, "taps", ())) for m in net.modules())


@pytest.mark.parametrize("backend", BACKENDS)
def test_spikes_of_every_layer_by_path(backend: str) -> None:
    net = deep_net(backend)
    want, last = net(X)
    with sl.record(net, "spikes") as rec:
        out, state = net(X)
    assert torch.equal(out, want) and torch.equal(state[3].neuron.v, last[3].neuron.v)
    assert list(rec) == ["1", "2.layers.1", "3.neuron"]
    assert all(s.shape == (6, 2, 4) and s.any() and not s.requires_grad for s in rec.values())
    first, _ = net[1](net[0](X))
    assert torch.equal(rec["1"], first)
    assert torch.equal(rec["2.layers.1"], net[2](first)[0] - first)
    assert torch.equal(rec["3.neuron"][-1], state[3].last)


@pytest.mark.parametrize("backend", BACKENDS)
def test_v_is_the_membrane_before_the_reset(backend: str) -> None:
    net = deep_net(backend)
    with sl.record(net, "v") as v, sl.record(net, "spike") as s:
        net(X)
    assert list(v) == ["1", "2.layers.1", "3.neuron", "4.1"]
    for path, threshold in (("1", 0.2), ("2.layers.1", 0.1), ("3.neuron", 0.3)):
        assert torch.equal(s[path], (v[path] > threshold).float())


def test_other_signals_by_their_name() -> None:
    with sl.record(deep_net(), "i") as rec:
        pass
    assert rec == {}
    layer = sl.Synaptic()
    with sl.record(layer, "i") as rec:
        layer(X)
    assert torch.equal(rec[""], sl.Synaptic(emit="i")(X)[0])
    mine = sl.neuron(lambda x, v: (v + x, 2 * v, v + x), outputs=("a", "b"), emit="a")
    with sl.record(mine, "b") as rec:
        mine(X)
    torch.testing.assert_close(rec[""], 2 * (X.cumsum(0) - X))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("what", ["spikes", "v"])
def test_a_record_can_be_part_of_a_loss(backend: str, what: str) -> None:
    """Its gradient is that of a network which emits the signal."""
    signal = what.rstrip("s")
    linear = nn.Linear(3, 4)
    net = sl.Sequential(linear, sl.LIF(backend=backend), nn.Linear(4, 2), sl.LI(backend=backend))
    with sl.record(net, what, grad=True) as rec:
        out, _ = net(X)
    (out.square().sum() + rec["1"].square().sum()).backward()
    got = linear.weight.grad
    linear.weight.grad = None
    emitting = sl.LIF(emit=("spike", signal), backend=backend)
    (spikes, seen), _ = emitting(linear(X))
    out, _ = net[2:](spikes)
    (out.square().sum() + seen.square().sum()).backward()
    assert got is not None and got.any()
    torch.testing.assert_close(got, linear.weight.grad)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_recorded_loss_reaches_a_recurrent_connection(backend: str) -> None:
    layer = sl.Recurrent(sl.LIF(threshold=0.3, backend=backend), nn.Linear(3, 3))
    with sl.record(layer, "v", grad=True) as rec:
        layer(X)
    rec["neuron"].square().sum().backward()
    weight = layer.connection.get_parameter("weight").grad
    assert weight is not None and weight.any()
    with sl.record(layer, "v") as rec:
        layer(X)
    assert not rec["neuron"].requires_grad


def test_a_later_call_replaces_and_the_record_outlives_the_block() -> None:
    net = deep_net()
    with sl.record(net) as rec:
        net(X)
        first = dict(rec)
        net(2 * X)
    net(3 * X)
    assert not torch.equal(rec["1"], first["1"])
    with sl.record(net) as again:
        net(2 * X)
    assert all(torch.equal(rec[path], again[path]) for path in rec)


def test_a_record_of_single_steps_holds_the_last_one() -> None:
    net = deep_net()
    with sl.record(net) as rec:
        net.step(X[0])
    with sl.record(net) as whole:
        net(X[:1])
    assert list(rec) == list(whole)
    assert all(torch.equal(rec[path].flatten(), whole[path].flatten()) for path in rec)


def test_listeners_leave_also_after_an_exception() -> None:
    net = deep_net()
    with pytest.raises(KeyError), sl.record(net), sl.record(net, "v"):
        assert taps(net) == 3 + 4
        net(X)
        raise KeyError
    assert taps(net) == 0
    with pytest.raises(ValueError, match="features"), sl.record(net):
        net(torch.rand(5, 2, 7))
    assert taps(net) == 0


def test_inside_networks_of_ones_own() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.front = sl.Sequential(nn.Linear(3, 4), sl.LIF())
            self.heads = nn.ModuleDict({"a": sl.LI(), "unused": sl.LIF()})

        def forward(self, x: Tensor) -> Tensor:
            return self.heads["a"](self.front(x)[0])[0]

    net = Net()
    with sl.record(net) as rec:
        net(X)
    assert list(rec) == ["front.1"]
    with sl.record(net, "v") as rec:
        net(X)
    assert set(rec) == {"front.1", "heads.a"}


def test_nothing_to_record() -> None:
    for net, what in ((nn.Linear(3, 3), "spikes"), (sl.LI(), "spikes"), (deep_net(), "voltage")):
        message = rf"record got '{what}': no layer of this {type(net).__name__} has .*\. Use"
        with pytest.raises(ValueError, match=message), sl.record(net, what):
            pass


def test_copies_made_inside_the_block_have_no_listeners() -> None:
    net = deep_net()
    with sl.record(net) as rec:
        twin = copy.deepcopy(net)
        again = pickle.loads(pickle.dumps(net))
        net(X)
        kept = rec["1"]
        twin(2 * X)
        assert rec["1"] is kept
    assert taps(twin) == taps(again) == 0
