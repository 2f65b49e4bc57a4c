"""Trains a small network; run by `test_distributed.py` in one process or several."""

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

import torch
from torch import nn

import spikeloom as sl


def main(folder: Path, die_in: int, *, shard: bool, noise: float) -> None:
    torch.manual_seed(0)
    net = sl.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 3), sl.LIF(emit="v"))
    data = sl.data.Batches(*sl.data.iris("train"), size=10, seed=3)
    test = sl.data.Batches(*sl.data.iris("test"), size=7, shuffle=False)
    calls = 0

    def encode(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        nonlocal calls
        calls += net.training
        if calls == die_in and os.environ.get("RANK") == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return sl.encode.constant(x, steps=5) + 0.01 * torch.rand(1, generator=generator) * noise

    history = sl.train.fit(
        net, data, test, loss=sl.loss.max_membrane_ce, metric=sl.metric.max_membrane_accuracy,
        optimizer=partial(torch.optim.Adam, lr=1e-2), epochs=4, encode=encode, shard=shard,
        run=folder / "run", resume=True, progress=False,
    )  # fmt: skip
    rank = os.environ.get("RANK", "0")
    losses = [[e.loss, e.metric, e.test_loss, e.test_metric] for e in history.epochs]
    (folder / f"losses-{rank}.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    with sl.train.processes("gloo"):
        main(
            Path(sys.argv[1]),
            int(sys.argv[2]),
            shard=sys.argv[3] == "shard",
            noise=float(os.environ["NOISE"]),
        )
