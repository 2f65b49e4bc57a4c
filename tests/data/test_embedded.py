import pytest
import torch
from sklearn.datasets import load_digits, load_iris

from spikeloom.data import digits, iris


def test_digits_equal_scikit_learns_copy():
    images, labels = digits()
    pixels, classes = load_digits(return_X_y=True)
    assert images.dtype == torch.uint8
    assert images.shape == (1797, 1, 8, 8)
    assert images.flatten(1).tolist() == pixels.tolist()
    assert labels.dtype == torch.int64
    assert labels.tolist() == classes.tolist()


def test_iris_equals_scikit_learns_copy():
    x, species = iris()
    lengths, classes = load_iris(return_X_y=True)
    assert torch.equal(x, torch.from_numpy(lengths).float())
    assert species.dtype == torch.int64
    assert species.tolist() == classes.tolist()


@pytest.mark.parametrize("load", [digits, iris])
def test_parts_are_disjoint_complete_and_balanced(load):
    (x, y), (x_train, y_train), (x_test, y_test) = load(), load("train"), load("test")
    together = torch.cat([x_train.flatten(1), x_test.flatten(1)])
    assert sorted(together.tolist()) == sorted(x.flatten(1).tolist())
    counts, test_counts = y.bincount(), y_test.bincount()
    assert torch.equal(y_train.bincount() + test_counts, counts)
    assert ((test_counts - 0.2 * counts).abs() <= 0.5).all()


def test_labels_stay_with_their_images():
    images, labels = digits()
    of = {
        tuple(row): int(label)
        for row, label in zip(images.flatten(1).tolist(), labels, strict=True)
    }
    for image, label in zip(*digits("test"), strict=True):
        assert of[tuple(image.flatten().tolist())] == int(label)


def test_parts_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = digits("test", seed=3)[0]
    torch.manual_seed(2)
    assert torch.equal(first, digits("test", seed=3)[0])
    assert not torch.equal(first, digits("test", seed=4)[0])


def test_parts_never_change():
    # Published accuracies refer to these parts.
    assert digits("test")[1][:12].tolist() == [4, 5, 6, 9, 4, 7, 8, 9, 9, 6, 9, 9]
    assert iris("test")[0].sum().item() == pytest.approx(416.6)


@pytest.mark.parametrize("load", [digits, iris])
def test_unknown_split(load):
    with pytest.raises(ValueError, match=f"{load.__name__} got split='valid'.*Write split='all'"):
        load("valid")
