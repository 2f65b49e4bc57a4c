"""The same network in several threads, and in the forked workers of a DataLoader."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import spikeloom as sl


def make_net() -> sl.Sequential:
    torch.manual_seed(3)
    return sl.Sequential(
        nn.Linear(6, 32),
        sl.LIF(threshold=0.3, learn="beta"),
        sl.Recurrent(sl.Synaptic(threshold=0.3), nn.Linear(32, 32)),
        nn.Linear(32, 3),
        sl.LI(),
    )


def test_threads_that_share_a_network_get_what_one_alone_gets() -> None:
    net, inputs = make_net(), torch.rand(8, 10, 4, 6)
    weights = list(net.parameters())

    def run(x: Tensor) -> tuple[Tensor, ...]:
        out, _ = net(x)
        return out.detach(), *torch.autograd.grad(out.square().sum(), weights)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(run, inputs, timeout=60))
    for x, got in zip(inputs, together, strict=True):
        for a, b in zip(got, run(x), strict=True):
            torch.testing.assert_close(a, b)
            assert b.any()


def test_threads_that_meet_a_neuron_for_the_first_time() -> None:
    """All of them ask for a kernel that nobody has compiled yet."""
    scale = torch.rand(()).item()  # a constant of the step, so no kernel of another test fits
    layer = sl.neuron(lambda x, v: (v * scale + x, torch.sin(v * scale) + x), backend="cpu")
    x = torch.rand(20, 4, 5)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: layer(x)[0], range(8), timeout=60))
    want, _ = layer(x)
    assert all(torch.equal(out, want) for out in together)


class Spikes(Dataset[tuple[Tensor, Tensor]]):
    """Samples that a network makes, gradient included, as an augmentation might."""

    def __init__(self, net: sl.Sequential, custom: nn.Module) -> None:
        self.net = net
        self.custom = custom

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        x = torch.rand(10, 4, 6, generator=torch.Generator().manual_seed(i)).requires_grad_()
        out, _ = self.net(x)
        (slope,) = torch.autograd.grad(self.custom(out)[0].sum(), x)
        return out.detach(), slope


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 warns of threads
@pytest.mark.parametrize("warm", [True, False])
def test_a_network_runs_in_forked_workers(warm: bool) -> None:
    """Compiled before the fork, or met for the first time in a worker."""
    scale = 0.5 + 0.1 * torch.rand(()).item() + warm
    custom = sl.neuron(lambda x, v: (torch.tanh(v * scale + x), v * scale + x), backend="cpu")
    data = Spikes(make_net(), custom)
    want = [data[i] for i in range(len(data))] if warm else None
    loader = DataLoader(
        data, batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60
    )
    got = list(loader)
    for (out, slope), expected in zip(got, want or map(data.__getitem__, range(6)), strict=True):
        torch.testing.assert_close(out, expected[0])
        torch.testing.assert_close(slope, expected[1])
        assert slope.any()
