"""Training in two processes, on the gloo backend."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.train.distributed import ALONE, Group, current
from spikeloom.train.history import History
from spikeloom.train.pairs import part_of
from spikeloom.train.sharded import ShardedState
from tests.train.in_processes import main

SCRIPT = Path(__file__).with_name("in_processes.py")


def trained(
    folder: Path, *, processes: int, die_in: int = 0, shard: bool = False, noise: float = 0.0
) -> list[Any] | None:
    """Loss and accuracy of every epoch, equal in all processes; None if one of them died."""
    folder.mkdir(exist_ok=True)
    if processes == 1:
        main(folder, die_in, shard=shard, noise=noise)
    else:
        with_torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
        done = subprocess.run(
            [
                sys.executable,
                *with_torchrun,
                SCRIPT,
                folder,
                str(die_in),
                "shard" if shard else "copy",
            ],
            env={**os.environ, "OMP_NUM_THREADS": "1", "NOISE": str(noise)},
            capture_output=True,
            text=True,
            check=False,
        )
        if die_in:
            assert done.returncode != 0
            return None
        assert done.returncode == 0, done.stderr[-3000:]
    first, *others = [
        json.loads((folder / f"losses-{rank}.json").read_text()) for rank in range(processes)
    ]
    assert all(other == first for other in others)
    return first


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    (last,) = (folder / "run" / "checkpoints").glob("epoch-*")
    return {k: v for f in sorted(last.glob("*.safetensors")) for k, v in load_file(f).items()}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    trained(folder, processes=2, noise=1.0)
    return folder


@pytest.mark.parametrize("shard", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_two_processes_learn_as_one_with_the_whole_batch(tmp_path: Path, shard: bool) -> None:
    one = trained(tmp_path / "one", processes=1)
    both = trained(tmp_path / "two", processes=2, shard=shard)
    assert one is not None and one[-1][0] < 0.9 * one[0][0]
    torch.testing.assert_close(torch.tensor(both), torch.tensor(one), rtol=1e-6, atol=1e-6)
    lines = (tmp_path / "two" / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 4


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed_it_ends_the_same(two: Path, tmp_path: Path) -> None:
    trained(tmp_path, processes=2, die_in=25, noise=1.0)  # 9 batches per epoch: in the third
    assert json.loads((tmp_path / "run" / "checkpoints" / "last.json").read_text())["folder"] == (
        "epoch-0002"
    )
    trained(tmp_path, processes=2, noise=1.0)
    whole, resumed = weights(two), weights(tmp_path)
    assert whole.keys() == resumed.keys() and any("exp_avg" in k for k in whole)
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)


def test_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "last.json").write_text('{"folder": "epoch-0001", "processes": 2}')
    net = nn.Linear(2, 2)
    state = ShardedState(
        net, torch.optim.Adam(net.parameters()), None, torch.Generator(), None, History(metric=None)
    )
    with pytest.raises(ValueError, match="--nproc-per-node=2"):
        state.load(tmp_path)


def test_data_that_cannot_be_divided_are_refused() -> None:
    data = [(torch.rand(2, 3), torch.zeros(2))]
    assert part_of(data, ALONE) is data and current() is ALONE
    with pytest.raises(TypeError, match="each would train on all of it"):
        part_of(data, Group(0, 2))
    with pytest.raises(ValueError, match="every process needs a sample"):
        part_of(sl.data.Batches(torch.rand(9, 3), size=2), Group(0, 3))


@pytest.mark.parametrize(
    ("samples", "size", "parts"), [(20, 6, 2), (20, 6, 3), (21, 5, 4), (3, 3, 3)]
)
def test_the_parts_of_a_batch_are_that_batch(samples: int, size: int, parts: int) -> None:
    whole = sl.data.Batches(torch.arange(samples), size=size, seed=1)
    shards = [whole.shard(part, parts) for part in range(parts)]
    for epoch in range(2):
        expected = [x for (x,) in whole.epoch(epoch) if len(x) >= parts]
        pieces = zip(*(s.epoch(epoch) for s in shards), strict=True)
        found = [torch.cat([x for (x,) in batch]) for batch in pieces]
        assert len(found) == len(shards[0]) == len(expected)
        assert all(map(torch.equal, found, expected))


def test_a_backend_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="backend='mpi'"), sl.train.processes("mpi"):
        pass
