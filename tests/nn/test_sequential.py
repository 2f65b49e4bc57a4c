"""Sequential: states threaded, time folded, and containers that would lose a state refused."""

import copy
import io
import math
import pickle
from typing import Any

import pytest
import torch
import torch.utils.checkpoint
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import spikeloom as sl

BACKENDS = ("reference", "cpu")


def small(**options: Any) -> sl.Sequential:
    return sl.Sequential(
        nn.Linear(4, 6), sl.LIF(learn="beta", **options), nn.Linear(6, 3), sl.Synaptic(**options)
    )


def same(a: Any, b: Any) -> bool:
    """Whether two nested states are bitwise equal and of the same types."""
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if a is None:
        return b is None
    return type(a) is type(b) and all(same(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_is_its_layers_one_after_the_other(backend: str) -> None:
    net, x = small(backend=backend), torch.randn(9, 2, 4)
    out, state = net(x)
    first, lif, second, synaptic = net
    hidden, in_lif = lif(torch.stack([first(x_t) for x_t in x]))
    want, in_synaptic = synaptic(torch.stack([second(h_t) for h_t in hidden]))
    assert hidden.any() and torch.equal(out, want)
    assert same(state, (None, in_lif, None, in_synaptic))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(5, 3), (4, 2, 5)),
        (nn.Linear(5, 3), (4, 2, 3, 5)),
        (nn.Conv1d(2, 3, 3), (4, 2, 2, 8)),
        (nn.Conv2d(2, 3, 3, padding=1), (4, 2, 2, 6, 5)),
        (nn.ConvTranspose2d(2, 3, 2, stride=2), (4, 2, 2, 3, 3)),
        (nn.AvgPool2d(2), (4, 2, 3, 6, 4)),
        (nn.MaxPool2d(2), (4, 2, 3, 6, 4)),
        (nn.Flatten(), (4, 2, 3, 6, 4)),
        (nn.BatchNorm1d(5).eval(), (4, 2, 5)),
        (nn.BatchNorm2d(3).eval(), (4, 2, 3, 6, 4)),
        (nn.LayerNorm(5), (4, 2, 5)),
        (nn.GroupNorm(3, 6), (4, 2, 6, 2, 2)),
        (nn.Identity(), (4, 2, 5)),
        (nn.Sequential(nn.Linear(5, 4), nn.ReLU()), (4, 2, 5)),
        (nn.Linear(5, 3), (1, 1, 5)),
        (nn.Linear(5, 3), (0, 2, 5)),
        (nn.Linear(5, 3), (4, 0, 5)),
    ],
)
def test_folding_equals_a_call_per_step(layer: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        assert layer.running_mean is not None and layer.running_var is not None
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.5, 2)
    out, state = sl.Sequential(layer)(x)
    assert state == (None,) and out.shape[:2] == x.shape[:2]
    assert out.numel() == 0 or out.numel() > 0 < out.abs().sum()
    for x_t, out_t in zip(x, out, strict=True):
        torch.testing.assert_close(out_t, layer(x_t))


def test_batch_statistics_run_over_time_and_batch_together() -> None:
    x = 3 + 2 * torch.randn(6, 5, 4)
    norm = nn.BatchNorm1d(4, affine=False, momentum=1.0)
    out, _ = sl.Sequential(norm)(x)
    flat = x.flatten(0, 1)
    assert norm.running_mean is not None and norm.num_batches_tracked == 1
    torch.testing.assert_close(norm.running_mean, flat.mean(0))
    want = (x - flat.mean(0)) / (flat.var(0, correction=0) + norm.eps).sqrt()
    torch.testing.assert_close(out, want)
    assert "batch statistics run over time and batch" in " ".join(
        (sl.Sequential.__doc__ or "").split()
    )


@pytest.mark.parametrize("grad", [False, True])
def test_a_constant_input_goes_through_the_first_layers_once(grad: bool) -> None:
    torch.manual_seed(0)
    net = sl.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(27, 5),
        sl.LIF(),
        nn.Linear(5, 2),
    )
    image = torch.rand(4, 1, 8, 8, requires_grad=grad)
    results = []
    for x in (sl.encode.constant(image, steps=10), image.expand(10, -1, -1, -1, -1).clone()):
        with FlopCounterMode(display=False) as counter:
            out, _ = net(x)
        grads = torch.autograd.grad(out.sum(), (image, *net.parameters())) if grad else ()
        results.append((counter.get_total_flops(), out, *grads))
    (once, *got), (often, *want) = results
    last = 10 * 4 * 2 * 5 * 2
    assert 10 * (once - last) == often - last
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b)


def test_image_network_of_the_design() -> None:
    net = sl.Sequential(
        nn.Conv2d(1, 4, 5), sl.LIF(beta=0.9), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10),
        sl.LIF(beta=0.9),
    )  # fmt: skip
    out, state = net(torch.rand(5, 3, 1, 12, 12))
    assert out.shape == (5, 3, 10) and len(state) == 6
    assert state[1].v.shape == (3, 4, 8, 8)
    out.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize("rnn", [nn.LSTM, nn.GRU, nn.RNN])
def test_torch_rnns_are_threaded(rnn: Any) -> None:
    net, x = sl.Sequential(nn.Linear(3, 4), rnn(4, 5), sl.LIF()), torch.randn(7, 2, 3)
    out, state = net(x)
    hidden, last = net[1](net[0](x))
    assert torch.equal(out, net[2](hidden)[0])
    assert same(state[1], last)
    rows, now = [], None
    for piece in x.split([2, 1, 4]):
        row, now = net(piece, now)
        rows.append(row)
    torch.testing.assert_close(torch.cat(rows), out)
    by_step, _ = net.step(x[3], net(x[:3])[1])
    torch.testing.assert_close(by_step, out[3])
    cut = sl.detach(state)
    assert type(cut[1]) is type(last)


class Mine(nn.Module):
    """A user's own module with a state, and no `step`."""

    stateful = True

    def __init__(self) -> None:
        super().__init__()
        self.layer = sl.LI(0.5)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        out, state = self.layer(x, state)
        return 2 * out, state


def test_a_stateful_module_of_ones_own() -> None:
    net, x = sl.Sequential(nn.Identity(), Mine()), torch.rand(5, 2, 3)
    out, state = net(x)
    torch.testing.assert_close(out, 2 * sl.LI(0.5)(x)[0])
    by_step, after = net.step(x[4], net(x[:4])[1])
    assert torch.equal(by_step, out[4]) and same(after, state)


def test_nested() -> None:
    lif, linear, li = sl.LIF(), nn.Linear(3, 2), sl.LI()
    nested, flat = sl.Sequential(sl.Sequential(lif, linear), li), sl.Sequential(lif, linear, li)
    x = torch.rand(8, 2, 3)
    (out, state), (want, expected) = nested(x), flat(x)
    assert torch.equal(out, want)
    assert same(state, (expected[:2], expected[2]))
    assert list(nested.state_dict())[:2] == ["0.0.beta", "0.0.threshold"]
    assert torch.equal(nested(x, state)[0], flat(x, expected)[0])


@given(
    pieces=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    batch=st.integers(1, 3),
    backend=st.sampled_from(BACKENDS),
)
def test_streaming_in_any_pieces(pieces: list[int], batch: int, backend: str) -> None:
    torch.manual_seed(sum(pieces))
    net = small(backend=backend)
    x = torch.randn(sum(pieces), batch, 4)
    whole, last = net(x)
    rows, state = [], None
    for piece in x.split(pieces):
        out, state = net(piece, state)
        rows.append(out)
    # A matrix product of another number of rows may round otherwise; spikes hide it, states do not.
    assert torch.equal(torch.cat(rows), whole)
    for got, want in zip(state or (), last, strict=True):
        if want is not None:
            torch.testing.assert_close(tuple(got), tuple(want))


def test_step_is_a_run_of_one_step() -> None:
    net, x = small(), torch.randn(9, 2, 4)
    by_step = by_run = None
    for x_t in x:
        out, by_step = net.step(x_t, by_step)
        rows, by_run = net(x_t[None], by_run)
        assert torch.equal(out, rows[0]) and same(by_step, by_run)


def test_nobody_forgets_a_reset() -> None:
    net, x = small(), torch.randn(9, 2, 4)
    first = net(x)
    weights = copy.deepcopy(net.state_dict())
    first[0].sum().backward()
    again = net(x)
    assert same(again, first)
    again[0].sum().backward()  # a graph of its own
    assert list(weights) == [
        "0.weight", "0.bias", "1.beta_raw", "1.threshold", "2.weight", "2.bias",
        "3.alpha", "3.beta", "3.threshold",
    ]  # fmt: skip
    assert same(list(weights.values()), list(net.state_dict().values()))


def test_the_last_layer_may_emit_several_signals() -> None:
    net = sl.Sequential(nn.Linear(4, 3), sl.LIF(emit=("spike", "v")))
    (spikes, v), _ = net(torch.rand(5, 2, 4))
    assert torch.equal(spikes, (v > 1).float())
    (s, h), _ = net.step(torch.rand(2, 4))
    assert s.shape == h.shape == (2, 3)


def test_index_slice_length_and_iteration() -> None:
    net = small()
    assert len(net) == 4 and list(net) == [net[0], net[1], net[2], net[3]]
    assert net[-1] is net[3]
    head = net[:2]
    assert isinstance(head, sl.Sequential) and list(head) == [net[0], net[1]]
    assert next(iter(net[2:].state_dict())) == "0.weight"  # positions, as in nn.Sequential
    x = torch.randn(5, 2, 4)
    assert torch.equal(net[2:](head(x)[0])[0], net(x)[0])
    with pytest.raises(IndexError):
        net[4]


def test_without_layers_it_is_the_identity() -> None:
    x = torch.rand(3, 2, 1)
    out, state = sl.Sequential()(x)
    assert torch.equal(out, x) and state == ()


def test_deepcopy_pickle_and_weights() -> None:
    net, x = small(), torch.randn(9, 2, 4)
    want = net(x)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert same(twin(x), want)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other = small()
    assert not same(other(x), want)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert same(other(x), want)


class Step(nn.Module):
    def __init__(self, net: sl.Sequential) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, v: Tensor, i: Tensor, u: Tensor) -> tuple[Tensor, ...]:
        out, state = self.net.step(x, (None, (v,), None, (i, u)))
        return out, state[1].v, state[3].i, state[3].v


def test_an_exported_step_runs_and_equals() -> None:
    net, x = small(), torch.randn(9, 2, 4)
    zeros = torch.zeros(2, 6), torch.zeros(2, 3), torch.zeros(2, 3)
    program = torch.export.export(Step(net), (x[0], *zeros)).module()
    now, state = zeros, None
    for x_t in x:
        out, *now = program(x_t, *now)
        want, state = net(x_t[None], state)
        assert torch.equal(out, want[0])
    assert state is not None
    for got, want in zip(now, (state[1].v, *state[3]), strict=True):
        torch.testing.assert_close(got, want)


def test_an_exported_step_takes_the_state_as_it_is() -> None:
    net, x = small(), torch.randn(3, 2, 4)

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
            return self.net.step(x, state)

    state = sl.detach(net(x[:1])[1])
    out, after = torch.export.export(Whole(), (x[1], state)).module()(x[1], state)
    want, expected = net.step(x[1], state)
    assert torch.equal(out, want) and same(after, expected)


@pytest.mark.parametrize(
    "inside",
    [
        nn.Sequential(nn.Linear(3, 3), sl.LIF()),
        nn.Sequential(nn.Linear(3, 3), nn.Sequential(sl.LI())),
        nn.ModuleList([sl.LIF()]),
        nn.Sequential(nn.LSTM(3, 3)),
    ],
)
def test_a_folded_child_with_a_state_inside_is_refused_by_name(inside: nn.Module) -> None:
    kind = type(inside).__name__
    message = rf"got {kind} as layer 1, which holds a layer with a state \([\d.]+\): .*\. Use sl\.S"
    with pytest.raises(ValueError, match=message):
        sl.Sequential(nn.Linear(3, 3), inside)


@pytest.mark.parametrize("rnn", [nn.LSTM, nn.GRU, nn.RNN])
def test_batch_first_is_refused(rnn: Any) -> None:
    message = rf"got {rnn.__name__}\(batch_first=True\) as layer 0: time is the first axis.*\. Buil"
    with pytest.raises(ValueError, match=message):
        sl.Sequential(rnn(3, 3, batch_first=True))


@pytest.mark.parametrize("layer", [torch.relu, nn.ReLU, "relu", None, 3])
def test_what_is_no_module_is_refused(layer: Any) -> None:
    with pytest.raises(
        TypeError, match=r"got .* as layer 1: layers are modules\. Use nn\.ReLU\(\)"
    ):
        sl.Sequential(nn.Linear(3, 3), layer)


@pytest.mark.parametrize("container", [list, tuple])
def test_a_list_is_refused(container: Any) -> None:
    with pytest.raises(
        TypeError, match=r"got a list: layers are separate .*\. Unpack it: .*\*layer"
    ):
        sl.Sequential(container([nn.Linear(3, 3), sl.LIF()]))


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.BatchNorm2d(1), nn.AdaptiveAvgPool2d(1)],
)
def test_image_layers_need_five_axes(layer: nn.Module) -> None:
    kind = type(layer).__name__
    message = rf"{kind} \(layer 1\) got x of shape \(5, 2, 8, 8\): .*five axes .*\. Add the missing"
    with pytest.raises(ValueError, match=message):
        sl.Sequential(nn.Identity(), layer)(torch.rand(5, 2, 8, 8))


@pytest.mark.parametrize(
    ("layer", "shape", "got", "has"),
    [
        (nn.Linear(4, 2), (5, 2, 3), 3, 4),
        (nn.Linear(4, 2), (5, 2, 4, 3), 3, 4),
        (nn.Conv2d(3, 2, 3), (5, 2, 1, 8, 8), 1, 3),
        (nn.Conv1d(3, 2, 3), (5, 2, 1, 8), 1, 3),
    ],
)
def test_a_wrong_feature_size(layer: nn.Module, shape: tuple[int, ...], got: int, has: int) -> None:
    message = rf"\(layer 1\) got x of shape .*, with {got} features where it has {has}\. Change"
    with pytest.raises(ValueError, match=message):
        sl.Sequential(nn.Identity(), layer)(torch.rand(shape))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(6, 6, 3), (3, 2, 8)),
        (nn.ConvTranspose1d(6, 6, 3), (3, 2, 8)),
        (nn.Conv3d(6, 6, 1), (3, 2, 4, 4, 4)),
    ],
)
def test_other_convolutions_need_their_channel_axis_too(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"\(layer 0\) got x of shape .*: .*axes.*\. Add the"):
        sl.Sequential(layer)(torch.rand(shape))


@pytest.mark.parametrize(
    "reentrant",
    [True, False],
)
def test_activation_checkpointing(reentrant: bool) -> None:
    """The kernels are traced inside the first call, under the hooks of the checkpoint."""
    by = 0.5 + 0.1 * torch.rand(()).item() + reentrant  # no other test has traced this step

    def step(x: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        v = torch.tanh(v * by + x)
        return v * v, v

    net = sl.Sequential(nn.Linear(3, 4), sl.neuron(step, backend="cpu"), nn.Linear(4, 2))
    x = torch.rand(5, 2, 3, requires_grad=True)
    out, _ = torch.utils.checkpoint.checkpoint(net, x, use_reentrant=reentrant)  # type: ignore[misc]
    got = torch.autograd.grad(out.sum(), list(net.parameters())) if not reentrant else None
    if got is None:
        out.sum().backward()
        got = tuple(p.grad for p in net.parameters())
    want = torch.autograd.grad(net(x)[0].sum(), list(net.parameters()))
    torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_other_errors_of_torch_name_the_layer() -> None:
    with pytest.raises(RuntimeError) as caught:
        sl.Sequential(nn.Identity(), nn.LayerNorm(4))(torch.rand(5, 2, 3))
    assert "LayerNorm (layer 1)" in " ".join(caught.value.__notes__)
    with pytest.raises(RuntimeError) as caught:
        sl.Sequential(nn.Linear(3, 3))(torch.rand(5, 2, 3, dtype=torch.float64))
    assert "float64" in " ".join(caught.value.__notes__)


class Total(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum()


@pytest.mark.parametrize("layer", [Total(), nn.LSTMCell(3, 3)])
def test_a_layer_that_loses_the_batch_axis(layer: nn.Module) -> None:
    message = r"\(layer 0\) returned .* for 10 samples .*: .*first axis has to stay.*\. Wrap it"
    with pytest.raises(ValueError, match=message):
        sl.Sequential(layer)(torch.rand(5, 2, 3))


def test_a_missing_time_axis_and_what_is_no_tensor() -> None:
    net = small()
    message = r"Sequential got x of shape \(32, 4\), which has no time axis: .*\. For a constant"
    with pytest.raises(ValueError, match=message):
        net(torch.rand(32, 4))
    with pytest.raises(TypeError, match=r"Sequential got x of type tuple: .*pass out alone"):
        net(net(torch.rand(2, 1, 4)))
    with pytest.raises(TypeError, match=r"got x of dtype torch.int64: .*\. Convert it"):
        sl.Sequential(sl.LIF())(torch.ones(3, 2, 4, dtype=torch.int64))


def test_whole_numbers_may_enter_an_embedding() -> None:
    net, tokens = sl.Sequential(nn.Embedding(7, 3), sl.LI()), torch.randint(7, (5, 2))
    assert torch.equal(net(tokens)[0], sl.LI()(net[0](tokens))[0])


@pytest.mark.parametrize("bad", [(None,), (None,) * 5, torch.zeros(4), 3])
def test_a_state_of_another_network(bad: Any) -> None:
    message = r"Sequential got .* as its state: it has 4 layers .*\. Hand on"
    with pytest.raises(ValueError, match=message):
        small()(torch.rand(3, 2, 4), bad)
    with pytest.raises(ValueError, match=message):
        small().step(torch.rand(2, 4), bad)


def test_a_state_of_another_batch() -> None:
    net = small()
    _, state = net(torch.rand(3, 5, 4))
    with pytest.raises(ValueError, match=r"LIF got a state with v of shape \(5, 6\) .*\. Hand on"):
        net(torch.rand(3, 2, 4), state)


@pytest.mark.parametrize(
    "after",
    [
        nn.Linear(3, 3),
        sl.LIF(),
        sl.Sequential(sl.LIF()),
        sl.Residual(nn.Linear(3, 3)),
        nn.GRU(3, 3),
    ],
)
def test_only_the_last_layer_may_emit_several(after: nn.Module) -> None:
    net = sl.Sequential(sl.LIF(emit=("spike", "v")), after)
    message = (
        r"layer 1 .*got \d signals? from .*, which emits a tuple.*\. Only the last .*sl\.record"
    )
    with pytest.raises(ValueError, match=message):
        net(torch.rand(5, 2, 3))
    with pytest.raises(ValueError, match=message):
        net.step(torch.rand(2, 3))


@pytest.mark.parametrize(
    "after",
    [
        nn.Linear(3, 3),
        nn.GRU(3, 3),
    ],
)
def test_a_tuple_of_one_signal_is_refused_too(after: nn.Module) -> None:
    net = sl.Sequential(sl.LIF(emit=("spike",)), after)
    with pytest.raises(ValueError, match=r"layer 1 .*got .* which emits a tuple.*\. \w+"):
        net(torch.rand(5, 2, 3))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_check_finite_names_the_first_layer(bad: float) -> None:
    x = torch.rand(5, 2, 3)
    net = sl.Sequential(nn.Linear(3, 3), sl.LI(), nn.Linear(3, 2), check_finite=True)
    net(x)
    net.step(x[0])
    net[2].weight.data[0, 0] = bad  # type: ignore[union-attr]
    message = r"Sequential: the output of layer 2 \(Linear\) holds NaN or infinity.*\. Look"
    with pytest.raises(ValueError, match=message):
        net(x)
    with pytest.raises(ValueError, match=message):
        net.step(x[0])
    x[0] = bad
    with pytest.raises(ValueError, match=r"Sequential: its input holds NaN or infinity"):
        net(x)
    assert net[:2].check_finite
    sl.Sequential(*net)(x)  # only on demand


class Counter(nn.Module):
    """Stateless, with a method that happens to be called step."""

    def step(self) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_a_stateless_layer_may_have_a_method_called_step() -> None:
    x = torch.rand(2, 3)
    assert torch.equal(sl.Sequential(Counter(), sl.LI()).step(x)[0], x)
    assert torch.equal(sl.Residual(sl.LI(), skip=Counter()).step(x)[0], 2 * x)


def test_step_refuses_an_image_without_its_channel_axis() -> None:
    net = sl.Sequential(nn.Conv2d(2, 3, 3), sl.LIF())
    net.step(torch.rand(2, 2, 8, 8))
    with pytest.raises(ValueError, match=r"Conv2d .*got x of shape .*\. Add the missing"):
        net.step(torch.rand(2, 8, 8))
    with pytest.raises(
        ValueError, match=r"Linear .*got x of shape .*, with 3 features where it has 4\. Ch"
    ):
        sl.Sequential(nn.Linear(4, 3)).step(torch.rand(2, 3))
