"""Weights come back from a file into networks of either kind, or nothing changes."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import spikeloom as sl
from spikeloom.models import Diehl2015, load_weights

IMAGES = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def build() -> Diehl2015:
    return Diehl2015("conv", channels=(3, 4)).eval()


def test_into_the_ann_and_from_there_into_spikes(tmp_path) -> None:
    trained, other = build(), build()
    save_file(trained.state_dict(), tmp_path / "ann.safetensors")
    load_weights(other, tmp_path / "ann.safetensors")
    assert torch.equal(trained(IMAGES), other(IMAGES))
    outputs = [snn(snn.encode(IMAGES))[0] for snn in map(converted, (trained, other))]
    assert torch.equal(*outputs)


def test_into_the_spiking_network(tmp_path) -> None:
    snn, other = converted(build()), converted(build())
    save_file({k: v.clone() for k, v in snn.state_dict().items()}, tmp_path / "snn.safetensors")
    load_weights(other, tmp_path / "snn.safetensors")
    x = snn.encode(IMAGES)
    assert torch.equal(snn(x)[0], other(x)[0])
    assert torch.equal(snn.scale, other.scale)


def converted(net: nn.Module) -> sl.conversion.Converted:
    return sl.convert(net, IMAGES, method="diehl-data", steps=8)[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: {k: v for k, v in d.items() if "fc1" not in k}, r"it lacks layers\.fc1\.weight"),
        (lambda d: {**d, "more": torch.zeros(1)}, "it has more besides"),
        (lambda d: {k: v[:1] for k, v in d.items()}, r"is \(1, 1, 5, 5\), not \(3, 1, 5, 5\)"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(tmp_path, change, message) -> None:
    file = tmp_path / "model.safetensors"
    save_file({k: v.clone() for k, v in change(build().state_dict()).items()}, file)
    net = build()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_weights(net, file)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_files_that_are_none(tmp_path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_weights(build(), tmp_path / "model.safetensors")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_weights(build(), tmp_path / "nothing")
