"""spikingtorch's tutorial network reads MNIST, with nothing changed but the imports.

    python examples/compat/spikingtorch_mnist.py --data DIR --epochs 3

The network and its parts are those of the tutorial: integrate-and-fire layers behind two
convolutions and a linear layer, Poisson spikes of 8 steps, the spike counts as logits, Adam.
"""

from __future__ import annotations

import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

import spikeloom as sl
from spikeloom.compat.spikingtorch import IF, SpikingNet
from spikeloom.compat.spikingtorch.spikeio import PoissonEncoder, SumDecoder

Nout = 10


class MySNN(nn.Module):
    """One step of the network: the tutorial's listing."""

    def __init__(self) -> None:
        super().__init__()
        self.Nout = Nout
        self.conv1 = nn.Conv2d(1, 4, (4, 4), stride=2, padding=0)  # 13x13
        self.conv2 = nn.Conv2d(4, 6, (4, 4), stride=1, padding=0)
        self.l1 = nn.Linear(600, Nout, bias=None)  # type: ignore[arg-type] - as printed

        self.sl1 = IF()
        self.sl2 = IF()
        self.sl3 = IF()

    def forward(self, xi: torch.Tensor, init: bool) -> torch.Tensor:
        """Spikes of the ten outputs in this step."""
        xi = self.conv1(xi)
        s1 = self.sl1(xi, init)
        xi = self.conv2(s1)
        s2 = self.sl2(xi, init)
        xi = s2.view(s2.shape[0], -1)
        xi2 = self.l1(xi)
        return self.sl3(xi2, init)


def accuracy(model: nn.Module, encoder: PoissonEncoder, decoder: SumDecoder, test: tuple) -> float:
    """Test accuracy, in percent."""
    right = 0
    with torch.no_grad():
        for images, labels in zip(test[0].split(1000), test[1].split(1000), strict=True):
            right += int((decoder(model(encoder(images))).argmax(1) == labels).sum())
    return 100 * right / len(test[1])


def main() -> None:
    """Train, and print the test accuracy after every epoch."""
    parser = argparse.ArgumentParser(description="spikingtorch's tutorial network reads MNIST.")
    parser.add_argument("--data", default=None, help="folder with MNIST")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subset", type=int, default=60_000, help="train on so many images")
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    nsteps = 8
    encoder = PoissonEncoder(nsteps, 1.0)
    decoder = SumDecoder(nsteps, 1.0)
    model = SpikingNet(MySNN(), (Nout,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images, labels = (t[: args.subset] for t in sl.data.mnist("train", data=args.data))
    x, y = sl.data.mnist("test", data=args.data)
    test = (x.float() / 255, y)

    start = time.perf_counter()
    for epoch in range(1, args.epochs + 1):
        for index in torch.randperm(len(images)).split(32):
            optimizer.zero_grad()
            output = decoder(model(encoder(images[index].float() / 255)))
            loss = F.cross_entropy(output, labels[index])
            loss.backward()
            optimizer.step()
        seconds = time.perf_counter() - start
        found = accuracy(model, encoder, decoder, test)
        print(f"epoch {epoch}: test accuracy {found:.2f} %, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
