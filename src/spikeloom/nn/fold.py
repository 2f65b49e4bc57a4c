"""Time folded into the batch, for networks written by hand."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from spikeloom.nn.sequential import check_folded, check_layer, fold_call, is_stateful


@final
class fold(nn.Module):
    """A stateless module over a whole sequence: `[T, B, ...]` in, `[T, B, ...]` out.

    Args:
        module: Any module without a state; it is called once on `[T * B, ...]`.

    Raises:
        ValueError: If the module has a state.

    Example:
        >>> import torch
        >>> conv = fold(torch.nn.Conv2d(1, 2, 3))
        >>> tuple(conv(torch.rand(5, 8, 1, 6, 6)).shape)
        (5, 8, 2, 4, 4)
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        if is_stateful(module):
            raise ValueError(
                f"fold got {type(module).__name__}, which has a state: folding time into the "
                "batch would lose it. Call it directly: out, state = layer(x, state)."
            )
        check_layer("fold", "0", module)
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """Call the module on `x[T, B, ...]` with time folded into the batch."""
        check_folded("fold", x)
        return fold_call(self.module, x)
