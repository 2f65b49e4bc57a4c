"""Pooling takes along the trace of the spike that it lets through."""

import pytest
import torch

from spikeloom.compat.pysnn.connection import AdaptiveMaxPool2d, MaxPool2d


@pytest.mark.parametrize("pool", [MaxPool2d(2), AdaptiveMaxPool2d((3, 4)), AdaptiveMaxPool2d(2)])
def test_each_window_takes_its_first_spike_of_its_own_image(pool) -> None:
    torch.manual_seed(0)
    spikes, trace = torch.rand(2, 3, 6, 8) < 0.1, torch.rand(2, 3, 6, 8)
    found, taken = pool(spikes, trace)
    height, width = (n // m for n, m in zip((6, 8), found.shape[2:], strict=True))
    windows = [x.unfold(2, height, height).unfold(3, width, width) for x in (spikes, trace)]
    fired, traces = (x.flatten(4) for x in windows)
    first = fired.float().argmax(-1, keepdim=True)
    assert found.dtype == torch.bool and torch.equal(found, fired.any(-1))
    assert torch.equal(taken, traces.gather(-1, first)[..., 0])
    assert 0 < found.float().mean() < 1


def test_strides_and_padding_are_those_of_torch() -> None:
    x = torch.rand(1, 1, 7, 7)
    found, taken = MaxPool2d(3, 2, 1, ceil_mode=True)(x, x)
    want = torch.nn.functional.max_pool2d(x, 3, 2, 1, ceil_mode=True)
    assert found.all() and torch.equal(taken, want)
