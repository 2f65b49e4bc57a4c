import torch

import spikeloom as sl
from spikeloom.recipes import eventprop_mnist, eventprop_yin_yang


def test_yin_yang_in_small(tmp_path) -> None:
    options = eventprop_yin_yang.Options(
        seeds=1, epochs=3, batch=20, samples=600, tested=300, hidden=40
    )
    figures = eventprop_yin_yang.main(options, sl.train.Run(tmp_path, progress=False))
    assert figures["test_accuracy"] > 45
    assert figures["lowest"] == figures["highest"]
    assert (tmp_path / "model.safetensors").exists()


def test_mnist_in_small(tmp_path, data_dir) -> None:
    options = eventprop_mnist.Options(epochs=2, subset=300, tested=200, hidden=60, batch=20)
    run = sl.train.Run(tmp_path, data=data_dir, progress=False)
    assert eventprop_mnist.main(options, run)["test_accuracy"] > 50
    assert (tmp_path / "model.safetensors").exists()


def test_images_are_shifted_by_a_pixel_each_way() -> None:
    images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    images[:, 0, 5, 7] = torch.tensor([1, 2], dtype=torch.uint8)
    shifted, labels = eventprop_mnist.with_shifts(images, torch.tensor([3, 4]))
    assert labels.tolist() == [3, 4] * 5
    places = {tuple(place[2:].tolist()) for place in shifted[::2].nonzero()}
    assert places == {(5, 7), (6, 7), (4, 7), (5, 8), (5, 6)}


def test_dim_pixels_are_silent_and_bright_ones_come_first() -> None:
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[0, 0, 0, :3] = torch.tensor([255, 128, 40])
    events = eventprop_mnist.encode(images, torch.Generator(), latest=0.02)
    assert events.index.tolist() == [0, 1]
    assert events.time[0] == 0
    assert events.window == 0.04
