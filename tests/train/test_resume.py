import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import spikeloom as sl

# What a process of its own trains, to be killed: 4 epochs, slow enough to be caught in the act.
_SCRIPT = """
import sys, time, torch, spikeloom as sl
from functools import partial
from torch import nn

folder, pause = sys.argv[1], float(sys.argv[2])

def encode(x, generator):
    time.sleep(pause)
    return sl.encode.rate(x / 8, steps=4, generator=generator)

sl.train.seed_everything(3)
net = sl.Sequential(
    nn.Linear(4, 12), sl.LIF(threshold=0.5), nn.Dropout(0.2), nn.Linear(12, 3), sl.LIF()
)
sl.train.fit(
    net,
    sl.data.Batches(*sl.data.iris("train"), size=30),
    loss=sl.loss.rate_ce,
    optimizer=partial(torch.optim.Adam, lr=5e-3),
    epochs=4,
    encode=encode,
    run=folder,
    resume=True,
    progress="plain",
)
"""


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def figures(history: sl.train.History) -> list[dict]:
    """The records without the times."""
    drop = ("seconds", "samples_per_s")
    return [{k: v for k, v in asdict(e).items() if k not in drop} for e in history.epochs]


def lines(folder: Path) -> list[dict]:
    text = (folder / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_two_and_two_epochs_are_four_to_the_bit(train, network, tmp_path) -> None:
    whole, parted, again = network(), network(), network()
    expected = train(whole, run=tmp_path / "whole")
    train(parted, epochs=2, run=tmp_path / "parted")
    torch.rand(7)  # somebody else draws in between
    history = train(again, run=tmp_path / "parted", resume=True)
    assert same_weights(whole, again)
    assert not same_weights(parted, again)
    assert figures(history) == figures(expected)
    assert [line["epoch"] for line in lines(tmp_path / "parted")] == [1, 2, 3, 4]


@pytest.mark.parametrize("own", [True, False])
def test_a_shuffling_dataloader_resumes_in_the_same_order(train, network, tmp_path, own) -> None:
    def loader() -> DataLoader:
        generator = torch.Generator().manual_seed(5) if own else None
        data = TensorDataset(*sl.data.iris("train"))
        return DataLoader(data, batch_size=30, shuffle=True, generator=generator)

    whole, again = network(), network()
    train(whole, train=loader())
    train(train=loader(), epochs=2, run=tmp_path)
    train(again, train=loader(), run=tmp_path, resume=True)
    assert same_weights(whole, again)


def test_a_finished_run_resumes_to_itself(train, network, tmp_path) -> None:
    first, again = network(), network()
    train(first, run=tmp_path)
    history = train(again, run=tmp_path, resume=True)
    assert same_weights(first, again)
    assert len(history.epochs) == 4


def test_metrics_after_the_checkpoint_are_cut_off(train, tmp_path) -> None:
    train(epochs=2, run=tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "loss": 0.1}\n{"epoch": 4, "lo')
    train(epochs=3, run=tmp_path, resume=True)
    assert [line["epoch"] for line in lines(tmp_path)] == [1, 2, 3]
    assert lines(tmp_path)[2]["loss"] != 0.1


def test_a_run_is_not_overwritten_by_accident(train, tmp_path) -> None:
    train(epochs=1, run=tmp_path)
    with pytest.raises(ValueError, match=r"would be overwritten.*resume=True"):
        train(epochs=1, run=tmp_path)


def test_resume_needs_a_folder(train) -> None:
    with pytest.raises(ValueError, match="without a run folder"):
        train(resume=True)


def test_resume_without_a_checkpoint_begins(train, tmp_path) -> None:
    assert len(train(epochs=1, run=tmp_path, resume=True).epochs) == 1


def test_a_checkpoint_of_another_network(train, tmp_path) -> None:
    train(epochs=1, run=tmp_path)
    other = sl.Sequential(nn.Linear(4, 5), sl.LIF(), nn.Linear(5, 3), sl.LIF())
    with pytest.raises(ValueError, match=r"last\.pt does not fit.*another folder"):
        train(other, run=tmp_path, resume=True)


@pytest.mark.skipif(os.name != "posix", reason="signals")
class TestInAProcessOfItsOwn:
    def start(self, folder: Path, pause: float) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, str(folder), str(pause)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip

    def stop_after_first_epoch(self, folder: Path, how: int) -> tuple[int, str]:
        """Signals in the middle of the second epoch, which takes 1.2 s."""
        process = self.start(folder, 0.3)
        deadline = time.monotonic() + 120
        while not (folder / "metrics.jsonl").exists() or not lines(folder):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(how)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors

    def finish(self, folder: Path) -> dict:
        process = self.start(folder, 0.0)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        return sl.train.load_checkpoint(folder / "checkpoints" / "last.pt")["model"]

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
    def test_stopped_by_force_it_goes_on_as_if_nothing_had_been(self, tmp_path, how) -> None:
        broken, whole = tmp_path / "broken", tmp_path / "whole"
        code, errors = self.stop_after_first_epoch(broken, how)
        reached = len(lines(broken))
        assert 1 <= reached < 4
        if how == signal.SIGINT:
            assert f"Stopped in epoch {reached + 1} of 4; {reached} finished" in errors
            assert "resume=True" in errors
        assert code != 0
        resumed, expected = self.finish(broken), self.finish(whole)
        assert all(torch.equal(resumed[key], expected[key]) for key in expected)
        assert [line["loss"] for line in lines(broken)] == [x["loss"] for x in lines(whole)]


def test_ctrl_c_while_saving_waits_for_the_checkpoint(train, tmp_path, monkeypatch) -> None:
    replace = Path.replace

    def press(self: Path, target: Path) -> Path:
        if self.name == "last.pt.tmp":
            signal.raise_signal(signal.SIGINT)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", press)
    with pytest.raises(sl.train.Interrupted, match="1 finished, all saved"):
        train(run=tmp_path)
    assert len(lines(tmp_path)) == 1
    assert len(sl.train.load_checkpoint(tmp_path / "checkpoints" / "last.pt")["history"]) == 1


def test_a_disk_that_fills_up_costs_only_the_epoch_at_hand(
    train, network, tmp_path, monkeypatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    whole, again = network(), network()
    train(whole)
    with monkeypatch.context() as patch, pytest.raises(OSError, match=r"disk is full.*resume"):
        train(run=tmp_path, log=lambda record: patch.setattr(os, "fsync", full))
    assert len(lines(tmp_path)) == 1
    history = train(again, run=tmp_path, resume=True)
    assert len(history.epochs) == 4
    assert same_weights(whole, again)


def test_ctrl_c_without_a_folder_says_that_nothing_is_saved(train) -> None:
    def press(record: sl.train.Epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(sl.train.Interrupted, match=r"nothing is saved.*run=FOLDER"):
        train(log=press)
