"""Large buffers come back."""

from __future__ import annotations

import gc

import pytest
import torch

import spikeloom as sl
from spikeloom.engine.memory import Pool

MIB = 1 << 20


def test_a_block_is_used_again_once_its_tensor_is_gone():
    pool = Pool()
    a = pool.empty((MIB,), torch.float32)
    address = a.data_ptr()
    other = pool.empty((MIB,), torch.float32)
    assert other.data_ptr() != address
    del a
    assert pool.empty((MIB - 10,), torch.float32).data_ptr() == address


def test_a_view_keeps_its_block():
    pool = Pool()
    view = pool.empty((2, MIB), torch.float32)[1, 10:20]
    view.fill_(7.0)
    gc.collect()
    assert pool.empty((2, MIB), torch.float32).data_ptr() != view.data_ptr() - 4 * (MIB + 10)
    assert view.tolist() == [7.0] * 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.bool])
def test_tensors_are_ordinary_ones(dtype):
    t = Pool().empty((3, MIB), dtype)
    assert t.shape == (3, MIB) and t.dtype == dtype and t.is_contiguous()
    assert t.fill_(1).sum(dtype=torch.float64) == 3 * MIB
    assert torch.equal(t.clone(), t)


def test_idle_memory_stays_below_what_was_in_use():
    pool = Pool()
    tensors = [pool.empty((n * MIB,), torch.uint8) for n in (2, 4, 8)]
    tensors.clear()
    assert pool.idle_bytes() == 14 * MIB
    tensors = [pool.empty((n * MIB,), torch.uint8) for n in (3, 11)]
    tensors.clear()
    assert pool.idle_bytes() <= 14 * MIB
    pool.clear()
    assert pool.idle_bytes() == 0


def test_small_tensors_do_not_concern_the_pool():
    pool = Pool()
    t = pool.empty((100,), torch.float32)
    del t
    assert pool.idle_bytes() == 0


def test_results_of_one_call_survive_the_next():
    layer = sl.LIF(backend="cpu")
    x = torch.rand(40, 16, 1024, requires_grad=True)
    first, _ = layer(x)
    kept = first.detach().clone()
    (grad,) = torch.autograd.grad(first.sum(), x)
    kept_grad = grad.clone()
    for _ in range(3):
        again, _ = layer(torch.zeros_like(x).requires_grad_())
        again.sum().backward()
    assert torch.equal(first, kept)
    assert torch.equal(grad, kept_grad)
