"""Encoders, data sets, files of events, and the small tools."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeloom.compat.pysnn import datasets, file_io, utils
from spikeloom.compat.pysnn.encoding import PoissonEncoder, poisson_encoding
from spikeloom.compat.pysnn.file_io import Events


def test_trains_are_poisson() -> None:
    rates = torch.tensor([[0.0, 20.0], [100.0, 5000.0]])
    encoder = PoissonEncoder(40_000, 0.5, torch.Generator().manual_seed(0))
    spikes = encoder(rates)
    assert spikes.shape == (2, 2, 80_000) and spikes.dtype == torch.bool
    counted = spikes.float().mean(-1) * 2000
    torch.testing.assert_close(counted, rates.clamp(max=2000.0), rtol=0.05, atol=0.0)
    intervals = torch.cat(utils.interspike_time(spikes[1, 0])).float()
    assert intervals.std() / intervals.mean() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_rates_are_rates(rate: float) -> None:
    with pytest.raises(ValueError, match="not negative"):
        poisson_encoding(torch.tensor([rate]), 100, 1)


@pytest.mark.parametrize(
    ("name", "truth"),
    [("XOR", [0, 1, 1, 0]), ("AND", [0, 0, 0, 1]), ("OR", [0, 1, 1, 1]), ("Boolean", [0] * 4)],
)
def test_boolean_functions(name: str, truth: list[int]) -> None:
    data = getattr(datasets, name)(PoissonEncoder(30, 1), datasets.Intensity(1000), repeats=3)
    assert len(data) == 4 and [int(label) for _, label in data] == truth
    for idx, (a, b) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
        sample, label = data[idx]
        assert sample.shape == (1, 6, 30) and label.shape == (1,)
        assert bool((sample[0, :3] == a).all() and (sample[0, 3:] == b).all())


def test_noise_leaves_the_data_as_they_are() -> None:
    noise = datasets.BooleanNoise(0.2, 0.7, torch.Generator().manual_seed(0))
    data = datasets.OR(data_transform=noise, lbl_transform=float)
    for _ in range(50):
        for sample, label in data:
            high = sample > 0.5
            assert bool(((sample < 0.2) | (sample >= 0.7)).all()) and float(high.any()) == label
    assert torch.equal(data.data.unique(), torch.tensor([0.0, 1.0]))
    rounded = datasets.DiscretizeFloat()(noise(torch.tensor([0.0, 1.0])))
    assert rounded.tolist() == [0.0, 1.0]


def recorded(number: int = 50, rows: int = 34) -> Events:
    """Events of a sensor; the time of the last one is 299.5 ms."""
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 34, number), draw.integers(0, rows, number)
    t = np.sort(np.round(draw.uniform(0, 299.5, number), 3))
    return Events(x, y, draw.integers(0, 2, number), t)


def same(one: Events, other: Events) -> bool:
    columns = [(one.x, other.x), (one.p, other.p), (one.t, other.t)]
    if one.y is not None and other.y is not None:
        columns.append((one.y, other.y))
    return one.dim == other.dim and all(np.array_equal(a, b) for a, b in columns)


@pytest.mark.parametrize("dim", ["1d", "2d", "3d"])
def test_events_survive_their_files(tmp_path: Path, dim: str) -> None:
    events = recorded()
    if dim == "1d":
        events = Events(1900 * events.x, None, events.p, events.t)
    file = tmp_path / "events.bin"
    getattr(file_io, f"encode_{dim}_spikes")(file, events)
    assert file.stat().st_size == 50 * (7 if dim == "3d" else 5)
    assert same(getattr(file_io, f"read_{dim}_spikes")(file), events)


def test_bits_are_in_the_documented_order(tmp_path: Path) -> None:
    file = tmp_path / "one.bin"
    file.write_bytes(bytes([0x12, 0x34, 0x81, 0x02, 0x03]))
    events = file_io.read_1d_spikes(file)
    assert (events.x[0], events.p[0], events.t[0]) == (0x1234, 1, 0x010203 / 1000)
    file.write_bytes(bytes([0xAB, 0xC1, 0x23, 0x05, 0x01, 0x02, 0x03]))
    events = file_io.read_3d_spikes(file)
    assert events.y is not None
    assert (events.x[0], events.y[0], events.p[0], events.t[0]) == (0xABC, 0x123, 5, 66.051)
    file_io.encode_1d_num_spikes(file, *(np.array([n]) for n in (7, 1.5, 20.25, 9)))
    assert file.stat().st_size == 10
    assert [float(column[0]) for column in file_io.read_1d_num_spikes(file)] == [7, 1.5, 20.25, 9]


def test_events_and_arrays() -> None:
    events = recorded(400)
    x, y, p, t = events.x, np.asarray(events.y), events.p, events.t
    array = events.to_spike_array()
    assert array.shape == (2, y.max() + 1, x.max() + 1, round(t.max()) + 1)
    again = file_io.spike_array_to_events(array).to_spike_array()
    assert np.array_equal(array, again) and 0 < array.sum() <= 400
    empty = torch.zeros(2, 10, 34, 30)  # ten rows, and 150 ms
    filled = events.to_spike_tensor(empty, 5)
    step = np.round(t / 5).astype(int)
    inside = (y < 10) & (step < 30)
    places = np.unique(np.stack([p, y, x, step])[:, inside], axis=1)
    assert filled is empty and bool((filled[tuple(places)] == 0.2).all())
    assert int((filled > 0).sum()) == places.shape[1] > 3
    line = Events(x, None, p, t)
    assert line.to_spike_array(2, (2, 40, 200)).shape == (2, 40, 200)
    assert line.to_spike_tensor(torch.zeros(2, 1, 40, 200), 2).max() == 0.5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """N-MNIST's layout, three recordings per class and part; the k-th has k + 1 events."""
    for part in ("Train", "Test", "train", "test"):
        for digit in range(2):
            (tmp_path / part / str(digit)).mkdir(parents=True)
            for k in range(3):
                same = [k] * (k + 1)
                events = Events(same, same, [1] * (k + 1), range(k + 1))
                file_io.encode_2d_spikes(tmp_path / part / str(digit) / f"{k}.bin", events)
    return tmp_path


@pytest.mark.parametrize(("name", "height"), [("nmnist", 34), ("ncars", 100), ("ncaltech", 200)])
def test_recordings_in_folders(folder: Path, name: str, height: int) -> None:
    root = folder / "Train" if name == "ncaltech" else folder
    train, test = getattr(datasets, f"{name}_train_test")(root, sample_length=50)
    assert len(train) == (5 if name == "ncaltech" else 6)
    assert len(test) == (1 if name == "ncaltech" else 6)
    for sample, label in [*train, *test]:
        assert sample.shape[:2] == (2, height) and sample.shape[3] == 50 and label in (0, 1)
    for k, (file, label) in enumerate(test.data):
        sample, _ = test[k]
        number = int(Path(file).stem)
        # One event per step at pixel (k, k), all on, and none of the sample before.
        assert sample[1, number, number, : number + 1].sum() == sample.sum() == number + 1
        assert label == int(Path(file).parent.name)


def test_tables_and_transforms(folder: Path) -> None:
    class Table:
        def to_numpy(self) -> np.ndarray:
            return np.array([[str(folder / "Train/1/2.bin"), "cat"]], dtype=object)

    data = datasets.NeuromorphicDataset(Table(), 2, 10, 5, 5, torch.flatten, str.upper)
    sample, label = data[0]
    assert sample.shape == (2 * 5 * 5 * 5,) and label == "CAT" and sample.max() == 0.5
    halves = datasets.train_test(folder / "Train", 0.5, seed=1)
    assert halves == datasets.train_test(folder / "Train", 0.5, seed=1)
    assert len(set(halves[0] + halves[1])) == 6 and halves[0] != halves[1]


LINE = Events([1], None, [0], [0.0])
WRONG: dict[str, Callable[[Path], object]] = {
    "breaks off": lambda folder: file_io.read_1d_spikes(folder / "half.bin"),
    "per class": lambda folder: datasets.train_test(folder),
    "it writes 2": lambda folder: file_io.encode_2d_spikes(folder / "a", LINE),
    "8 bits": lambda folder: file_io.encode_2d_spikes(folder / "a", Events([256], [0], [0], [0.0])),
    "ran over": lambda folder: file_io.encode_2d_spikes(
        folder / "a", Events([0], [240], [0], [0.0])
    ),
    "equal length": lambda folder: Events([0, 1], None, [0], [0.0]),
    "Add the axes": lambda folder: file_io.spike_array_to_events(np.zeros((2, 3))),
}


@pytest.mark.parametrize("words", WRONG)
def test_errors_say_what_to_do(tmp_path: Path, words: str) -> None:
    (tmp_path / "half.bin").write_bytes(b"1234567")
    with pytest.raises(ValueError, match=words):
        WRONG[words](tmp_path)
    assert not (tmp_path / "a").exists()


def test_films(tmp_path: Path) -> None:
    x, p, t = [0, 3, 5], [0, 1, 1], [0.0, 40.0, 90.0]
    for one in (Events(x, x, p, t), Events(x, None, p, t)):
        film = file_io.show_td(one, frame_rate=20)  # three frames
        film.save(tmp_path / "film.gif", writer="pillow")
        assert (tmp_path / "film.gif").stat().st_size > 1000


def test_shapes_and_bounds() -> None:
    for stride, padding, dilation in ((1, 0, 1), (2, (1, 0), 2), (3, 3, 1)):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        want = torch.nn.Conv2d(1, 1, (3, 2), **options)(torch.zeros(1, 1, 9, 12)).shape[2:]
        assert utils.conv2d_output_shape(9, 12, (3, 2), **options) == tuple(want)
    low, high = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 1.0, 3.0])
    assert utils.tensor_clamp(torch.tensor([-1.0, 5.0, 2.5]), low, high).tolist() == [0.0, 1.0, 2.5]
