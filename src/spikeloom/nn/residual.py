r"""A branch with layers of its own, added to its input."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn

from spikeloom.nn.sequential import Sequential, check_layer, fold_call, is_stateful, step_call


@final
class Residual(nn.Module):
    r"""`layers(x) + skip(x)`, states threaded.

    $$ y_t = f(x)_t + g(x)_t $$

    with $f$ the layers and $g$ the skip path (the identity by default). A sum of two spike trains
    is 0, 1 or 2: put the last neuron after the block if the next layer needs binary input.

    Args:
        *layers: The branch, as in `Sequential`.
        skip: Module of the skip path, such as a 1x1 convolution; None is the identity.

    Shape:
        Input `[T, B, ...]`; output that of the branch; state a pair
        `(states of the branch, state of the skip path)`.

    Raises:
        ValueError: If branch and skip path do not give the same shape.

    References:
        Fang et al. (2021), "Deep residual learning in spiking neural networks" (SEW-ADD),
        arXiv:2102.04159.

    Example:
        >>> import torch, spikeloom as sl
        >>> block = sl.Residual(torch.nn.Linear(4, 4), sl.LIF())
        >>> out, state = block(torch.rand(5, 2, 4))
        >>> tuple(out.shape)
        (5, 2, 4)
    """

    stateful = True

    def __init__(self, *layers: nn.Module, skip: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = Sequential(*layers)
        if skip is not None:
            check_layer("Residual", "skip", skip)
        self.skip = skip

    def forward(self, x: Tensor, state: tuple[Any, Any] | None = None) -> tuple[Tensor, Any]:
        """Run branch and skip path over time.

        Args:
            x: `[T, B, ...]`.
            state: What an earlier call on the same batch returned; None starts from rest.

        Returns:
            Their sum, and the pair of final states.
        """
        branch, skip = self._unpack(state)
        y, branch = self.layers(x, branch)
        if self.skip is None:
            z = x
        elif is_stateful(self.skip):
            z, skip = self.skip(x, skip)
        else:
            z = fold_call(self.skip, x, "skip")
        return self._sum(y, z), (branch, skip)

    def step(self, x_t: Tensor, state: tuple[Any, Any] | None = None) -> tuple[Tensor, Any]:
        """Run one time step, `[B, ...]`; as `forward` otherwise."""
        branch, skip = self._unpack(state)
        y, branch = self.layers.step(x_t, branch)
        if self.skip is None:
            z = x_t
        else:
            z, skip = step_call(self.skip, x_t, skip, "skip")
        return self._sum(y, z), (branch, skip)

    def _unpack(self, state: Any) -> tuple[Any, Any]:
        if state is None:
            return None, None
        if type(state) not in (tuple, list) or len(state) != 2:
            raise TypeError(
                f"Residual got a state of type {type(state).__name__}: its state is the pair "
                "(states of the branch, state of the skip path). Hand on the state that the last "
                "call returned, or None to start from rest."
            )
        return state[0], state[1]

    def _sum(self, y: Any, z: Any) -> Tensor:
        for signals, path in ((y, "its last layer"), (z, "its skip path")):
            if isinstance(signals, tuple):
                raise ValueError(
                    f"Residual got {len(signals)} signals from {path}, which emits a tuple: one "
                    'can be added. Build that layer with emit="spike" or emit="v".'
                )
        if y.shape != z.shape:
            raise ValueError(
                f"Residual got {tuple(y.shape)} from its layers and {tuple(z.shape)} from the "
                "skip path: they cannot be added. Give skip= a module that maps x to the shape of "
                "the branch, such as nn.Conv2d(c_in, c_out, 1)."
            )
        return y + z
