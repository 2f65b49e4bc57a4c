"""stbp-mnist learns as well with matrix products in bfloat16 as in float32."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import spikeloom as sl
from spikeloom.recipes import find, stbp_mnist

PRODUCTS = {torch.ops.aten.mm.default, torch.ops.aten.addmm.default}


class ProductsOfRounded(TorchDispatchMode):
    """Products in bfloat16 where the processor has none: of rounded values, summed in float32.

    torch computes the same there, some twenty times slower.
    """

    def __init__(self) -> None:
        super().__init__()
        self.replaced = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func not in PRODUCTS or args[0].dtype != torch.bfloat16:
            return func(*args, **(kwargs or {}))
        self.replaced += 1
        return func(*(a.float() for a in args), **(kwargs or {})).bfloat16()


def step(mode: Any) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Spikes and gradients of one training step under autocast."""
    torch.manual_seed(0)
    net = stbp_mnist.build(stbp_mnist.Options())
    images = (torch.rand(8, 20, 1, 28, 28) < 0.3).float()
    with mode:
        with torch.autocast("cpu", torch.bfloat16):
            spikes, _ = net(images)
        stbp_mnist.rate_loss(spikes.float(), torch.arange(20) % 10).backward()
    return spikes.detach(), [p.grad for p in net.parameters() if p.grad is not None]


def test_products_of_rounded_values_are_those_of_bfloat16() -> None:
    mode = ProductsOfRounded()
    spikes, gradients = step(mode)
    expected, others = step(nullcontext())
    assert mode.replaced == 5  # two layers forward, three products backward
    assert spikes.any() and (spikes != expected).float().mean() < 1e-3
    for got, want in zip(gradients, others, strict=True):
        torch.testing.assert_close(got, want, rtol=0.02, atol=0.02 * float(want.abs().max()))


@pytest.mark.slow
def test_the_accuracy_is_that_of_float32(tmp_path, data_dir) -> None:
    recipe, found = find("stbp-mnist"), []
    for autocast in (False, True):
        run = sl.train.Run(tmp_path / str(autocast), data=data_dir, progress=False)
        with ProductsOfRounded() if autocast else nullcontext():
            found.append(recipe.main(recipe.options(autocast=autocast), run)["test_accuracy"])
    assert abs(found[1] - found[0]) <= 0.1
