"""What all rules promise: the network's own output, flat memory, calls that can be split."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl
from spikeloom.train.online import OTTT, RTRL, SLTT, Carry, EProp
from tests.train.online.networks import lively, online, problem, saved_tensors, take_grads

RULES = (SLTT, OTTT, EProp, RTRL)


def network() -> nn.Module:
    layer = sl.Recurrent(sl.LIF(0.8, learn="threshold"), nn.Linear(6, 6))
    return sl.Sequential(lively(4, 6), layer, nn.Linear(6, 5), sl.LI(0.7))


def tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    return [t for part in value for t in tensors(part)] if isinstance(value, tuple) else []


@pytest.mark.parametrize("rule", RULES)
def test_a_step_computes_what_the_network_computes(rule) -> None:
    net, x, _ = problem(network())
    learner, carry, state = rule(net), None, None
    for x_t in x:
        out, carry = learner.step(x_t, carry)
        plain, state = net.step(x_t, state)  # type: ignore[operator]
        assert torch.equal(out, plain)
        for a, b in zip(tensors(carry.state), tensors(state), strict=True):
            assert torch.equal(a, b)
        assert not any(t.requires_grad for t in tensors(carry))


@pytest.mark.parametrize("rule", RULES)
def test_two_calls_with_the_carry_handed_on_are_one_call(rule) -> None:
    net, x, loss = problem(network())
    learner = rule(net)
    total, whole = learner.run(x, loss)
    exact = take_grads(net)
    first, carry = learner.run(x[:7], loss)
    kept = [t.clone() for t in tensors(carry)]
    second, end = learner.run(x[7:], lambda out, t: loss(out, t + 7), carry)
    assert all(torch.equal(a, b) for a, b in zip(tensors(carry), kept, strict=True))
    torch.testing.assert_close(first + second, total)
    torch.testing.assert_close(take_grads(net), exact)
    torch.testing.assert_close(tensors(end), tensors(whole))


def graph_size(out: Tensor) -> int:
    """How many operations a backward pass from here goes through."""
    seen, left = set(), [out.grad_fn]
    while left:
        node = left.pop()
        if node is not None and node not in seen:
            seen.add(node)
            left += [following for following, _ in node.next_functions]
    return len(seen)


@pytest.mark.parametrize("rule", RULES)
def test_memory_does_not_grow_with_time(rule) -> None:
    net, x, loss = problem(network(), steps=40)
    learner, carry, sizes = rule(net), None, []
    for t, x_t in enumerate(x):
        out, carry = learner.step(x_t, carry)
        sizes.append((graph_size(loss(out, t)), sum(k.numel() for k in tensors(carry))))
    assert sizes[0][0] > 5 and len(set(sizes[2:])) == 1, sizes


def test_the_meter_sees_that_backpropagation_through_time_grows() -> None:
    net, x, _ = problem(network(), steps=40)
    state, sizes = None, []
    for x_t in x:
        out, state = net.step(x_t, state)  # type: ignore[operator]
        sizes.append(graph_size(out))
    assert sizes[-1] > 5 * sizes[4]


@pytest.mark.parametrize("rule", [SLTT, OTTT, EProp])  # torch.func, which RTRL uses, has no hooks
def test_what_autograd_holds_does_not_grow_and_is_let_go(rule) -> None:
    def peak(steps: int) -> int:
        net, x, loss = problem(network(), steps=steps)
        with saved_tensors() as held:
            rule(net).run(x, loss)
        assert held[0] == 0
        return held[1]

    assert peak(40) == peak(4)


@pytest.mark.parametrize("rule", RULES)
def test_traces_are_kept_without_gradients_too(rule) -> None:
    """Watch a stream without learning, then learn from one step of it."""
    net, x, loss = problem(network())
    learner = rule(net)
    last = len(x) - 1
    exact = online(learner, x, lambda out, t: loss(out, t) if t == last else None)
    carry = None
    with torch.no_grad():
        for x_t in x[:-1]:
            out, carry = learner.step(x_t, carry)
            assert not out.requires_grad
    out, _ = learner.step(x[-1], carry)
    loss(out, last).backward()
    torch.testing.assert_close(take_grads(net), exact)


@pytest.mark.parametrize("rule", RULES)
def test_weights_may_move_at_every_step(rule) -> None:
    net, x, loss = problem(network())
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    seen = []

    def move(value: Tensor) -> None:
        seen.append(value)
        optimizer.step()
        optimizer.zero_grad()

    total, _ = rule(net).run(x, loss, on_step=move)
    assert len(seen) == len(x) and not total.requires_grad
    torch.testing.assert_close(total, torch.stack(seen).sum())
    assert all((p != old).any() for p, old in zip(net.parameters(), before, strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_frozen_parameters_stay_out(rule) -> None:
    net, x, loss = problem(network())
    exact = online(rule(net), x, loss)
    net[0].weight.requires_grad_(False)  # type: ignore[index]
    found = online(rule(net), x, loss)
    assert not found.pop("0.weight").any()
    torch.testing.assert_close(found, {n: exact[n] for n in found})


@pytest.mark.parametrize("rule", RULES)
def test_recorded_spikes_can_be_part_of_the_loss(rule) -> None:
    net, x, loss = problem(network())
    learner, carry, total = rule(net), None, torch.zeros(())
    with sl.record(net, "spikes", grad=True) as spikes:
        for t, x_t in enumerate(x):
            out, carry = learner.step(x_t, carry)
            sent = spikes["1.neuron"]
            assert sent.shape == (len(x_t), 6) and type(sent) is Tensor
            (loss(out, t) + 10 * sent.mean()).backward()
            total = total + sent.detach().sum()
    with_rate = take_grads(net)
    assert 0 < total < x.shape[0] * x.shape[1] * 6
    without = online(learner, x, loss)
    assert not torch.allclose(with_rate["0.weight"], without["0.weight"])
    torch.testing.assert_close(with_rate["2.weight"], without["2.weight"])


@pytest.mark.parametrize("rule", [SLTT, OTTT, EProp])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dtypes_and_single_samples(rule, dtype: torch.dtype) -> None:
    net = sl.Sequential(lively(4, 5), sl.LIF(), nn.Linear(5, 2), sl.LI()).to(dtype)
    total, carry = rule(net).run(torch.rand(6, 1, 4).to(dtype), lambda out, t: out.float().sum())
    assert torch.isfinite(total) and carry.state[1].v.dtype == torch.float32
    assert all(g.dtype == dtype and torch.isfinite(g).all() for g in take_grads(net).values())


@pytest.mark.parametrize("rule", RULES)
def test_an_empty_batch_adds_nothing(rule) -> None:
    net, x, _ = problem(network())
    rule(net).run(x[:3, :0], lambda out, t: out.sum())
    assert not any(g.any() for g in take_grads(net).values())


@pytest.mark.parametrize("rule", RULES)
def test_wrong_calls_say_what_is_right(rule) -> None:
    net, x, loss = problem(network())
    learner = rule(net)
    with pytest.raises(TypeError, match=r"got tuple as its carry.*Hand on the Carry"):
        learner.run(x, loss, (None, None))
    with pytest.raises(ValueError, match=r"no time step.*T >= 1"):
        learner.run(x[:0], loss)
    with pytest.raises(ValueError, match="no time axis"):
        learner.run(x[0, 0], loss)
    _, carry = learner.run(x, loss)
    with pytest.raises(ValueError, match="of the same batch"):
        learner.step(x[0, :1], carry)


@pytest.mark.parametrize("rule", [EProp, RTRL])
def test_learning_may_start_at_any_state(rule) -> None:
    neuron = sl.InitialState(sl.LIF(0.8), v=0.5, learn="v")
    net, x, loss = problem(sl.Sequential(lively(4, 5), neuron))
    with torch.no_grad():
        _, state = net(x[:8])
    out, _ = net(x[8:], state)
    torch.stack([loss(row, t) for t, row in enumerate(out)]).sum().backward()
    exact = take_grads(net)
    assert exact["0.weight"].any() and not exact["1.v_0"].any()
    rule(net).run(x[8:], loss, Carry(state))
    torch.testing.assert_close(take_grads(net), exact)


def test_carry_hands_its_state_to_the_network() -> None:
    net, x, loss = problem(network())
    whole, _ = net(x)
    _, carry = EProp(net).run(x[:12], loss)
    assert isinstance(carry, Carry)
    rest, _ = net(x[12:], carry.state)
    torch.testing.assert_close(rest, whole[12:])


@pytest.mark.parametrize("rule", [OTTT, EProp])
def test_weights_have_to_lie_before_a_neuron(rule) -> None:
    with pytest.raises(ValueError, match=r"got Linear before layer 2 \(LIF\).*directly before"):
        rule(sl.Sequential(nn.Linear(3, 4), nn.ReLU(), sl.LIF()))
    with pytest.raises(ValueError, match="got Linear before layer 2"):
        rule(sl.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), sl.LIF()))
    with pytest.raises(ValueError, match="got LayerNorm before layer 3"):
        rule(sl.Sequential(nn.Linear(3, 4), sl.LIF(), nn.LayerNorm(4), sl.LIF()))
    with pytest.raises(ValueError, match="got Linear before layer 1"):
        rule(sl.Sequential(sl.Residual(nn.Linear(3, 3)), sl.LIF()))
    with pytest.raises(ValueError, match=r"got Linear before layer 1 \(Residual\)"):
        rule(sl.Sequential(nn.Linear(3, 3), sl.Residual(sl.LIF())))
    rule(sl.Sequential(nn.Linear(3, 4), sl.LIF(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)))
    frozen = nn.Linear(3, 4).requires_grad_(False)
    rule(sl.Sequential(frozen, nn.ReLU(), sl.LIF()))


@pytest.mark.parametrize("rule", [OTTT, EProp])
def test_unknown_states_are_refused(rule) -> None:
    with pytest.raises(TypeError, match=r"got LSTM as layer 0.*Use RTRL or SLTT"):
        rule(sl.Sequential(nn.LSTM(3, 4), sl.LIF()))
    with pytest.raises(ValueError, match="without neurons"):
        rule(nn.Linear(3, 4))


def test_eprop_leaves_convolutions_to_ottt() -> None:
    net = sl.Sequential(nn.Conv2d(1, 2, 3), sl.LIF())
    OTTT(net)
    with pytest.raises(ValueError, match=r"follows those of Linear.*SLTT"):
        EProp(net)
    kernel = nn.Conv1d(3, 3, 3, padding=1)
    with pytest.raises(ValueError, match="got Conv1d before layer 0"):
        EProp(sl.Sequential(sl.Recurrent(sl.LIF(), kernel)))
