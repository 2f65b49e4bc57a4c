import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.recipes import find, stdp_conv_mnist
from tests.recipes.test_recipes import smoke


def test_in_small(tmp_path, data_dir) -> None:
    options = {"maps": 8, "stdp_images": 64, "subset": 600, "tested": 200, "lr": 0.02}
    figures = smoke("stdp-conv-mnist", tmp_path, data=data_dir, **options)
    assert figures["test_accuracy"] > 50 and 0 < figures["sharpness"] < 1


def test_strong_contrasts_come_first_and_grey_images_are_silent() -> None:
    images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    images[1, 0, 10, 10], images[1, 0, 20, 20] = 255, 80
    spikes = stdp_conv_mnist.spikes_of(images, 8)
    assert spikes.shape == (8, 2, 2, 28, 28) and spikes.max() == 1
    assert not spikes[:, 0].any() and (spikes.sum(0) <= 1).all()
    first = spikes[:, 1, 0].argmax(0)
    assert first[10, 10] == 0 and first[20, 20] > 0
    assert spikes[:, 1, 1].any() and not (spikes[:, 1, 0].any(0) & spikes[:, 1, 1].any(0)).any()


def test_features_say_how_early_a_map_fired() -> None:
    conv = nn.Conv2d(2, 3, 5, bias=False)
    nn.init.uniform_(conv.weight)
    images = torch.randint(256, (3, 1, 28, 28), dtype=torch.uint8)
    options = stdp_conv_mnist.Options(threshold=9.0, steps=6)
    run = sl.train.Run(None, progress=False)  # type: ignore[arg-type]
    found = stdp_conv_mnist.features(conv, images, options, run)
    v = torch.zeros(3, 3, 24, 24)
    left = torch.zeros(3, 3, 24, 24)
    for frame in stdp_conv_mnist.spikes_of(images, 6):
        v = v + conv(frame).detach()
        left += v >= 9.0
    assert torch.equal(found, nn.functional.max_pool2d(left, 4).to(torch.uint8))


def test_winners_learn_and_weights_stay_between_0_and_1(data_dir) -> None:
    images, _ = sl.data.mnist("test", data=data_dir)
    conv = nn.Conv2d(2, 6, 5, bias=False)
    nn.init.uniform_(conv.weight, 0.6, 1.0)
    before = conv.weight.detach().clone()
    run = sl.train.Run(None, progress=False)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    stdp_conv_mnist.learn(conv, images[:32], stdp_conv_mnist.Options(), run, generator)
    w = conv.weight.detach()
    assert w.min() > 0 and w.max() <= 1
    changed = (w - before).abs().amax((1, 2, 3))
    assert changed.max() > 1e-3


@pytest.mark.slow
def test_it_keeps_its_promise(tmp_path, data_dir) -> None:
    recipe = find("stdp-conv-mnist")
    figures = recipe.main(recipe.options(), sl.train.Run(tmp_path, data=data_dir, progress="plain"))
    assert recipe.promises[0].kept(figures["test_accuracy"])
