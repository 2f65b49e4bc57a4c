"""Penalties on spikes."""

from __future__ import annotations

from torch import Tensor


class l1_rate_sparsity:
    r"""The number of spikes times $\lambda$.

    Args:
        Lambda: $\lambda$.

    Example:
        >>> import torch
        >>> l1_rate_sparsity(0.5)(torch.ones(2, 1, 3)).item()
        3.0
    """

    def __init__(self, Lambda: float = 1e-5) -> None:
        self.Lambda = Lambda
        self.__name__ = "l1_rate_sparsity"

    def __call__(self, spk_out: Tensor) -> Tensor:
        """Return the penalty on spikes of any shape."""
        return self.Lambda * spk_out.sum()
