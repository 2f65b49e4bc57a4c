"""Small programs as people write them for snnTorch: they run, and they learn."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportOperatorIssue=false, reportPossiblyUnboundVariable=false

import re
from pathlib import Path

import torch
from torch import nn

import spikeloom.compat.snntorch as snn
from spikeloom.compat.snntorch import functional as SF
from spikeloom.compat.snntorch import spikegen, surrogate, utils
from spikeloom.data import digits


def test_the_quickstart_of_the_readme_runs_but_for_its_imports(manuals: Path):
    text = (manuals / "snntorch-introduction.txt").read_text("utf-8")
    block = re.search(r"\.\. code-block:: python\n\n((?:  .*\n|\s*\n)+)", text)
    assert block is not None
    lines = [line[2:] for line in block[1].splitlines()]
    program = "\n".join(lines).replace("import snntorch", "import spikeloom.compat.snntorch")
    program = program.replace("from snntorch", "from spikeloom.compat.snntorch")
    names: dict = {}
    exec(program, names)
    assert len(names["spike_recording"]) == 25
    assert names["spike"].shape == (1, 10)
    assert names["state"].abs().sum() > 0


def test_a_membrane_in_a_loop():
    """A current pulse into one neuron: the membrane rises, fires and leaks away."""
    pulse = torch.cat((torch.zeros(10), torch.full((60,), 0.3), torch.zeros(130)))
    neuron = snn.Lapicque(R=5.1, C=5e-3, time_step=1e-3, threshold=0.9)
    mem, membranes, spikes = torch.zeros(1), [], 0.0
    for step in range(200):
        spk, mem = neuron(pulse[step : step + 1], mem)
        membranes.append(mem.item())
        spikes += spk.item()
    assert max(membranes[:10]) == 0
    assert 1 < spikes < 10
    assert 0 < membranes[-1] < 0.02


def test_synapses_before_a_membrane():
    """Second order neurons answer an input spike after its step."""
    pulses = spikegen.target_rate_code(40, rate=0.1)[0]
    for neuron in (snn.Synaptic(alpha=0.9, beta=0.8), snn.Alpha(alpha=0.85, beta=0.8)):
        neuron.reset_mem()
        peak = max((neuron(0.3 * p.view(1, 1))[-1].item(), t) for t, p in enumerate(pulses[:10]))
        assert peak[1] > 0


class Dense(nn.Module):
    """Two layers and a loop over time in `forward`, states handed on by hand."""

    def __init__(self, steps: int, outputs: int = 10) -> None:
        super().__init__()
        self.steps = steps
        self.fc1, self.lif1 = nn.Linear(64, 48), snn.Leaky(beta=0.9)
        self.fc2, self.lif2 = nn.Linear(48, outputs), snn.Leaky(beta=0.9)

    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes, membranes = [], []
        for _ in range(self.steps):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes)


def samples(split):
    """Pictures of digits as vectors in [0, 1], and their classes."""
    x, y = digits(split)
    return x.flatten(1) / x.max(), y


def batches(size=100):
    x, y = samples("train")
    for start in range(0, len(x) - size + 1, size):
        yield x[start : start + size], y[start : start + size]


def test_a_dense_net_learns_digits():
    torch.manual_seed(0)
    net, loss_of = Dense(steps=5), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for x, y in (batch for _ in range(5) for batch in batches()):
        _, membranes = net(x)
        loss = sum((loss_of(mem, y) for mem in membranes), torch.zeros(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, y = samples("test")
    with torch.no_grad():  # another batch size, no reset in between
        assert SF.accuracy_rate(net(x)[0], y) > 0.8


def test_a_population_of_outputs_learns_in_one_step():
    torch.manual_seed(0)
    net = Dense(steps=1, outputs=200)
    loss_of = SF.mse_count_loss(0.8, 0.1, population_code=True, num_classes=10)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for x, y in (batch for _ in range(4) for batch in batches()):
        loss = loss_of(net(3 * x)[0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, y = samples("test")
    with torch.no_grad():
        found = net(3 * x)[0]
    assert SF.accuracy_rate(found, y, population_code=True, num_classes=10) > 0.7


def test_a_convolutional_net_learns_by_steps_and_in_one_call():
    hidden = {"beta": 0.5, "spike_grad": surrogate.fast_sigmoid(slope=5), "init_hidden": True}
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), snn.Leaky(**hidden), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(72, 10), snn.Leaky(**hidden, output=True),
    )  # fmt: skip
    optimizer, loss_of = torch.optim.Adam(net.parameters(), lr=1e-2), SF.ce_rate_loss()
    whole = snn.fuse(net)

    def loop(x, steps=6):
        return torch.stack([net(x)[0] for _ in range(steps)])

    for i, (x, y) in enumerate(batch for _ in range(3) for batch in batches()):
        utils.reset(net)
        x = 2 * x.view(-1, 1, 8, 8)
        spikes = loop(x) if i % 2 else whole(x.expand(6, *x.shape))[0]
        optimizer.zero_grad()
        loss_of(spikes, y).backward()
        optimizer.step()
    x, y = samples("test")
    utils.reset(net)
    with torch.no_grad():
        assert SF.accuracy_rate(loop(2 * x.view(-1, 1, 8, 8)), y) > 0.75


def test_a_membrane_follows_a_line():
    """Regression: the last membrane, without a reset, learns a target over time."""
    target = torch.linspace(0, 1.5, 20).view(20, 1, 1)
    net = nn.Sequential(
        nn.Linear(1, 16), snn.Leaky(0.8, learn_beta=True, init_hidden=True),
        nn.Linear(16, 1), snn.Leaky(0.8, reset_mechanism="none", init_hidden=True, output=True),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    first, loss = None, torch.zeros(())
    for _ in range(40):
        utils.reset(net)
        membranes = torch.stack([net(x_t)[1] for x_t in target])
        loss = (membranes - target).square().mean()
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.2 * first


def test_events_go_through_a_net_of_whole_sequences():
    """Frames of events with time first; parallel neurons learn which half of the sensor moves."""
    net = nn.ModuleList([snn.LinearLeaky(0.8, 32, 24), snn.LinearLeaky(0.8, 24, 2, output=False)])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(30):
        y = torch.randint(0, 2, (16,))
        rate = 0.02 + 0.2 * (torch.arange(32)[None] // 16 == y[:, None])
        frames = torch.bernoulli(rate.expand(15, 16, 32))
        membranes = net[1](net[0](frames)[0])
        loss = SF.ce_max_membrane_loss()(membranes, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.2
