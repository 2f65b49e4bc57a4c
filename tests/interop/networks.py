"""Networks that every way of carrying one is tried on: name to a maker and the shape of a frame."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

import spikeloom as sl


def learned(*size: int) -> Tensor:
    return 0.5 + 0.4 * torch.rand(size)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "feed-forward": (
        lambda: sl.Sequential(
            nn.Linear(6, 5),
            sl.LIF(learned(5), learn=("beta", "threshold")),
            nn.Linear(5, 4, bias=False),
            sl.Synaptic(emit=("spike", "v")),
        ),
        (6,),
    ),
    "recurrent": (
        lambda: sl.Sequential(
            nn.Linear(6, 5),
            sl.Recurrent(sl.ALIF(surrogate=sl.surrogate.Triangle(0.5)), nn.Linear(5, 5)),
            sl.Recurrent(sl.LIF(fire=">="), 0.3),
            sl.Recurrent(sl.IF(), sl.Sequential(sl.Delay(5, 2), nn.Linear(5, 5, bias=False))),
        ),
        (6,),
    ),
    "convolution": (
        lambda: sl.Sequential(
            nn.Conv2d(1, 3, 3, padding=1, bias=False),
            nn.BatchNorm2d(3),
            sl.LIF(learned(3), reset="zero"),
            sl.Residual(nn.Conv2d(3, 4, 3, padding="same"), sl.IF(), skip=nn.Conv2d(3, 4, 1)),
            nn.MaxPool2d(2),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(36, 3),
            sl.LI(),
        ),
        (1, 6, 6),
    ),
    "delays": (
        lambda: sl.Sequential(
            sl.Delay(6, torch.tensor([0.0, 1, 2, 3, 1, 0])),
            sl.SynapticDelay(6, 4, max_delay=5),
            sl.LIF(),
            sl.Delay(4, 1.5),
        ),
        (6,),
    ),
    "gated": (
        lambda: sl.Sequential(
            nn.LSTM(6, 4), sl.SpikingLSTM(4, 5), nn.GRU(5, 4), sl.TDBatchNorm(4), sl.LIF()
        ),
        (6,),
    ),
    "around": (
        lambda: sl.Sequential(
            nn.Linear(6, 5),
            sl.Refractory(sl.Quantized(sl.LIF(0.8, spike=sl.spikes.Integer(3)), bits=7), steps=2),
            sl.InitialState(sl.Izhikevich(dt=5e-4), v=learned(5), learn="v"),
            sl.Scale(learned(5), 0.1),
            sl.SlidingPSN(3),
            sl.TimeDropout(0.1),
        ),
        (6,),
    ),
    "pools": (
        lambda: sl.Sequential(
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()),
            sl.McCullochPitts(0.1),
            sl.SpikeMaxPool2d(2),
            sl.SumPool2d((2, 1)),
            sl.SpikingConvLSTM(2, 3, 3),
            sl.WinnerTakeAll(k=2, lasting=True),
        ),
        (1, 6, 6),
    ),
}  # fmt: skip


def network(name: str) -> tuple[nn.Module, Tensor]:
    """A network in evaluation mode, and 12 frames that make it spike."""
    make, frame = NETWORKS[name]
    return make().eval(), 3.0 * torch.rand(12, 2, *frame)
