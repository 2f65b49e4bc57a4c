import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from spikeloom.data import Batches, digits


def rows(batches: Batches, epoch: int) -> list[list[int]]:
    return [batch.tolist() for (batch,) in batches.epoch(epoch)]


@given(
    samples=st.integers(0, 40), size=st.integers(1, 50), shuffle=st.booleans(), drop=st.booleans()
)
def test_every_sample_once_and_len_is_true(samples, size, shuffle, drop):
    batches = Batches(torch.arange(samples), size=size, shuffle=shuffle, drop_last=drop)
    epoch = rows(batches, 0)
    assert len(epoch) == len(batches)
    seen = [row for batch in epoch for row in batch]
    if drop:
        assert all(len(batch) == size for batch in epoch)
        assert len(set(seen)) == len(seen) == samples // size * size
    else:
        assert sorted(seen) == list(range(samples))
    if not shuffle:
        assert seen == list(range(len(seen)))


def test_order_depends_on_seed_and_epoch_and_nothing_else():
    x = torch.arange(100)
    straight = [rows(Batches(x, size=7, seed=5), epoch) for epoch in range(3)]
    torch.manual_seed(123)
    torch.rand(10)
    resumed = Batches(x, size=7, seed=5)
    assert rows(resumed, 2) == straight[2]
    assert rows(resumed, 0) == straight[0]
    different = [
        *straight,
        rows(Batches(x, size=7, seed=6), 0),
        rows(Batches(x, size=7, seed=0), 5),
    ]
    assert len({str(order) for order in different}) == len(different)


def test_global_generator_is_left_alone():
    before = torch.get_rng_state()
    list(Batches(torch.arange(9), size=2).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_tensors_stay_aligned():
    images, labels = digits()
    number = torch.arange(len(labels))
    for x, y, n in Batches(images, labels, number, size=64).epoch(3):
        assert torch.equal(x, images[n])
        assert torch.equal(y, labels[n])


def test_without_shuffling_nothing_is_copied():
    x = torch.arange(10.0)
    (first,) = next(Batches(x, size=4, shuffle=False).epoch(0))
    assert first.data_ptr() == x.data_ptr()


def test_the_same_tensors_work_in_torchs_loader():
    images, labels = digits("test")
    loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)
    assert sum(len(y) for _, y in loader) == len(labels)


@pytest.mark.parametrize(
    ("tensors", "options", "error", "message"),
    [
        ((), {"size": 2}, ValueError, "no tensor"),
        (([1, 2],), {"size": 2}, TypeError, "list"),
        ((torch.tensor(1.0),), {"size": 2}, TypeError, "without an axis"),
        ((torch.zeros(3), torch.zeros(4)), {"size": 2}, ValueError, r"lengths \[3, 4\]"),
        ((torch.zeros(3),), {"size": 0}, ValueError, "size=0"),
        ((torch.zeros(3),), {"size": 1, "seed": -1}, ValueError, "seed=-1"),
    ],
)
def test_wrong_arguments(tensors, options, error, message):
    with pytest.raises(error, match=f"{message}.*Batches\\(images, labels"):
        Batches(*tensors, **options)
