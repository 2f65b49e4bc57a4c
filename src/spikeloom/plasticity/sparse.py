"""Connections in which only some pairs of neurons have a synapse."""

from __future__ import annotations

from typing import Any, Self, final

import torch
from torch import Tensor

from spikeloom.plasticity.plastic import PlasticConnection
from spikeloom.plasticity.wiring import Listed, PlasticWiring


@final
class Sparse(PlasticConnection):
    r"""A synapse for each pair in a list: `weight[k]` from `pairs[0, k]` to `pairs[1, k]`.

    The structure stays. A pair may have several synapses if their delays differ.

    Args:
        weight: A weight per pair, `[S]`, or one number with which all begin.
        pairs: Presynaptic and postsynaptic neurons, `[2, S]`, whole numbers.
        size: Sizes of the two populations.
        **options: As of every `Connection`.

    Raises:
        ValueError: If there are not as many weights as pairs, a neuron does not exist, or two
            synapses have the same ends and delay.

    Example:
        >>> pairs = torch.tensor([[0, 2], [1, 0]])
        >>> connection = Sparse(torch.tensor([0.5, 2.0]), pairs, (3, 2), delay=torch.tensor([1, 4]))
        >>> connection.longest
        4
        >>> mask = torch.tensor([[True, False], [True, True]])
        >>> Sparse.from_mask(mask, torch.tensor(1.0)).send(torch.tensor([[0.0, 1.0]]))
        tensor([[1., 1.]])
    """

    pre: Tensor
    post: Tensor

    def __init__(
        self, weight: Tensor, pairs: Tensor, size: tuple[int, int], **options: Any
    ) -> None:
        if pairs.ndim != 2 or len(pairs) != 2 or pairs.is_floating_point():
            raise ValueError(
                f"Sparse got pairs of shape {list(pairs.shape)} and type {pairs.dtype}: it needs "
                "whole numbers [2, S], who sends and who receives. Pass mask.nonzero().T, say."
            )
        pairs = pairs.long()
        for who, side in zip(pairs, size, strict=True):
            if len(who) and not 0 <= int(who.min()) <= int(who.max()) < side:
                raise ValueError(
                    f"Sparse got pairs with neurons {int(who.min())} to {int(who.max())} of a "
                    f"population of {side}: they count from 0. Pass size=(presynaptic, "
                    "postsynaptic)."
                )
        if weight.ndim == 0:
            weight = weight.expand(pairs.shape[1])
        if weight.shape != pairs.shape[1:]:
            raise ValueError(
                f"Sparse got weights of shape {list(weight.shape)} for {pairs.shape[1]} pairs: "
                "each has one. Pass weight[mask] of a matrix, or a single number."
            )
        super().__init__(weight, **options)
        self.size = tuple(size)
        self.register_buffer("pre", pairs[0].to(weight.device).contiguous())
        self.register_buffer("post", pairs[1].to(weight.device).contiguous())
        ends = (self.pre * size[1] + self.post) * (self.longest + 1) + self.delay
        if len(ends.unique()) < len(ends):
            raise ValueError(
                "Sparse got two synapses with the same ends and the same delay: they would be one. "
                "Add their weights up, or give them different delays."
            )

    @classmethod
    def from_mask(
        cls, mask: Tensor, weight: Tensor, *, delay: int | Tensor = 1, **options: Any
    ) -> Self:
        """A synapse wherever a mask says so.

        Args:
            mask: `[I, O]`, bool.
            weight: `[I, O]`, of which those under the mask count, or one number.
            delay: Likewise.
            **options: As of every `Connection`.

        Returns:
            The connection.

        Raises:
            ValueError: If a shape does not fit.
        """
        for name, x in (("weight", weight), ("delay", delay), ("mask", mask)):
            matrix = x.shape if isinstance(x, Tensor) and x.ndim else mask.shape
            if matrix != mask.shape or mask.ndim != 2:
                raise ValueError(
                    f"Sparse.from_mask got {name} of shape {list(matrix)} and a mask of shape "
                    f"{list(mask.shape)}: both are [presynaptic, postsynaptic]."
                )
        mask = mask.bool()
        size = mask.shape[0], mask.shape[1]
        if isinstance(delay, Tensor) and delay.ndim:
            delay = delay[mask]
        return cls(
            weight[mask] if weight.ndim else weight, mask.nonzero().T, size, delay=delay, **options
        )

    def shapes(self) -> tuple[int, int]:
        """As they were given."""
        return self.size[0], self.size[1]

    def wired(self, n_pre: int, n_post: int) -> PlasticWiring:
        """The list."""
        at = torch.arange(len(self.pre), device=self.pre.device)
        delay = None if isinstance(self.delay, int) else self.delay
        return Listed(n_pre, n_post, self.pre, self.post, at, delay)

    def sums(self) -> tuple[Tensor, int]:
        """One per postsynaptic neuron."""
        return self.post, self.size[1]


def random_pairs(
    size: tuple[int, int],
    *,
    probability: float | None = None,
    fan_in: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Random structure for a `Sparse` connection.

    Args:
        size: Sizes of the two populations.
        probability: Each pair has a synapse with this probability, in [0, 1]; or
        fan_in: each postsynaptic neuron has so many presynaptic ones, drawn without repetition.
        generator: Source of the randomness.

    Returns:
        Pairs `[2, S]`, ordered by presynaptic neuron.

    Raises:
        ValueError: If not exactly one of the two is given, or it is out of range.

    Example:
        >>> pairs = random_pairs((100, 7), fan_in=5, generator=torch.Generator().manual_seed(0))
        >>> pairs[1].bincount().tolist()
        [5, 5, 5, 5, 5, 5, 5]
    """
    n_pre, n_post = size
    if (probability is None) == (fan_in is None):
        raise ValueError(
            f"random_pairs got probability={probability!r} and fan_in={fan_in!r}: one of them says "
            "how many synapses there are. Pass, for example, probability=0.1."
        )
    device = generator.device if generator is not None else None
    drawn = torch.rand(n_pre, n_post, generator=generator, device=device)
    if probability is not None:
        if not 0 <= probability <= 1:
            raise ValueError(
                f"random_pairs got probability={probability!r}: it lies between 0 and 1."
            )
        return (drawn < probability).nonzero().T
    assert fan_in is not None
    if not 0 <= fan_in <= n_pre:
        raise ValueError(
            f"random_pairs got fan_in={fan_in!r} for {n_pre} presynaptic neurons: each is taken "
            "once at most. Pass a number up to theirs."
        )
    mask = torch.zeros(n_pre, n_post, dtype=torch.bool, device=drawn.device)
    return mask.scatter(0, drawn.argsort(0)[:fan_in], True).nonzero().T
