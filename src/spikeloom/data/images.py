"""Random changes to a batch of images, and the usual scaling; each leaves its input alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad


def crop_randomly(
    images: Tensor, margin: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Move each image by a random whole number of pixels in each direction; edges fill with 0.

    Args:
        images: `[B, C, H, W]`.
        margin: Largest number of pixels, at least 0.
        generator: Source of the randomness, on the device of the images.

    Returns:
        The same shape and dtype.

    Raises:
        ValueError: If the shape or `margin` does not fit.

    Example:
        >>> x = torch.ones(1, 1, 3, 3)
        >>> crop_randomly(x, 1, generator=torch.Generator().manual_seed(0))[0, 0]
        tensor([[0., 1., 1.],
                [0., 1., 1.],
                [0., 0., 0.]])
    """
    _check_images("crop_randomly", images)
    if margin < 0:
        raise ValueError(
            f"crop_randomly got margin={margin}: it is a number of pixels. Pass at least 0, for "
            "example margin=4."
        )
    count, _, height, width = images.shape
    device = images.device
    by = torch.randint(2 * margin + 1, (2, count, 1), generator=generator, device=device)
    rows = by[0] + torch.arange(height, device=device)
    columns = by[1] + torch.arange(width, device=device)
    sample = torch.arange(count, device=device)[:, None, None]
    last = pad(images, (margin,) * 4).movedim(1, -1)  # channels last: whole pixels are copied
    return last[sample, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def flip_randomly(images: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Mirror each image left to right with probability 1/2.

    Args:
        images: `[B, C, H, W]`.
        generator: Source of the randomness, on the device of the images.

    Returns:
        The same shape and dtype.

    Raises:
        ValueError: If the shape does not fit.

    Example:
        >>> x = torch.tensor([1, 2]).expand(3, 1, 1, 2)
        >>> flip_randomly(x, generator=torch.Generator().manual_seed(1))[:, 0, 0].tolist()
        [[2, 1], [1, 2], [1, 2]]
    """
    _check_images("flip_randomly", images)
    chance = torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device)
    return torch.where(chance < 0.5, images, images.flip(-1))


def standardise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    r"""Scale each channel of images in 0..255 to about zero mean and unit variance.

    $$ y_c = \frac{x_c / 255 - \mu_c}{\sigma_c} $$

    Args:
        images: `[B, C, H, W]`, uint8 or numbers in 0..255.
        mean: $\mu$ per channel, of images in 0..1.
        std: $\sigma$ per channel.

    Returns:
        The same shape, float32 unless `images` has another floating dtype.

    Raises:
        ValueError: If there is not one value per channel.

    Example:
        >>> standardise(torch.full((1, 1, 1, 1), 255), mean=[0.5], std=[0.5]).item()
        1.0
    """
    _check_images("standardise", images)
    if not len(mean) == len(std) == images.shape[1]:
        raise ValueError(
            f"standardise got {len(mean)} means and {len(std)} deviations for images of "
            f"{images.shape[1]} channels. Pass one of each per channel."
        )
    x = images if images.is_floating_point() else images.float()
    # In units of the pixels, so that 0 and 255 come out to the bit where they can.
    shift, scale = (255 * torch.tensor(tuple(v)).to(x)[:, None, None] for v in (mean, std))
    return (x - shift).div_(scale)


def _check_images(name: str, images: Tensor) -> None:
    if images.ndim != 4:
        raise ValueError(
            f"{name} got images of shape {tuple(images.shape)}: it needs [B, C, H, W]. For one "
            "image write image[None], for grey ones images[:, None]."
        )
