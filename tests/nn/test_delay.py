"""Delay: values arrive later, each channel by its own time; state, gradients, kernels."""

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import spikeloom as sl
from spikeloom.nn import DelayState

KERNELS = ("linear", "gauss", "triangle")


def kernel_by_hand(d: float, longest: int, kernel: str, sigma: float) -> list[float]:
    """The weight of every step back, one number at a time."""
    if kernel == "linear":
        raw = [max(0.0, 1 - abs(n - d)) for n in range(longest + 1)]
    elif kernel == "gauss":
        raw = [math.exp(-((n - d) ** 2) / (2 * sigma**2)) for n in range(longest + 1)]
    else:
        raw = [max(0.0, 1 - abs(n - d) / (1 + sigma)) for n in range(longest + 1)]
    return [r / sum(raw) for r in raw]


def delayed_by_hand(x: Tensor, delays: list[float], longest: int, *how: Any) -> Tensor:
    """A loop over everything, for `x[T, B, C, ...]` with one delay per channel."""
    y = torch.zeros_like(x)
    for c, d in enumerate(delays):
        for n, weight in enumerate(kernel_by_hand(d, longest, *how)):
            for t in range(n, len(x)):
                y[t, :, c] += weight * x[t - n, :, c]
    return y


def test_two_spikes_in_flight_both_arrive() -> None:
    x = torch.zeros(8, 1, 1)
    x[0] = x[2] = 1.0
    y, state = sl.Delay(delay=3)(x)
    assert y.flatten().tolist() == [0, 0, 0, 1, 0, 1, 0, 0]
    _, state = sl.Delay(delay=3)(x[:4])
    assert state.buffer.flatten().tolist() == [0, 1, 0]


def test_every_channel_has_its_own_delay() -> None:
    x = torch.zeros(6, 2, 4)
    x[1] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    y, _ = sl.Delay(delay=torch.tensor([0, 1, 3, 4]))(x)
    when = [[int(t) for t in y[:, 1, c].nonzero()] for c in range(4)]
    assert when == [[1], [2], [4], [5]]
    assert y.sum(0)[0].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_fraction_is_shared_by_its_neighbours() -> None:
    x = torch.zeros(5, 1, 1)
    x[0] = 1.0
    y, _ = sl.Delay(1, 2.25)(x)
    assert y.flatten().tolist() == [0, 0, 0.75, 0.25, 0]


@pytest.mark.parametrize("longest", [3, 5])
def test_the_longest_delay_arrives(longest: int) -> None:
    x = torch.randn(9, 2, 2)
    for layer in (
        sl.Delay(delay=3, max_delay=longest),
        sl.Delay(delay=torch.tensor([2.5, 3.0]), max_delay=longest),
    ):
        y, _ = layer(x)
        assert torch.equal(y[3:, :, 1], x[:-3, :, 1]) and not y[:3, :, 1].any()


@settings(deadline=None, max_examples=60)
@given(
    steps=st.integers(0, 7),
    batch=st.integers(0, 3),
    delays=st.lists(st.floats(0, 4), min_size=1, max_size=4),
    extra=st.integers(0, 2),
    kernel=st.sampled_from(KERNELS),
    sigma=st.floats(0.1, 5),
    space=st.sampled_from([(), (2,), (2, 3)]),
    cut=st.integers(0, 7),
)
def test_equals_the_loops_by_hand_in_one_call_or_two(
    steps: int, batch: int, delays: list[float], extra: int, kernel: Any, sigma: float,
    space: tuple[int, ...], cut: int,
) -> None:  # fmt: skip
    longest = max(1, math.ceil(max(delays))) + extra
    layer = sl.Delay(
        delay=torch.tensor(delays, dtype=torch.float64),
        max_delay=longest,
        kernel=kernel,
        sigma=None if kernel == "linear" else sigma,
    ).double()
    x = torch.randn(steps, batch, len(delays), *space, dtype=torch.float64)
    start = layer.rest(x.shape[1:], dtype=x.dtype, device=x.device)
    y, state = layer(x, start)
    how = (kernel, float(layer.sigma)) if kernel != "linear" else (kernel, 1.0)
    torch.testing.assert_close(y, delayed_by_hand(x, delays, longest, *how))
    first, state_1 = layer(x[:cut], start)
    second, state_2 = layer(x[cut:], state_1)
    exact: dict[str, Any] = {"rtol": 0, "atol": 0} if kernel == "linear" else {}
    torch.testing.assert_close(torch.cat((first, second)), y, **exact)
    assert torch.equal(state_2.buffer, state.buffer)
    assert state.buffer.shape == (longest, *x.shape[1:])


@pytest.mark.parametrize("delay", [torch.tensor([0, 2, 5]), torch.tensor([0.5, 2.0, 4.7])])
def test_streaming_gives_the_bits_of_one_call(delay: Tensor) -> None:
    layer, x = sl.Delay(delay=delay), torch.randn(12, 3, 3)
    whole, last = layer(x)
    pieces, state = [], None
    for piece in x.split([1, 7, 4]):
        y, state = layer(piece, state)
        pieces.append(y)
    assert torch.equal(torch.cat(pieces), whole)
    steps, stream = [], None
    for x_t in x:
        y, stream = layer.step(x_t, stream)
        steps.append(y)
    assert torch.equal(torch.stack(steps), whole)
    assert state is not None and stream is not None
    assert torch.equal(state.buffer, last.buffer) and torch.equal(stream.buffer, last.buffer)
    assert type(last) is DelayState and torch.equal(last.buffer, x[-5:])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("delay", [1.5, torch.tensor([0.5, 1.0, 2.7])])
def test_steps_equal_one_call_for_every_kernel(kernel: Any, delay: Any) -> None:
    layer, x = sl.Delay(delay=delay, max_delay=4, kernel=kernel), torch.randn(7, 2, 3, 5)
    whole, last = layer(x)
    rows, state = [], None
    for x_t in x:
        y, state = layer.step(x_t, state)
        rows.append(y)
    torch.testing.assert_close(torch.stack(rows), whole)
    assert state is not None and torch.equal(state.buffer, last.buffer)


def test_shapes_of_delays_that_broadcast() -> None:
    x = torch.randn(9, 2, 3, 4, 5)
    one = torch.randint(0, 4, (3,))
    by_channel, _ = sl.Delay(3, one)(x)
    full, _ = sl.Delay((3, 4, 5), one[:, None, None].expand(3, 4, 5))(x)
    assert torch.equal(by_channel, full)
    single, _ = sl.Delay(delay=2)(x)
    assert torch.equal(single[2:], x[:-2])
    columns = torch.tensor([0.0, 1.5, 2.0, 3.0, 0.5])
    for kernel in KERNELS:
        narrow, _ = sl.Delay(delay=columns[None, None], kernel=kernel, max_delay=3)(x)
        wide, _ = sl.Delay((3, 4, 5), columns.expand(3, 4, 5), kernel=kernel, max_delay=3)(x)
        torch.testing.assert_close(narrow, wide)


def test_whole_delays_move_values_without_arithmetic() -> None:
    layer = sl.Delay(delay=torch.tensor([1.0, 2.0]))
    assert layer.delay.dtype == torch.int64
    x = torch.tensor([[math.inf, math.nan], [1.0, 2.0], [3.0, 4.0]])[:, None]
    y, _ = layer(x)
    assert y[1:, 0, 0].tolist() == [math.inf, 1.0] and math.isnan(y[2, 0, 1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_dtype_is_that_of_the_input(dtype: torch.dtype, kernel: Any) -> None:
    layer = sl.Delay(3, max_delay=4, learn=True, kernel=kernel)
    x = (torch.rand(9, 2, 3) > 0.5).to(dtype)
    for same in (layer, copy.deepcopy(layer).to(dtype)):
        y, state = same(x)
        assert y.dtype == state.buffer.dtype == dtype
        want, _ = layer.double()(x.double())
        torch.testing.assert_close(y.double(), want, atol=0.05, rtol=0.05)


def test_half_formats_never_read_beyond_the_buffer() -> None:
    layer = sl.Delay(delay=torch.tensor([256.9]), max_delay=257).to(torch.bfloat16)
    x = torch.zeros(300, 1, 1, dtype=torch.bfloat16)
    x[0] = 1.0
    y, _ = layer(x)
    assert y.nonzero()[:, 0].tolist() in ([256], [256, 257], [257]) and y.sum() == 1


def test_a_state_is_a_value_of_its_own() -> None:
    x = torch.randn(4, 2, 3)
    y, state = sl.Delay(delay=2)(x)
    kept = state.buffer.clone()
    y.zero_()
    x.zero_()
    assert torch.equal(state.buffer, kept)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradcheck(kernel: Any) -> None:
    layer = sl.Delay(3, torch.tensor([0.3, 1.6, 2.7]), max_delay=3, learn=True, kernel=kernel)
    layer = layer.double()
    raw = layer.delay_raw.detach().clone().requires_grad_()
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    buffer = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)

    def run(x: Tensor, buffer: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        y, state = torch.func.functional_call(layer, {"delay_raw": raw}, (x, (buffer,)))
        return y, state.buffer

    assert torch.autograd.gradcheck(run, (x, buffer, raw))


def test_the_gradient_of_a_delay_is_that_of_the_interpolation() -> None:
    layer = sl.Delay(1, 1.25, max_delay=4, learn=True)
    x = torch.randn(9, 1, 1)
    y, _ = layer(x)
    by = torch.randn_like(y)
    (y * by).sum().backward()
    padded = torch.cat((torch.zeros(2, 1, 1), x))
    slope = (by * (padded[:-2] - padded[1:-1])).sum()  # x[t - 2] - x[t - 1]
    s = 1.25 / 4
    assert layer.delay_raw.grad is not None
    torch.testing.assert_close(layer.delay_raw.grad[0], slope * 4 * s * (1 - s))


def test_the_gradient_is_alive_at_whole_numbers_and_near_both_ends() -> None:
    x = torch.zeros(30, 1, 3)
    x[0] = 1.0
    layer = sl.Delay(delay=torch.tensor([2.0, 0.01, 19.99]), max_delay=20, learn=True)
    y, _ = layer(x)
    (y * torch.linspace(0, 1, 30)[:, None, None]).sum().backward()
    assert layer.delay_raw.grad is not None and (layer.delay_raw.grad > 0).all()


@pytest.mark.parametrize(("kernel", "reach"), [("linear", 1), ("triangle", 6), ("gauss", 12)])
def test_a_wide_kernel_feels_further(kernel: Any, reach: int) -> None:
    sigma = None if kernel == "linear" else 5.0
    layer = sl.Delay(1, 10.5, max_delay=25, learn=True, kernel=kernel, sigma=sigma)
    x = torch.zeros(26, 1, 1)
    x[0] = 1.0
    y, _ = layer(x)
    felt = []
    for t in range(26):
        (slope,) = torch.autograd.grad(y[t].sum(), layer.delay_raw, retain_graph=True)
        felt.append(abs(float(slope)) > 1e-4)
    assert felt[10 - reach + 1] and felt[11 + reach - 1]
    assert kernel == "gauss" or not (felt[10 - reach] or felt[11 + reach])


@pytest.mark.parametrize("kernel", ["linear", "gauss"])
def test_a_delay_is_learned(kernel: Any) -> None:
    spikes = (torch.rand(60, 4, 2) < 0.2).float()
    wanted, _ = sl.Delay(delay=torch.tensor([3, 9]))(spikes)
    sigma = 3.0 if kernel == "gauss" else None
    start = torch.tensor([2.4, 8.3] if kernel == "linear" else [6.0, 5.0])
    layer = sl.Delay(delay=start, max_delay=12, learn=True, kernel=kernel, sigma=sigma)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss = ((layer(spikes)[0] - wanted) ** 2).mean()
        loss.backward()
        optimizer.step()
        if kernel == "gauss":
            layer.sigma = max(0.4, 0.98 * float(layer.sigma))
    assert torch.equal(layer.round_().delay, torch.tensor([3, 9]))
    assert torch.equal(layer(spikes)[0], wanted)


def test_delays_that_are_drawn() -> None:
    def draw() -> Tensor:
        generator = torch.Generator().manual_seed(3)
        return sl.Delay(2000, max_delay=10, learn=True, generator=generator).delay.detach()

    assert torch.equal(draw(), draw())
    assert 0 < draw().min() < 0.2 and 9.8 < draw().max() < 10 and abs(draw().mean() - 5) < 0.3


def test_round_leaves_the_layer_that_whole_delays_build() -> None:
    layer = sl.Delay(delay=torch.tensor([0.2, 1.7, 3.9]), max_delay=4, learn=True, kernel="gauss")
    before = copy.deepcopy(layer)
    assert layer.round_() is layer and not list(layer.parameters())
    fixed = sl.Delay(delay=torch.tensor([0, 2, 4]), max_delay=4)
    assert {k: v.tolist() for k, v in layer.state_dict().items()} == {"delay": [0, 2, 4]}
    fixed.load_state_dict(layer.state_dict())
    x = torch.randn(9, 2, 3)
    assert torch.equal(fixed(x)[0], layer(x)[0])
    assert sorted(before.state_dict()) == ["delay_raw", "sigma"]
    with pytest.raises(ValueError, match=r"its kernel is \"linear\" \(as round_\(\) leaves it\)"):
        layer.sigma = 1.0


def test_setting_delays_and_width() -> None:
    layer = sl.Delay(2, max_delay=5, learn=True, kernel="gauss")
    assert float(layer.sigma) == 3.0
    raw = layer.delay_raw
    layer.delay = torch.tensor([1.0, 2.5])
    layer.sigma *= 0.5
    assert layer.delay_raw is raw and float(layer.sigma) == 1.5
    torch.testing.assert_close(layer.delay.detach(), torch.tensor([1.0, 2.5]))
    fixed = sl.Delay(2, 3, max_delay=5)
    setattr(fixed, "delay", 1.5)  # noqa: B010 - a number stands for as many
    assert fixed.delay.tolist() == [1.5, 1.5]
    fixed.delay = torch.tensor([1.0, 5.0])
    assert fixed.delay.dtype == torch.int64 and fixed.delay.tolist() == [1, 5]
    with pytest.raises(ValueError, match=r"longer than max_delay=5"):
        fixed.delay = 6
    with pytest.raises(ValueError, match=r"sigma=0\.0: it is a width"):
        layer.sigma = 0.0


def test_checkpoints() -> None:
    learned = sl.Delay(3, max_delay=7, learn=True, kernel="triangle", sigma=2.0)
    again = sl.Delay(3, max_delay=7, learn=True, kernel="triangle")
    again.load_state_dict(learned.state_dict())
    assert torch.equal(again.delay, learned.delay) and float(again.sigma) == 2.0
    whole, part = sl.Delay(2, 3, max_delay=4), sl.Delay(2, 2.5, max_delay=4)
    whole.load_state_dict(part.state_dict())
    assert whole.delay.tolist() == [2.5, 2.5]
    part.load_state_dict(sl.Delay(2, 1).state_dict())
    x = torch.randn(6, 1, 2)
    assert torch.equal(part(x)[0][1:], x[:-1])
    with pytest.raises(ValueError, match=r"delay=9, longer than max_delay=4"):
        whole.load_state_dict(sl.Delay(2, 9).state_dict())


def test_from_seconds() -> None:
    layer = sl.Delay.from_seconds(torch.tensor([3e-3, 7e-3]), dt=1e-3)
    assert layer.delay.tolist() == [3, 7] and layer.max_delay == 7
    for k in range(1, 200):  # k * 1e-3 / 1e-3 misses k by rounding now and then
        assert sl.Delay.from_seconds(k * 1e-3, 1e-3).delay.item() == k
        assert sl.Delay.from_seconds(k * 1e-3, 1e-3).max_delay == k
    part = sl.Delay.from_seconds(2.5e-3, dt=1e-3, max_seconds=0.1, learn=True)
    assert part.max_delay == 100 and float(part.delay.detach()) == pytest.approx(2.5)
    with pytest.raises(ValueError, match=r"steps_of got dt=0: .*\. Pass, for example"):
        sl.Delay.from_seconds(1e-3, dt=0)


def test_in_a_network() -> None:
    axons = sl.Sequential(sl.Delay(3, max_delay=4, learn=True), nn.Linear(3, 2), sl.LIF())
    dendrites = sl.Sequential(nn.Linear(3, 2), sl.Delay(2, max_delay=4, learn=True), sl.LIF())
    x = torch.rand(9, 2, 3)
    for net in (axons, dendrites):
        whole, _ = net(x)
        pieces, state = [], None
        for x_t in x:
            y, state = net.step(x_t, state)
            pieces.append(y)
        torch.testing.assert_close(torch.stack(pieces), whole)
        whole.sum().backward()
        assert all(p.grad is not None for p in net.parameters())
        assert sl.detach(state) is not None
    assert "delay=[3] (learned), max_delay=4" in repr(axons)


@pytest.mark.parametrize("kernel", KERNELS)
def test_exports_and_compiles_without_a_break(kernel: Any) -> None:
    layer = sl.Delay(3, torch.tensor([0.5, 1.0, 2.25]), max_delay=4, kernel=kernel)
    x = torch.randn(6, 2, 3)
    exported = torch.export.export(layer, (x,)).module()
    torch.testing.assert_close(exported(x)[0], layer(x)[0])
    compiled: Any = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x)[0], layer(x)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 3}, r"features=3 and no delay: .*\. Pass the time steps, delay=3"),
        ({"delay": -1}, r"delay=-1: an output cannot come before .*\. Pass"),
        ({"delay": 9, "max_delay": 4}, r"delay=9, longer than max_delay=4.*\. Pass max_delay=9"),
        ({"delay": math.nan}, r"not finite: .*\. Pass numbers"),
        ({"delay": math.inf}, r"not finite: .*\. Pass numbers"),
        ({"delay": 2, "max_delay": 2.5}, r"max_delay=2\.5: .*\. Pass, for example"),
        ({"delay": 2, "max_delay": -1}, r"max_delay=-1: .* at least 0.*\. Pass"),
        ({"features": 2, "learn": True}, r"max_delay=None: .* at least 1 to learn.*\. Pass"),
        ({"delay": 4, "max_delay": 4, "learn": True}, r"delay=4 to learn .*\. Start strictly"),
        ({"delay": 0, "max_delay": 4, "learn": True}, r"delay=0 to learn .*\. Start strictly"),
        ({"delay": 2, "kernel": "cubic"}, r"kernel='cubic': there are three\. Use"),
        ({"delay": 2, "sigma": 1.0}, r"sigma=1\.0 with kernel=\"linear\".*\. Use kernel"),
        ({"features": 3, "delay": torch.ones(2)}, r"shape \(2,\) for features=3: .*\. Leave"),
        ({"features": 0, "delay": 2}, r"features=0: .*\. Pass"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"Delay got .*{message}"):
        sl.Delay(**options)


def test_wrong_types() -> None:
    for wrong in ("3", None, True, torch.tensor([True])):
        with pytest.raises((TypeError, ValueError), match=r"\. (Pass|Leave)"):
            sl.Delay(3, wrong)  # type: ignore[arg-type]


def test_a_run_that_is_over_before_anything_arrives() -> None:
    layer, x = sl.Delay(delay=torch.tensor([4, 6])), torch.rand(4, 2, 2)
    message = r"Delay got 4 time steps and no state, .* shortest delay is 4: .*\. Give it more"
    with pytest.raises(ValueError, match=message):
        layer(x)
    assert layer(torch.rand(5, 2, 2))[0].any()
    # The start of a stream is no such run.
    _, empty = layer(x[:0])
    first, state = layer(x, empty)
    assert not first.any() and torch.equal(layer(x, state)[0][0, :, 0], x[0, :, 0])
    assert not layer(x[:1])[0].any() and not layer.step(x[0])[0].any()
    with pytest.raises(ValueError, match=r"shortest delay is 9\.5"):
        sl.Delay(delay=9.5, max_delay=10)(torch.rand(9, 1, 1))
    assert sl.Delay(delay=9.5, max_delay=10)(torch.rand(10, 1, 1))[0].any()
    with pytest.raises(ValueError, match=r"shortest delay is 9"):
        sl.Delay(delay=9, kernel="triangle", sigma=2.0)(torch.rand(7, 1, 1))
    assert sl.Delay(delay=9, kernel="triangle", sigma=2.0)(torch.rand(8, 1, 1))[0].any()


def test_inputs_and_states_that_do_not_fit() -> None:
    layer = sl.Delay(3, 2)
    with pytest.raises(ValueError, match=r"got x with 4 channels .*, but it has 3 delays\. Give"):
        layer(torch.rand(5, 2, 4))
    with pytest.raises(ValueError, match=r"delays of shape \(2, 3\) do not broadcast .*\. Give"):
        sl.Delay(delay=torch.ones(2, 3))(torch.rand(5, 2, 4, 3))
    with pytest.raises(ValueError, match=r"got x of shape \(2, 3\), which has no time axis"):
        layer(torch.rand(2, 3))
    with pytest.raises(TypeError, match=r"dtype torch.int64"):
        layer(torch.ones(5, 2, 3, dtype=torch.int64))
    _, other = layer(torch.rand(5, 4, 3))
    with pytest.raises(ValueError, match=r"buffer of shape \(2, 4, 3\).*need \(2, 2, 3\).*\. Hand"):
        layer(torch.rand(5, 2, 3), other)
    for wrong in (torch.zeros(2, 2, 3), (None,), 3):
        with pytest.raises(TypeError, match=r"Delay got a state of type .*\. Hand on"):
            layer(torch.rand(5, 2, 3), wrong)


@pytest.mark.peers
def test_spikingjelly_delays_by_whole_steps_likewise() -> None:
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    peer = layer.Delay(delay_steps=3, step_mode="m")
    x = (torch.rand(10, 2, 4) < 0.3).float()
    assert torch.equal(peer(x), sl.Delay(delay=3)(x)[0])
