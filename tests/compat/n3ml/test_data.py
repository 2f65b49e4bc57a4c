"""The Iris loader: two parts that stay apart."""

import pytest
import torch

from spikeloom.compat.n3ml.data import IRISDataLoader


def test_the_parts_stay_the_same_and_are_all_flowers():
    loader = IRISDataLoader(ratio=0.7)
    first, again = loader.run(), loader.run()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert len(first["train.data"]) == 105 and first["train.data"].dtype == torch.float64
    both = torch.cat([first["train.target"], first["test.target"]])
    assert both.bincount().tolist() == [50, 50, 50]
    assert not torch.equal(first["train.target"], first["train.target"].sort().values)


def test_the_range_is_that_of_the_training_part():
    loader = IRISDataLoader(generator=torch.Generator().manual_seed(1))
    x, found = loader.run()["train.data"], loader.summarize()
    assert torch.equal(found["min"], x.amin(0)) and torch.equal(found["max"], x.amax(0))


@pytest.mark.parametrize("ratio", [0.0, 1.0, 80])
def test_both_parts_have_flowers(ratio):
    with pytest.raises(ValueError, match="between 0 and 1"):
        IRISDataLoader(ratio)
