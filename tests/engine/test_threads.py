"""Kernels beside threads, forks and each other."""

from __future__ import annotations

import multiprocessing as mp
import threading

import pytest
import torch

import spikeloom as sl
from spikeloom.engine import threads


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("neurons", [1, 63, 64, 129, 1000, 4096, 100_003])
def test_slices_cover_every_neuron_once(two_threads, neurons):
    seen = torch.zeros(neurons)

    def kernel(lo, hi):
        assert lo % 64 == 0
        seen[lo:hi] += 1

    threads.run(kernel, neurons, steps=1_000_000)
    assert torch.equal(seen, torch.ones(neurons))


def test_small_work_stays_in_the_calling_thread(two_threads):
    callers = []
    threads.run(lambda lo, hi: callers.append(threading.get_ident()), 1000, steps=10)
    assert callers == [threading.get_ident()]


def test_an_error_in_a_slice_arrives(two_threads):
    def kernel(lo, hi):
        if lo:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        threads.run(kernel, 4096, steps=1_000_000)


def run(x):
    layer = sl.LIF(backend="cpu")
    spikes, _ = layer(x.requires_grad_())
    spikes.square().sum().backward()
    assert x.grad is not None
    return int(spikes.detach().sum(dtype=torch.float64)), int(x.grad.view(torch.int32).sum())


def child(queue, x):
    # torch's own threads do not survive a fork, hence one for torch (as in DataLoader workers);
    # the kernels' threads have to, hence two for them.
    torch.set_num_threads(1)
    torch.get_num_threads = lambda: 2
    queue.put(run(x))


@pytest.mark.skipif("fork" not in mp.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes_what_its_parent_does(two_threads):
    """As DataLoader workers do; the parent has used its threads and its kernels before."""
    x = torch.rand(100, 16, 512)
    expected = run(x.clone())
    context = mp.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue, x), daemon=True)
    process.start()
    found = queue.get(timeout=60)
    process.join(timeout=60)
    assert found == expected


def test_many_threads_at_once(two_threads):
    xs = [torch.rand(50, 8, 600, generator=torch.Generator().manual_seed(i)) for i in range(6)]
    expected = [run(x.clone()) for x in xs]
    found: list[tuple[int, int] | None] = [None] * len(xs)

    def work(i):
        for _ in range(3):
            found[i] = run(xs[i].clone())

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(xs))]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert found == expected
