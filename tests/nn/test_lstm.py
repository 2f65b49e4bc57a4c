"""The spiking LSTM: against its equation, torch's own cell, and snnTorch where it is right."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl

RESETS = ["none", "subtract", "zero", -0.25]
X = torch.randn(7, 3, 5, generator=torch.Generator().manual_seed(0))


def layer_of(**options: Any) -> sl.SpikingLSTM:
    options = {"emit": ("spike", "v"), **options}
    return sl.SpikingLSTM(5, 4, 0.1, **options)


def by_loop(layer: sl.SpikingLSTM, x: Tensor, reset: str | float) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes, membranes, last `syn`; neuron by neuron, from the equation."""
    theta, size = float(layer.threshold), layer.hidden_size
    bias = x.new_zeros(4 * size)
    if layer.bias_ih is not None and layer.bias_hh is not None:
        bias = layer.bias_ih + layer.bias_hh
    mem, syn = x.new_zeros(x.shape[1], size), x.new_zeros(x.shape[1], size)
    spikes, vs = [], []
    for x_t in x:
        h, after = torch.empty_like(mem), torch.empty_like(syn)
        for j in range(size):
            i, f, c, o = (
                x_t @ layer.weight_ih[row] + mem @ layer.weight_hh[row] + bias[row]
                for row in (j, size + j, 2 * size + j, 3 * size + j)
            )
            kept = syn[:, j] / (1 + torch.exp(-f))
            after[:, j] = kept + torch.tanh(c) / (1 + torch.exp(-i))
            h[:, j] = torch.tanh(after[:, j]) / (1 + torch.exp(-o))
        s = (h > theta).to(x)
        spikes.append(s)
        vs.append(h)
        to = {"none": h, "subtract": h - theta, "zero": torch.zeros_like(h)}
        mem, syn = torch.where(s > 0, to.get(str(reset), torch.full_like(h, -0.25)), h), after
    return torch.stack(spikes), torch.stack(vs), syn


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("bias", [True, False])
def test_against_the_equation(reset: Any, backend: str, bias: bool) -> None:
    layer = layer_of(reset=reset, backend=backend, bias=bias).double()
    x = X.double()
    (s, v), state = layer(x)
    with torch.no_grad():
        want_s, want_v, syn = by_loop(layer, x, reset)
    assert torch.equal(s, want_s) and s.any() and not s.all()
    torch.testing.assert_close(v, want_v)
    torch.testing.assert_close(state.syn, syn)
    if reset == "none":
        assert torch.equal(state.mem, v[-1])


def test_it_is_the_lstm_of_torch_with_a_threshold() -> None:
    layer, cell, lstm = layer_of(), nn.LSTMCell(5, 4), nn.LSTM(5, 4)
    weights = {k: v for k, v in layer.state_dict().items() if k != "threshold"}
    cell.load_state_dict(weights)
    lstm.load_state_dict({f"{k}_l0": v for k, v in weights.items()})
    (s, v), state = layer(X)
    want, (mem, syn) = lstm(X)
    torch.testing.assert_close(v, want)
    torch.testing.assert_close(state.mem, mem[0])
    torch.testing.assert_close(state.syn, syn[0])
    h, c = cell(X[0])
    _, state = layer.step(X[0])
    torch.testing.assert_close(state.mem, h)
    torch.testing.assert_close(state.syn, c)
    assert torch.equal(s, (v > 0.1).float())


def test_it_remembers_though_the_sizes_differ() -> None:
    """snnTorch's SLSTM forgets all at every step unless input and hidden size are equal."""
    layer = sl.SpikingLSTM(5, 4, emit="v")
    pulse = torch.zeros(6, 1, 5)
    pulse[0] = 3.0
    response = layer(pulse)[0] - layer(torch.zeros(6, 1, 5))[0]
    assert all(bool(row.any()) for row in response)
    _, state = layer(pulse[:3])
    assert not torch.equal(layer(pulse[3:], state)[0], layer(pulse[3:])[0])


@pytest.mark.parametrize("reset", RESETS)
def test_streaming(reset: Any) -> None:
    layer = layer_of(reset=reset)
    (s, v), last = layer(X)
    rows: list[Any] = []
    state: Any = None
    for piece in X.split([2, 0, 1, 4]):
        out, state = layer(piece, state)
        rows.append(out)
    torch.testing.assert_close(torch.cat([row[0] for row in rows]), s)
    torch.testing.assert_close(torch.cat([row[1] for row in rows]), v)
    torch.testing.assert_close(tuple(state), tuple(last))
    state = None
    for t, x_t in enumerate(X):
        (s_t, v_t), state = layer.step(x_t, state)
        torch.testing.assert_close(v_t, v[t])
        assert torch.equal(s_t, s[t])


@pytest.mark.parametrize("reset", RESETS)
def test_gradients_of_both_loops(reset: Any) -> None:
    grads = []
    for backend in ("auto", "reference"):
        torch.manual_seed(0)
        layer = layer_of(reset=reset, backend=backend, learn="threshold").double()
        x = X.double().requires_grad_()
        (s, v), state = layer(x)
        (s.sum() + (v**2).sum() + (state.mem * state.syn).sum()).backward()
        assert all(p.grad is not None and p.grad.any() for p in layer.parameters())
        grads.append([x.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")  # torch's own use
def test_gradcheck_of_the_smooth_part() -> None:
    layer = sl.SpikingLSTM(2, 3, emit="v").double()
    x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    mem, syn = (torch.rand(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def run(x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        v, after = layer(x, state)
        return v, *after

    assert torch.autograd.gradcheck(run, (x, mem, syn))
    assert torch.autograd.gradgradcheck(run, (x, mem, syn))
    layer.backend = "reference"
    assert torch.autograd.gradcheck(run, (x, mem, syn), check_forward_ad=True)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")  # torch's own use
def test_transforms_take_the_plain_loop() -> None:
    layer = sl.SpikingLSTM(5, 4, emit="v")
    want, _ = layer(X)
    batched = torch.func.vmap(lambda x: layer(x[:, None])[0][:, 0], in_dims=1, out_dims=1)(X)
    torch.testing.assert_close(batched, want)
    tangent = torch.func.jvp(lambda x: layer(x)[0], (X,), (torch.ones_like(X),))[1]
    step = 1e-3
    difference = (layer(X + step)[0] - layer(X - step)[0]) / (2 * step)
    torch.testing.assert_close(tangent, difference, atol=1e-3, rtol=1e-2)


def test_recording_and_summary() -> None:
    net = sl.Sequential(nn.Linear(5, 5), layer_of(emit="spike"), nn.Linear(4, 2), sl.LI())
    with sl.record(net, "spikes") as s, sl.record(net, "v") as v:
        net(X)
    assert list(s) == ["1"] and list(v) == ["1", "3"]
    assert s["1"].shape == (7, 3, 4) and torch.equal(s["1"], (v["1"] > 0.1).float())
    with sl.record(net, "v") as v:
        net.step(X[0])
    assert v["1"].shape == (3, 4)
    row = sl.summary(net, X).rows[1]
    assert (row.path, row.kind, row.shape) == ("1", "SpikingLSTM", (7, 3, 4))
    assert row.params == 16 * (5 + 4 + 2) and row.rate == s["1"].mean().item()


def test_in_a_network_two_deep_it_learns() -> None:
    net = sl.Sequential(sl.SpikingLSTM(5, 8, 0.1), sl.SpikingLSTM(8, 2, 0.1, emit="v"))
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    target = torch.tensor([0.3, -0.3])
    losses = []
    for _ in range(40):
        out, _ = net(X)
        loss = ((out[-1] - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_weights_and_a_state_in_float(dtype: torch.dtype) -> None:
    layer = layer_of()
    want, _ = layer(X)
    (s, v), state = layer.to(dtype)(X.to(dtype))
    assert s.dtype == v.dtype == dtype and state.mem.dtype == state.syn.dtype == torch.float32
    torch.testing.assert_close(v.float(), want[1], atol=0.02, rtol=0)


def test_autocast() -> None:
    layer = layer_of()
    want, _ = layer(X)
    with torch.autocast("cpu", torch.bfloat16):
        (_, v), state = layer(X)
    assert v.dtype == state.mem.dtype == torch.float32
    torch.testing.assert_close(v, want[1], atol=0.02, rtol=0)


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_a_state_is_a_value_of_its_own(backend: str) -> None:
    layer = layer_of(backend=backend)
    for steps in (1, 3):
        (_, v), state = layer(X[:steps])
        kept = [s.clone() for s in state]
        v.data.zero_()
        layer(X, state)
        assert all(torch.equal(a, b) for a, b in zip(state, kept, strict=True))


def test_odd_sizes() -> None:
    layer = layer_of()
    for steps, batch in ((0, 3), (7, 0), (1, 1)):
        (s, v), state = layer(X[:steps, :batch])
        assert s.shape == v.shape == (steps, batch, 4)
        assert state.mem.shape == state.syn.shape == (batch, 4)


def test_copies_and_files() -> None:
    layer = layer_of(learn=("threshold",))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(X)[0][1], layer(X)[0][1])
    assert list(layer.state_dict()) == [
        "threshold_raw", "weight_ih", "weight_hh", "bias_ih", "bias_hh",
    ]  # fmt: skip
    assert repr(layer).startswith("SpikingLSTM(5, 4, threshold=0.1 (learned)")


def test_a_threshold_per_neuron_and_spikes_with_a_value() -> None:
    theta = torch.tensor([0.0, 0.1, 0.2, 0.3])
    layer = sl.SpikingLSTM(5, 4, theta, emit=("spike", "v"), spike=sl.spikes.Graded("v"))
    (s, v), _ = layer(X)
    torch.testing.assert_close(s, v * (v > theta))


def test_a_threshold_that_is_never_reached() -> None:
    """snnTorch's default of 1 is a silent layer: the membrane stays below."""
    for theta in (1.0, 2.5, torch.tensor([0.5, 1.0, 0.5, 0.5])):
        with pytest.raises(ValueError, match=r"SpikingLSTM got threshold=.* never fire\. Pass a t"):
            sl.SpikingLSTM(5, 4, theta)
    (s, v), _ = sl.SpikingLSTM(5, 4, emit=("spike", "v"))(1e3 * X)
    assert v.abs().max() <= 1 and s.any()


def test_wrong_calls() -> None:
    layer = layer_of()
    with pytest.raises(ValueError, match=r"got steps of shape \(3, 4\): .* I = 5 features\. Flat"):
        layer(X[..., :4])
    with pytest.raises(ValueError, match=r"got steps of shape \(3, 5, 1\): .*\. Flatten images"):
        layer(X[..., None])
    with pytest.raises(ValueError, match="no time axis"):
        layer(X[0])
    _, state = layer(X)
    with pytest.raises(ValueError, match=r"mem of shape \(3, 4\) .* another batch or layer"):
        layer(X[:, :1], state)
    for bad in (3, (None, None), state.mem):
        with pytest.raises(TypeError, match=r"its state is LSTMState\(mem, syn\)\. Hand on"):
            layer(X, bad)
    with pytest.raises(ValueError, match=r"SpikingLSTM got x with NaN or infinity: .*\. Look"):
        layer_of(check_finite=True)(X * torch.inf)


def test_what_it_cannot_be() -> None:
    with pytest.raises(sl.BackendError, match=r'SpikingLSTM got backend="cpu": .*\. Use backend='):
        layer_of(backend="cpu")
    with pytest.raises(TypeError, match=r"SpikingLSTM was asked for a step .*\. Use sl\.LIF\(\)"):
        sl.Recurrent(layer_of(), nn.Linear(4, 5))(X)
    with pytest.raises(ValueError, match=r"SpikingLSTM got learn=.*it has no parameter 'beta'"):
        layer_of(learn="beta")


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_torch_compile_sees_no_break() -> None:
    layer = layer_of(reset="subtract")
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(X)[0], layer(X)[0])


@pytest.mark.peers
def test_snntorch() -> None:
    snntorch = pytest.importorskip("snntorch")
    theirs = snntorch.SLSTM(5, 5, threshold=0.1)
    ours = sl.SpikingLSTM(5, 5, 0.1, emit=("spike", "v"))
    ours.load_state_dict(theirs.lstm_cell.state_dict(), strict=False)
    syn, mem = theirs.reset_mem()
    spikes, mems = [], []
    for x_t in X:
        spk, syn, mem = theirs(x_t, syn, mem)
        spikes.append(spk)
        mems.append(mem)
    (s, v), state = ours(X)
    torch.testing.assert_close(v, torch.stack(mems), atol=1e-5, rtol=0)
    torch.testing.assert_close(state.syn, syn, atol=1e-5, rtol=0)
    assert torch.equal(s, torch.stack(spikes)) and s.any()
