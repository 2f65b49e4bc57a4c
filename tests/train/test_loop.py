import math
from dataclasses import asdict
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

import spikeloom as sl


def line_data(samples: int = 64) -> list[tuple[Tensor, Tensor]]:
    x = torch.linspace(-1, 1, samples)[:, None]
    return [(x[i : i + 8], 3 * x[i : i + 8] + 1) for i in range(0, samples, 8)]


def plain_fit(net: nn.Module, train: object, **options: object) -> sl.train.History:
    given: dict = {
        "loss": nn.functional.mse_loss,
        "optimizer": partial(torch.optim.SGD, lr=0.1),
        "metric": None,
        "epochs": 20,
        "progress": False,
    } | options
    return sl.train.fit(net, train, **given)  # type: ignore[arg-type]


def test_it_finds_a_line() -> None:
    net = nn.Linear(1, 1)
    history = plain_fit(net, line_data())
    assert net.weight.item() == pytest.approx(3, abs=0.01)
    assert net.bias.item() == pytest.approx(1, abs=0.01)
    assert history.last.loss < 1e-3 < history.epochs[0].loss
    assert history.last.metric is history.last.test_loss is history.last.spikes is None


def test_one_epoch_equals_the_loop_written_out() -> None:
    net = nn.Linear(1, 1)
    twin = nn.Linear(1, 1)
    twin.load_state_dict(net.state_dict())
    plain_fit(net, line_data(), epochs=1, clip=0.5)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    for x, y in line_data():
        optimizer.zero_grad()
        nn.functional.mse_loss(twin(x), y).backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimizer.step()
    assert torch.equal(net.weight, twin.weight)
    assert torch.equal(net.bias, twin.bias)


def test_a_spiking_network_learns_iris(train) -> None:
    history = train(epochs=30, scheduler=None, encode=lambda x, g: sl.encode.constant(x, 10))
    assert history.test_metric >= 0.8
    assert history.metric == "accuracy"
    assert 0 < history.last.spikes < 1


def test_means_are_over_samples_not_batches() -> None:
    class Zero(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.w

    data = [(torch.ones(3, 1), torch.ones(3, 1)), (torch.ones(1, 1), 3 * torch.ones(1, 1))]
    history = plain_fit(
        Zero(), data, test=data, epochs=1, optimizer=partial(torch.optim.SGD, lr=0.0),
        metric=lambda out, y: y.mean(),
    )  # fmt: skip
    assert history.last.loss == pytest.approx((3 * 1 + 1 * 9) / 4)
    assert history.last.test_loss == pytest.approx(3)
    assert history.last.metric == history.last.test_metric == pytest.approx(1.5)


def test_spikes_are_counted_per_neuron_and_step() -> None:
    linear = nn.Linear(1, 4)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.copy_(torch.tensor([1.0, 1.0, 1.0, 0.0]))  # three of four fire at every step
    net = sl.Sequential(linear, sl.IF(threshold=0.5))
    data = [(torch.zeros(5, 2, 1), torch.zeros(2, dtype=torch.long))]
    history = plain_fit(
        net, data, epochs=1, loss=sl.loss.rate_ce, optimizer=partial(torch.optim.SGD, lr=0.0)
    )
    assert history.last.spikes == pytest.approx(0.75)


def test_testing_changes_neither_weights_nor_noise(train, network) -> None:
    with_test, without = network(), network()
    train(with_test)
    train(without, test=None)
    for a, b in zip(with_test.parameters(), without.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_dataloader_and_an_optimizer_instance() -> None:
    data = DataLoader(
        TensorDataset(*map(torch.cat, zip(*line_data(), strict=True))), batch_size=8, shuffle=True
    )
    net = nn.Linear(1, 1)
    plain_fit(net, data, optimizer=torch.optim.SGD(net.parameters(), lr=0.1))
    assert net.weight.item() == pytest.approx(3, abs=0.05)


def test_a_schedule_by_batch_moves_with_every_batch() -> None:
    rates = []
    plain_fit(
        nn.Linear(1, 1), line_data(), epochs=2, scheduler_step="batch", log=rates.append,
        scheduler=partial(OneCycleLR, max_lr=0.1, total_steps=17),
    )  # fmt: skip
    assert rates[0].lr < rates[1].lr


def test_a_schedule_that_waits_for_a_plateau() -> None:
    history = plain_fit(
        nn.Linear(1, 1), line_data(), epochs=40, scheduler=partial(ReduceLROnPlateau, patience=1)
    )
    assert history.last.lr < 0.1


def test_early_stop_after_patience_epochs_without_a_better_one() -> None:
    scores = iter([0.1, 0.5, 0.3, 0.4, 0.45, 0.9])
    now = [0.0]

    class Net(nn.Linear):
        def train(self, mode: bool = True) -> nn.Module:
            if not mode:
                now[0] = next(scores)
            return super().train(mode)

    history = plain_fit(
        Net(1, 1), line_data(), test=line_data(), patience=3, metric=lambda out, y: now[0]
    )
    assert len(history.epochs) == 5
    assert history.best.epoch == 2


def test_patience_follows_the_loss_without_a_metric() -> None:
    history = plain_fit(
        nn.Linear(1, 1), line_data(), epochs=9, patience=2,
        optimizer=partial(torch.optim.SGD, lr=0.0),
    )  # fmt: skip
    assert len(history.epochs) == 3


def test_autocast_computes_in_bfloat16(train) -> None:
    seen = []

    class Spy(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            out = super().forward(input)
            seen.append(out.dtype)
            return out

    net = sl.Sequential(Spy(4, 8), sl.LIF(), nn.Linear(8, 3), sl.LIF())
    history = train(net, epochs=2, autocast=torch.bfloat16)
    assert set(seen) == {torch.bfloat16}
    assert net[0].weight.dtype == torch.float32
    assert math.isfinite(history.last.loss)


def test_autocast_refuses_float16(train) -> None:
    with pytest.raises(ValueError, match="bfloat16"):
        train(autocast=torch.float16)


def test_the_seed_decides_everything(train) -> None:
    def same(a: sl.train.History, b: sl.train.History) -> bool:
        def records(history: sl.train.History) -> list[dict]:
            drop = ("seconds", "samples_per_s")
            return [{k: v for k, v in asdict(e).items() if k not in drop} for e in history.epochs]

        return records(a) == records(b)

    assert same(train(seed=1), train(seed=1))
    assert not same(train(seed=1), train(seed=2))


def test_a_loss_that_is_not_finite_stops_the_run_unsaved(tmp_path) -> None:
    with pytest.raises(FloatingPointError, match="Lower the learning rate"):
        plain_fit(
            nn.Linear(1, 1), line_data(), run=tmp_path,
            optimizer=partial(torch.optim.SGD, lr=1e30),
        )  # fmt: skip
    assert not (tmp_path / "checkpoints" / "last.pt").exists()


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        ([], ValueError, "no batch"),
        ([torch.zeros(2, 1)], TypeError, "pairs"),
        ([(torch.zeros(2, 1),)], TypeError, "1 items"),
    ],
)
def test_data_that_cannot_be_trained_on(data, error, says) -> None:
    with pytest.raises(error, match=says):
        plain_fit(nn.Linear(1, 1), data)


def test_a_generator_that_is_read_twice() -> None:
    with pytest.raises(ValueError, match=r"epoch 2.*only once"):
        plain_fit(nn.Linear(1, 1), iter(line_data()))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"patience": 0}, {"clip": -1.0}])
def test_numbers_out_of_range(wrong) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}=.*above 0"):
        plain_fit(nn.Linear(1, 1), line_data(), **wrong)


def test_an_unknown_scheduler_step() -> None:
    with pytest.raises(ValueError, match='"epoch" or "batch"'):
        plain_fit(nn.Linear(1, 1), line_data(), scheduler_step="step")
