"""`Sequential(remat=...)`: the same results and gradients, with less kept."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl
from spikeloom.nn.bits import packed
from spikeloom.nn.state import flatten

NETS: dict[str, Callable[[], list[nn.Module]]] = {
    "linear": lambda: [nn.Linear(6, 9), sl.LIF(learn="beta"), nn.Linear(9, 4), sl.LIF()],
    "recurrent": lambda: [
        nn.Linear(6, 9), sl.Recurrent(sl.LIF(), nn.Linear(9, 9)), nn.Linear(9, 4), sl.Synaptic(),
    ],
    "a stateless end": lambda: [sl.LIF(), nn.Linear(6, 9), sl.ALIF(), nn.Linear(9, 4)],
    "not binary": lambda: [nn.Linear(6, 9), sl.LI(), nn.Linear(9, 4), sl.LIF()],
    "delays and an LSTM": lambda: [sl.Delay(delay=2), nn.Linear(6, 9), sl.LIF(), nn.LSTM(9, 4)],
    "several signals": lambda: [nn.Linear(6, 9), sl.LIF(), sl.LIF(emit=("spike", "v"))],
    "a residual branch": lambda: [sl.Residual(nn.Linear(6, 6), sl.LIF()), nn.Linear(6, 4), sl.LI()],
}  # fmt: skip


def both(layers: Callable[[], list[nn.Module]], remat: int = 4) -> tuple[Any, Any]:
    """The same network twice, keeping everything and recomputing."""
    plain = sl.Sequential(*layers())
    again = sl.Sequential(*layers(), remat=remat)
    again.load_state_dict(plain.state_dict())
    return plain, again


def everything(net: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, final state, gradients and buffers of one training step, and the next draw."""
    x = x.clone().requires_grad_()
    torch.manual_seed(0)
    ends = [end for end in flatten(net(x))[0] if end.is_floating_point()]
    weighed = [
        (e * torch.linspace(1, 2 + i, e.numel()).view(e.shape)).sum() for i, e in enumerate(ends)
    ]
    torch.stack(weighed).sum().backward()
    grads = [p.grad for p in net.parameters() if p.grad is not None]
    assert x.grad is not None and grads
    return [*ends, x.grad, *grads, *net.buffers(), torch.rand(2)]


def same(a: list[Tensor], b: list[Tensor], tolerance: float = 2e-5) -> None:
    assert len(a) == len(b)
    for i, (one, other) in enumerate(zip(a, b, strict=True)):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance, msg=f"{i}")


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize(("steps", "remat"), [(10, 4), (8, 4), (3, 25), (3, 1)])
def test_same_results_gradients_and_final_state(kind: str, steps: int, remat: int) -> None:
    plain, again = both(NETS[kind], remat)
    x = 2 * torch.rand(steps, 3, 6)
    same(everything(again, x), everything(plain, x))


def test_batch_statistics_are_taken_over_all_time_and_updated_once() -> None:
    def layers() -> list[nn.Module]:
        return [
            nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), sl.LIF(beta=0.5),
            nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), sl.LIF(beta=0.5), nn.Flatten(), nn.Linear(12, 4),
        ]  # fmt: skip

    plain, again = both(layers)
    x = 3 * torch.rand(9, 2, 2, 6, 6)
    same(everything(again, x), everything(plain, x))
    assert again[1].num_batches_tracked == 1 == again[4].num_batches_tracked
    plain.eval()
    again.eval()
    same(everything(again, x), everything(plain, x))


def test_dropout_draws_the_same_again_and_leaves_the_generator_where_it_was() -> None:
    def layers() -> list[nn.Module]:
        return [nn.Linear(6, 9), nn.Dropout(0.5), sl.LIF(), nn.Linear(9, 4), sl.LI()]

    plain, again = both(layers, remat=5)
    x = 4 * torch.rand(5, 3, 6)  # one chunk: the same draws in the same order
    same(everything(again, x), everything(plain, x))
    x = torch.rand(11, 3, 6, requires_grad=True)
    out, _ = again(x)
    before = torch.random.get_rng_state()
    grads = torch.autograd.grad(out.sum(), [x, *again.parameters()], retain_graph=True)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(7)
    assert all(map(torch.equal, grads, torch.autograd.grad(out.sum(), [x, *again.parameters()])))
    assert grads[0].any()


def test_a_module_with_a_generator_of_its_own() -> None:
    def layers() -> list[nn.Module]:
        own = torch.Generator().manual_seed(3)
        return [sl.nn.Noise(0.3, generator=own), nn.Linear(6, 4), sl.LIF(emit="v")]

    plain, again = both(layers, remat=20)
    x = torch.rand(20, 3, 6)
    same(everything(again, x), everything(plain, x))


def test_streaming_carries_the_gradient_of_the_state() -> None:
    plain, again = both(NETS["linear"])
    x = 2 * torch.rand(12, 3, 6)

    def streamed(net: nn.Module) -> list[Tensor]:
        first, state = net(x[:7])
        last, _ = net(x[7:], state)
        (first.sum() + 2 * last.sum()).backward()
        return [first, last, *(p.grad for p in net.parameters())]  # type: ignore[list-item]

    same(streamed(again), streamed(plain))


def test_a_layer_that_is_recorded_is_kept_in_full() -> None:
    plain, again = both(NETS["linear"])
    x = 2 * torch.rand(10, 3, 6)
    grads = []
    for net in (plain, again):
        with sl.record(net, "v", grad=True) as rec:
            out, _ = net(x)
        assert rec["1"].shape == (10, 3, 9)
        (out.sum() + rec["1"].square().sum()).backward()
        assert rec["1"].shape == (10, 3, 9)
        grads.append([p.grad for p in net.parameters()])
    same(*grads)


def test_autocast_is_the_same_in_the_second_computation() -> None:
    plain, again = both(NETS["linear"])
    x = 2 * torch.rand(10, 3, 6)
    with torch.autocast("cpu", torch.bfloat16):
        outs = [net(x)[0] for net in (again, plain)]
    for out in outs:
        out.sum().backward()
    one, other = ([p.grad.float() for p in net.parameters()] for net in (again, plain))
    same(one, other, tolerance=1e-2)  # the sums over chunks are rounded to bfloat16


def test_keeps_a_fraction_of_the_memory() -> None:
    def kept(net: nn.Module) -> int:
        sizes: dict[int, int] = {}

        def pack(t: Tensor) -> Tensor:
            sizes[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            net(x)
        return sum(sizes.values())

    plain, again = both(
        lambda: [m for _ in range(4) for m in (nn.Linear(64, 64), sl.LIF())], remat=10
    )
    x = torch.rand(100, 8, 64)
    assert kept(again) < kept(plain) / 3


def test_bits_come_back_on_odd_sizes() -> None:
    for shape in [(1, 1, 1), (3, 5, 7), (2, 0, 4), (8, 8)]:
        x = (torch.rand(shape) > 0.5).double()
        bits = packed(x)
        assert bits is not None and torch.equal(bits.unpacked(), x)
        assert bits.words.numel() == -(-x.numel() // 8) and bits.unpacked().dtype == x.dtype
    assert packed(torch.tensor([1.0, 2.0])) is None and packed(torch.tensor([float("nan")])) is None


def test_bad_use_is_refused() -> None:
    for wrong in (0, -3, True):
        with pytest.raises(ValueError, match="number of time steps"):
            sl.Sequential(sl.LIF(), remat=wrong)
    net = sl.Sequential(nn.Linear(6, 4), sl.LIF(), remat=2)
    x = torch.rand(4, 1, 6, requires_grad=True)
    with pytest.raises(RuntimeError, match="second derivative"):
        torch.autograd.grad(net(x)[0].sum(), x, create_graph=True)
    out = net(x)[0]
    with torch.no_grad():
        next(net.parameters()).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        out.sum().backward()
