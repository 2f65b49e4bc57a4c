"""How every neuron is called: dtypes, signals, streaming, rest, and calls that are refused."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import spikeloom as sl
from spikeloom.neurons import Neuron

BACKENDS = ("reference", "cpu")
KINDS: dict[str, Callable[..., Neuron]] = {
    "LIF": sl.LIF,
    "IF": sl.IF,
    "LI": sl.LI,
    "Synaptic": sl.Synaptic,
    "Lapicque": sl.Lapicque,
    "Alpha": sl.Alpha,
    "ALIF": sl.ALIF,
    "AdLIF": sl.AdLIF,
    "SEAdLIF": sl.SEAdLIF,
    "AdEx": sl.AdEx,
    "EIF": sl.EIF,
    "QIF": sl.QIF,
    "Izhikevich": sl.Izhikevich,
    "ResonateAndFire": sl.ResonateAndFire,
    "BalancedRF": sl.BalancedRF,
    "Delta": sl.Delta,
    "SoftLIF": sl.SoftLIF,
    "McCullochPitts": sl.McCullochPitts,
    "CoarseLIF": sl.CoarseLIF,
}
MEMORYLESS = {"SoftLIF", "McCullochPitts"}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
every_kind_with_a_state = pytest.mark.parametrize(
    "kind", [k for name, k in KINDS.items() if name not in MEMORYLESS]
)
every_kind_that_remembers_its_input = pytest.mark.parametrize(  # Delta remembers what it sent
    "kind", [k for name, k in KINDS.items() if name not in {*MEMORYLESS, "Delta"}]
)


def everything(kind: Callable[..., Neuron], **options: Any) -> Neuron:
    """A layer that emits all its signals."""
    return kind(emit=kind().signals, **options)


@every_kind
@pytest.mark.parametrize("backend", BACKENDS)
def test_emit_selects_and_orders_signals(kind: Callable[..., Neuron], backend: str) -> None:
    x = torch.rand(12, 2, 3)
    names = kind().signals
    together, state = everything(kind, backend=backend)(x)
    assert isinstance(together, tuple) and len(together) == len(names)
    backwards, _ = kind(emit=names[::-1], backend=backend)(x)
    for name, signal, same in zip(names, together, backwards[::-1], strict=True):
        alone, last = kind(emit=name, backend=backend)(x)
        assert torch.equal(alone, signal) and torch.equal(alone, same)
        (in_a_tuple,), _ = kind(emit=(name,), backend=backend)(x)
        assert torch.equal(in_a_tuple, alone)
        assert all(torch.equal(a, b) for a, b in zip(state, last, strict=True))


@pytest.mark.parametrize("kind", [sl.LIF, sl.IF, sl.Synaptic])
@pytest.mark.parametrize("backend", BACKENDS)
def test_spikes_are_0_or_1_where_v_passes_the_threshold(kind: Any, backend: str) -> None:
    (spikes, v), _ = kind(emit=("spike", "v"), backend=backend)(torch.randn(30, 4, 5))
    assert 0 < spikes.mean() < 1
    assert torch.equal(spikes, (v > 1.0).float())


@every_kind
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_output_has_the_dtype_of_the_input_and_half_keeps_a_float32_state(
    kind: Callable[..., Neuron], backend: str, dtype: torch.dtype
) -> None:
    x = torch.rand(9, 2, 3).to(dtype)
    layer = everything(kind, backend=backend)
    computed = torch.float32 if dtype.itemsize == 2 else dtype
    outs, state = layer(x)
    assert {o.dtype for o in outs} == {dtype}
    assert {s.dtype for s in state} <= {computed}
    wide, last = layer(x.to(computed))
    assert all(torch.equal(o, w.to(dtype)) for o, w in zip(outs, wide, strict=True))
    assert all(torch.equal(s, w) for s, w in zip(state, last, strict=True))
    outs, state = layer.step(x[0])
    assert {o.dtype for o in outs} == {dtype} and {s.dtype for s in state} <= {computed}


@every_kind
def test_a_layer_of_any_dtype_takes_an_input_of_any_other(kind: Callable[..., Neuron]) -> None:
    x = torch.rand(4, 1, 2)
    for of_layer in (torch.bfloat16, torch.float64):
        out, state = kind().to(of_layer)(x)
        assert {t.dtype for t in (out, *state)} == {torch.float32}


@given(
    kind=st.sampled_from(sorted(KINDS)),
    backend=st.sampled_from(BACKENDS),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    features=st.lists(st.integers(1, 4), min_size=0, max_size=3),
    pieces=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    batch=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_pieces_with_the_state_handed_on_equal_the_whole_run(
    kind: str,
    backend: str,
    dtype: torch.dtype,
    features: list[int],
    pieces: list[int],
    batch: int,
    seed: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (sum(pieces), batch, *(features or [1]))
    x = 2 * torch.rand(shape, generator=generator).to(dtype)
    layer = everything(KINDS[kind], backend=backend)
    whole, last = layer(x)
    state, rows = None, []
    for piece in x.split(pieces):
        outs, state = layer(piece, state)
        rows.append(outs)
    for i, signal in enumerate(whole):
        assert torch.equal(torch.cat([outs[i] for outs in rows]), signal)
    assert state is not None and type(state) is type(last)
    assert all(torch.equal(a, b) for a, b in zip(state, last, strict=True))


@every_kind
@pytest.mark.parametrize("backend", BACKENDS)
def test_step_is_a_run_of_one_step(kind: Callable[..., Neuron], backend: str) -> None:
    layer = everything(kind, backend=backend)
    x = torch.rand(9, 2, 3)
    by_step = by_run = None
    for x_t in x:
        outs, by_step = layer.step(x_t, by_step)
        rows, by_run = layer(x_t[None], by_run)
        assert type(by_step) is type(by_run) is layer.State
        for a, b in zip((*outs, *by_step), (*(r[0] for r in rows), *by_run), strict=True):
            if kind in (sl.AdEx, sl.EIF, sl.SoftLIF):  # exp: torch's and the kernel's
                torch.testing.assert_close(a, b)
            else:
                assert torch.equal(a, b)


@every_kind_that_remembers_its_input
@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_flow_through_a_state_that_is_handed_on(
    kind: Callable[..., Neuron], backend: str
) -> None:
    x = torch.rand(8, 2, 3, dtype=torch.float64, requires_grad=True)
    layer = kind(emit="v", backend=backend)
    v, _ = layer(x)
    (whole,) = torch.autograd.grad(v[-1].sum(), x)
    _, state = layer(x[:5])
    v, _ = layer(x[5:], state)
    (pieces,) = torch.autograd.grad(v[-1].sum(), x)
    assert whole[0].abs().sum() > 0
    torch.testing.assert_close(pieces, whole)
    _, state = layer(x[:5])
    v, _ = layer(x[5:], sl.detach(state))
    (cut,) = torch.autograd.grad(v[-1].sum(), x)
    assert not cut[:5].any() and torch.allclose(cut[5:], whole[5:])


@every_kind
@pytest.mark.parametrize("backend", BACKENDS)
def test_it_starts_from_rest_each_time(kind: Callable[..., Neuron], backend: str) -> None:
    layer = kind(backend=backend)
    x = torch.rand(9, 2, 3)
    first, last = layer(x)
    again, same = layer(x)
    assert torch.equal(first, again) and all(map(torch.equal, last, same))
    rest = layer.rest((2, 3), dtype=x.dtype, device=x.device)
    assert all(s.shape == (2, 3) and s.unique().numel() == 1 for s in rest)
    assert torch.equal(layer(x, rest)[0], first)
    layer(torch.rand(3, 7, 3))  # another batch size in between
    assert torch.equal(layer(x)[0], first)


@every_kind
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_changes_neither_its_input_nor_the_state_it_was_given(
    kind: Callable[..., Neuron], backend: str
) -> None:
    layer = kind(backend=backend)
    x = torch.rand(5, 2, 3)
    _, state = layer(x)
    kept = [s.clone() for s in state], x.clone()
    layer(x, state)
    layer.step(x[0], state)
    assert all(torch.equal(a, b) for a, b in zip(state, kept[0], strict=True))
    assert torch.equal(x, kept[1])


@every_kind
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 0, 3), (4, 2, 0)])
def test_empty_runs(kind: Callable[..., Neuron], backend: str, shape: tuple[int, int, int]) -> None:
    layer = kind(backend=backend)
    _, before = layer(torch.rand(3, *shape[1:]))
    out, state = layer(torch.rand(shape), before)
    assert out.shape == shape
    assert all(torch.equal(a, b) for a, b in zip(state, before, strict=True))


@every_kind
def test_a_state_may_be_any_sequence_in_its_order(kind: Callable[..., Neuron]) -> None:
    layer = kind()
    x = torch.rand(4, 2, 3)
    _, state = layer(x)
    for same in (tuple(state), list(state)):
        out, after = layer(x, same)
        assert torch.equal(out, layer(x, state)[0]) and type(after) is layer.State


@every_kind
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_state_at_rest_is_real_memory(kind: Callable[..., Neuron], backend: str) -> None:
    """Whoever prepares a state writes into one neuron, not into all."""
    layer = kind(backend=backend)
    states = [layer.rest((2, 3), dtype=torch.float32, device=torch.device("cpu"))]
    states.append(layer(torch.rand(0, 2, 3))[1])
    for state in states:
        for s in state:
            before = s.sum().item()
            s[0, 0] += 1.0
            assert s.sum().item() == pytest.approx(before + 1.0)


@pytest.mark.parametrize("layer", [sl.LI(), sl.LIF(reset="none", emit="v")])
def test_outputs_of_a_step_do_not_share_memory_with_the_state(layer: Neuron) -> None:
    out, state = layer.step(torch.rand(2, 3))
    kept = state.v.clone()
    out.zero_()
    assert torch.equal(state.v, kept)


@every_kind
@pytest.mark.parametrize("shape", [(), (5,), (32, 784)])
def test_a_missing_time_axis(kind: Callable[..., Neuron], shape: tuple[int, ...]) -> None:
    message = r"got x of shape \(.*\), which has no time axis: it needs \[T, B, \.\.\.\]\. For a"
    with pytest.raises(ValueError, match=message) as caught:
        kind()(torch.zeros(shape))
    assert "sl.encode.constant(x, steps=25)" in str(caught.value)


@every_kind
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_an_input_that_is_not_floating_point(
    kind: Callable[..., Neuron], dtype: torch.dtype
) -> None:
    message = r"got x of dtype torch\.\w+: a membrane is a real .*\. Convert it: x\.float\(\)"
    with pytest.raises(TypeError, match=message):
        kind()(torch.ones(3, 2, 2).to(dtype))


@every_kind
def test_what_another_layer_returned_whole(kind: Callable[..., Neuron]) -> None:
    x = torch.rand(3, 2, 2)
    message = r"got 2 inputs: its step takes 1\. .*\(out, state\): pass out alone"
    with pytest.raises(TypeError, match=message):
        kind()(kind()(x))
    with pytest.raises(TypeError, match=r"got 2 inputs: .*pass out alone"):
        kind().step((x[0], x[0]))


@every_kind
@pytest.mark.parametrize("x", [[1.0, 2.0], None, 3.0])
def test_an_input_that_is_no_tensor(kind: Callable[..., Neuron], x: Any) -> None:
    with pytest.raises(TypeError, match=r"got x of type \w+: it needs a tensor .*\. Convert"):
        kind()(x)


@every_kind_with_a_state
def test_a_state_of_another_batch_or_layer(kind: Callable[..., Neuron]) -> None:
    layer = kind()
    x = torch.rand(3, 2, 4)
    for other in (torch.rand(3, 5, 4), torch.rand(3, 2, 6), torch.rand(3, 2, 4, 1, 1)):
        _, state = layer(other)
        message = (
            r"got a state with \w+ of shape \(.*\) for an input whose steps have shape \(2, 4\): "
            r".*another batch or layer\. Hand on"
        )
        with pytest.raises(ValueError, match=message):
            layer(x, state)
        with pytest.raises(ValueError, match=message):
            layer.step(x[0], state)


@every_kind_with_a_state
def test_a_state_of_another_kind(kind: Callable[..., Neuron]) -> None:
    layer = kind()
    x = torch.rand(3, 2, 4)
    message = r"as its state: its state is \w+State\(.*\)\. Hand on"
    for state in (torch.zeros(2, 4), (), (torch.zeros(2, 4),) * 7):
        with pytest.raises(TypeError, match=message):
            layer(x, state)


@every_kind_with_a_state
@pytest.mark.parametrize("value", [None, 0.0])
def test_a_state_that_holds_no_tensors(kind: Callable[..., Neuron], value: Any) -> None:
    layer = kind()
    with pytest.raises(TypeError, match=r"got .* state.*: .*\. Hand on"):
        layer(torch.rand(3, 2, 4), [value] * len(layer.State._fields))
    with pytest.raises(TypeError, match=r"got .* state.*: .*\. Hand on"):
        layer(torch.rand(3, 2, 4), 3)


@every_kind
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_check_finite_says_where(kind: Callable[..., Neuron], bad: float) -> None:
    x = torch.rand(3, 2, 4)
    x[1, 0, 2] = bad
    with pytest.raises(ValueError, match=r"got x\[1, 0, 2\] = (nan|-?inf): .*\. Look for it"):
        kind(check_finite=True)(x)
    kind()(x)  # only on demand
    kind(check_finite=True)(torch.rand(3, 2, 4))


@every_kind
def test_an_unknown_backend(kind: Callable[..., Neuron]) -> None:
    with pytest.raises(ValueError, match=r"got backend='gpu': .*\. Use \"auto\""):
        kind(backend="gpu")(torch.rand(3, 2, 4))


@every_kind
def test_step_checks_as_forward_does(kind: Callable[..., Neuron]) -> None:
    with pytest.raises(TypeError, match=r"got x.* of dtype torch.int64: a membrane is a real"):
        kind().step(torch.ones(2, 3, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"got x.* of type list"):
        kind().step([1.0, 2.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got x.* = nan"):
        kind(check_finite=True).step(torch.full((1, 1), math.nan))


def test_neuron_is_abstract() -> None:
    class Empty(Neuron):
        State = sl.LI.State

    with pytest.raises(TypeError, match=r"Empty has no step: Neuron is abstract\. Call self\."):
        Empty()(torch.rand(2, 1, 1))
