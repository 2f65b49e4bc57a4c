"""A set of images, from its files to a trained classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn

from spikeloom.data.batches import Batches
from spikeloom.data.images import crop_randomly, flip_randomly, standardise
from spikeloom.train.classifier import fit_classifier
from spikeloom.train.run import Run


class ImageOptions(Protocol):
    """What a recipe says about the training of a classifier of images."""

    @property
    def epochs(self) -> int:
        """Passes over the training images."""
        ...

    @property
    def batch(self) -> int:
        """Images per batch."""
        ...

    @property
    def lr(self) -> float:
        """Highest learning rate."""
        ...

    @property
    def subset(self) -> int:
        """Train on the first so many images."""
        ...

    @property
    def tested(self) -> int:
        """Test on the first so many test images."""
        ...

    @property
    def held_out(self) -> int:
        """Judge on the last so many training images, held out, instead; 0 for the test images."""
        ...


@final
@dataclass(frozen=True)
class ImageTask:
    """Which images, how they are scaled, and how training images are changed.

    Args:
        load: `load(split, data=...)` returns images `[N, C, H, W]`, uint8, and labels `[N]`.
        mean: Of each channel, of images in [0, 1]; subtracted.
        std: Likewise; divided by.
        margin: Pixels by which training images are moved at most, each at random.
        flip: Whether half of the training images are mirrored.
        test_batch: Test images at a time; the default is few enough for the spikes of a converted
            layer to stay near the processor.

    Example:
        >>> from spikeloom.data import mnist
        >>> task = ImageTask(mnist, margin=1)  # pixels in [0, 1], which can be rates
        >>> task.scaled(torch.full((1, 1, 28, 28), 255, dtype=torch.uint8)).max()
        tensor(1.)
    """

    load: Callable[..., tuple[Tensor, Tensor]]
    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    margin: int = 0
    flip: bool = False
    test_batch: int = 50

    def scaled(self, images: Tensor) -> Tensor:
        """What the network takes of images in 0..255, `[B, C, H, W]`."""
        return standardise(images, self.mean, self.std)

    def batches(self, options: ImageOptions, run: Run) -> tuple[Batches, Batches]:
        """The images to train on, and those to judge by.

        Args:
            options: How many of them.
            run: Seed, and where the data are.

        Returns:
            Batches of images and labels; `tensors` of them are all.
        """
        images, labels = self.load("train", data=run.data)
        if options.held_out:
            test = images[-options.held_out :], labels[-options.held_out :]
            images, labels = images[: -options.held_out], labels[: -options.held_out]
        else:
            found = self.load("test", data=run.data)
            test = found[0][: options.tested], found[1][: options.tested]
        train = images[: options.subset], labels[: options.subset]
        return (
            Batches(*train, size=options.batch, seed=run.seed),
            Batches(*test, size=self.test_batch, shuffle=False),
        )

    def pairs(self, batches: Batches) -> list[tuple[Tensor, Tensor]]:
        """Batches as the network takes them: scaled images, and labels."""
        return [(self.scaled(x), y) for x, y in batches.epoch(0)]

    def fit(
        self,
        net: nn.Module,
        train: Batches,
        test: Batches,
        options: ImageOptions,
        run: Run,
        **how: Any,
    ) -> float:
        """Train, save the weights, and leave the network in evaluation mode.

        Images and weights are laid out channels last, in which a CPU convolves fastest.

        Args:
            net: Returns scores `[B, K]`.
            train: From `batches`.
            test: The like.
            options: How long and how fast.
            run: Where to.
            **how: Further arguments of `fit_classifier`.

        Returns:
            The accuracy on `test` after the last epoch, in percent.
        """
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def encode(x: Tensor, generator: torch.Generator) -> Tensor:
            if net.training:
                x = crop_randomly(x, self.margin, generator=generator)
                x = flip_randomly(x, generator=generator) if self.flip else x
            return self.scaled(x).contiguous(memory_format=torch.channels_last)

        history = fit_classifier(
            net, train, test, encode=encode, epochs=options.epochs, lr=options.lr, run=run, **how
        )
        run.save_model(net.eval())
        return 100 * history.test_metric
