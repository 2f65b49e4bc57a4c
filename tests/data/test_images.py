"""Crops, mirror images and scaling, pixel by pixel."""

from functools import partial

import pytest
import torch

from spikeloom.data import crop_randomly, flip_randomly, standardise


def numbered(count: int, channels: int = 2, height: int = 4, width: int = 3) -> torch.Tensor:
    """Images whose pixels all differ, and none is 0."""
    pixels = torch.arange(1, count * channels * height * width + 1)
    return pixels.reshape(count, channels, height, width)


def test_crops_are_windows_of_the_padded_image() -> None:
    images, margin = numbered(200), 2
    before = images.clone()
    cropped = crop_randomly(images, margin, generator=torch.Generator().manual_seed(0))
    assert torch.equal(images, before) and cropped.dtype == images.dtype
    padded = torch.nn.functional.pad(images, (margin,) * 4)
    seen = set()
    for i in range(len(images)):
        places = [
            (row, column)
            for row in range(2 * margin + 1)
            for column in range(2 * margin + 1)
            if torch.equal(padded[i, :, row : row + 4, column : column + 3], cropped[i])
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) == 25  # every place comes up


def test_no_margin_changes_nothing() -> None:
    images = numbered(3)
    assert torch.equal(crop_randomly(images, 0), images)


def test_half_of_the_images_are_mirrored() -> None:
    images = numbered(400)
    flipped = flip_randomly(images, generator=torch.Generator().manual_seed(0))
    same = (flipped == images).flatten(1).all(1)
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    assert bool((same ^ mirrored).all())
    assert 160 < int(same.sum()) < 240


@pytest.mark.parametrize("change", [partial(crop_randomly, margin=1), flip_randomly])
def test_a_generator_decides(change) -> None:
    images = numbered(20).to(torch.uint8)
    one, same, other = (
        change(images, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_scaling_by_hand() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    out = standardise(images, mean=(0.1, 0.2, 0.5), std=(0.5, 1.0, 0.25))
    torch.testing.assert_close(out.flatten(), torch.tensor([-0.2, 0.0, 2.0]))
    assert standardise(images.double(), (0.0,) * 3, (1.0,) * 3).dtype == torch.float64
    assert images.flatten().tolist() == [0, 51, 255]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crop_randomly(torch.zeros(4, 4), 1), r"images\[:, None\]"),
        (lambda: flip_randomly(torch.zeros(3, 4, 4)), r"image\[None\]"),
        (lambda: crop_randomly(numbered(1), -1), "margin=4"),
        (lambda: standardise(numbered(1), (0.0,), (1.0,)), "2 channels"),
    ],
)
def test_what_does_not_fit_is_refused(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
