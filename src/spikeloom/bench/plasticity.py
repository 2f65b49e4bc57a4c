"""Learning from images by STDP, with encoding: beside BindsNET, and with parts of one's own."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from spikeloom.bench.check import Check
from spikeloom.bench.options import Options
from spikeloom.bench.peers import bindsnet
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure, take_turns
from spikeloom.data import digits
from spikeloom.models import DiehlAndCook2015
from spikeloom.neurons import LIF, neuron
from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.coba_lif import CobaLIF
from spikeloom.plasticity import (
    AdaptiveThreshold,
    Dense,
    Events,
    Lateral,
    Network,
    Presentation,
    Rule,
    Trace,
    stdp,
)

STEPS, BLOCK, WARM = 250, 200, 400
INPUTS, OUTPUTS, SAMPLES = 784, 400, 16
COLUMNS = ("other", "spikeloom", "ratio")


def tables(options: Options) -> list[Table]:
    """Training per image beside BindsNET; a rule and a neuron of one's own beside the built-in."""
    steps, images = options.size(STEPS, 30), _images()
    sizes = (10,) if options.quick else (100, 400)
    return [
        Table(
            "plasticity",
            f"STDP: training on one image of 784 pixels, {steps} steps, encoding included",
            ("check", *COLUMNS),
            [_beside_bindsnet(n, steps, images, options) for n in sizes],
            "sl.models.DiehlAndCook2015(n, as_published=True).network.present(...), per image over "
            f"{BLOCK} images, against BindsNET's DiehlAndCook2015 with the same wiring, one image "
            "per round, the same number of input spikes; ratio per image. Our network has "
            f"learned from {WARM} images before. The check compares with our plain simulator.",
        ),
        Table(
            "plasticity-custom",
            f"A rule and a neuron of one's own in the same network, {steps} steps",
            ("check", "own", "built-in", "ratio"),
            [_beside_built_in(n, steps, images, options) for n in sizes],
            f"Per image over {BLOCK} images; the check says that both fire as often; "
            "they round differently, which moves a spike now and then.",
        ),
        Table(
            "plasticity-delays",
            f"A step of {INPUTS}-{OUTPUTS} with a delay per synapse, 1 to 16 steps, B={SAMPLES}",
            ("check", "spikeloom", "matmul", "ratio"),
            [_beside_matmul(rule, options) for rule in (None, stdp.pair(1e-7, 1e-7))],
            f"Per step of a run of {options.size(100, 50)}, in which 5 % of the inputs fire; the "
            "step of the neurons and the delays of the traces are in it. matmul is one product of "
            "the same size, [B, I] @ [I, O]. The check compares with our plain simulator.",
        ),
    ]


def potentiate(w: Tensor, x_pre: Tensor, y_post: Tensor, up: Tensor) -> Tensor:
    """A rule as a user would write it: at a postsynaptic spike."""
    return w + up * x_pre * y_post


def depress(w: Tensor, x_post: Tensor, down: Tensor) -> Tensor:
    """At a presynaptic spike."""
    return w - down * x_post


def conductances(
    excitation: Tensor, inhibition: Tensor, v: Tensor, ge: Tensor, gi: Tensor, wait: Tensor,
    leak: Tensor, threshold: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """A neuron as a user would write it: the step of the built-in one with fewer parameters."""
    ge, gi = 0.60653066 * ge + excitation, 0.77880078 * gi + inhibition
    h = (v - leak * (0.065 + 0.1 * gi)) / (1 + leak * (1 + ge + gi))
    h = torch.where(wait > 0, -0.065, h)
    s = (h > threshold).to(h.dtype)
    wait = torch.where(s > 0, 10.0, torch.clamp(wait - 1, min=0.0))
    return s, h * (1 - s) - 0.065 * s, ge, gi, wait


def _images() -> Tensor:
    """Digits of 784 pixels, as rates of a spike per step, in hertz for steps of 1 ms."""
    small, _ = digits("train")
    large = interpolate(small.float().view(-1, 1, 8, 8), (20, 20))
    return torch.nn.functional.pad(large, (4, 4, 4, 4)).flatten(1) / 16 * 63.75


def _check(model: DiehlAndCook2015, rates: Tensor, steps: int) -> Check:
    """One image in the compiled loop and in the plain one, from the same spikes."""
    chance = rates[0] * 1e-3
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(steps, 1, len(chance), generator=generator) < chance).float()
    nets = [copy.deepcopy(model.network) for _ in range(2)]
    fast, plain = (
        net.run({"input": spikes}, backend=backend)
        for net, backend in zip(nets, ("cpu", "reference"), strict=True)
    )
    a, b = (net.weight("input -> exc") for net in nets)
    error = float((a - b).abs().max())
    equal = torch.equal(fast.counts["exc"], plain.counts["exc"])
    count = int(plain.counts["exc"].sum())
    ok = equal and error <= 1e-5 and count > 0
    return Check(ok, f"{count} spikes, {'equal' if equal else 'not equal'}, weights to {error:.0e}")


def _beside_bindsnet(n: int, steps: int, images: Tensor, options: Options) -> Row:
    generator = torch.Generator().manual_seed(0)
    model = DiehlAndCook2015(n, as_published=True, generator=generator)
    shown = Presentation(steps=steps)
    rates = 2.0 * images  # steps are half as long: as many spikes per step

    def ours(first: int = WARM) -> None:
        model.network.present(
            rates[first : first + BLOCK], shown, source="input", watch="exc", first=first
        )

    for first in range(0, WARM, BLOCK):
        ours(first)
    check = _check(model, images, steps)
    try:
        name, present = bindsnet.presenter(n, steps)
    except ImportError as error:
        return Row(f"n={n}, BindsNET", check=check, note=f"cannot be imported ({error})")
    times = take_turns(
        {"other": lambda: present(images[0]), "ours": ours}, options.turns(7), warmup=2
    )
    pairs = zip(times.seconds["other"], times.seconds["ours"], strict=True)
    figures = {
        "other": times.milliseconds("other"),
        "spikeloom": times.milliseconds("ours", per=BLOCK),
        "ratio": figure([BLOCK * a / b for a, b in pairs], "x"),
    }
    return Row(f"n={n}, {name}", figures, check, (Target("ratio", ">=", 300),))


def _competing(n: int, exc: Neuron, rule: Rule) -> Network:
    net = Network(dt=0.5e-3).source("input", 784)
    net.population("exc", exc, n, homeostasis=AdaptiveThreshold(start=20e-3))
    weight = 0.2 * torch.rand(784, n, generator=torch.Generator().manual_seed(0))
    first, second = exc.input_names if len(exc.input_names) == 2 else ("x0", "x1")
    net.connect("input", "exc", Dense(weight, rule=rule, to=first, low=0.0, high=1.0, norm=78.0))
    return net.connect("exc", "exc", Lateral(torch.tensor(30.0), to=second))


def _beside_built_in(n: int, steps: int, images: Tensor, options: Options) -> Row:
    shown, rates = Presentation(steps=steps), 2.0 * images[:BLOCK]
    built_in = _competing(n, CobaLIF(threshold=-72e-3), stdp.triplet())
    step_of_ours = neuron(
        conductances, params={"leak": 0.005, "threshold": -72e-3}, inputs=2,
        state={"v": -65e-3, "ge": 0.0, "gi": 0.0, "wait": 0.0},
    )  # fmt: skip
    rule = Rule(
        on_pre=depress, on_post=potentiate, pre={"x_pre": Trace(20e-3)},
        post={"x_post": Trace(20e-3), "y_post": Trace(40e-3)}, params={"up": 1e-2, "down": 1e-4},
    )  # fmt: skip
    own = _competing(n, step_of_ours, rule)

    def present(net: Network) -> Tensor:
        return net.present(rates, shown, source="input", watch="exc")[0]

    spikes = [int(present(net).sum()) for net in (own, built_in)]
    close = abs(spikes[0] - spikes[1]) <= 0.02 * spikes[1]
    check = Check(close and spikes[1] > 0, f"{spikes[0]} and {spikes[1]} spikes")
    times = take_turns(
        {"own": lambda: present(own), "built-in": lambda: present(built_in)}, options.turns(15)
    )
    figures = {
        "own": times.milliseconds("own", per=BLOCK),
        "built-in": times.milliseconds("built-in", per=BLOCK),
        "ratio": times.ratio("own", "built-in"),
    }
    return Row(f"n={n}", figures, check, (Target("ratio", "<=", 1.2),))


def _delayed(rule: Rule | None) -> Network:
    generator = torch.Generator().manual_seed(0)
    weight = 0.006 * torch.rand(INPUTS, OUTPUTS, generator=generator)
    delay = torch.randint(1, 17, (INPUTS, OUTPUTS), generator=generator)
    net = Network(dt=1e-3).source("input", INPUTS).population("out", LIF(beta=0.9), OUTPUTS)
    return net.connect("input", "out", Dense(weight, rule=rule, delay=delay, low=0.0, high=0.1))


def _beside_matmul(rule: Rule | None, options: Options) -> Row:
    steps, generator = options.size(100, 50), torch.Generator().manual_seed(1)
    spikes = (torch.rand(steps, SAMPLES, INPUTS, generator=generator) < 0.05).float()
    given = {"input": Events.from_dense(spikes)}
    short = {"input": Events.from_dense(spikes[:, :2])}
    fast, plain = _delayed(rule), _delayed(rule)
    counts = [
        net.run(short, backend=b).counts["out"] for net, b in ((fast, "cpu"), (plain, "reference"))
    ]
    error = float((fast.weight("input -> out") - plain.weight("input -> out")).abs().max())
    count = int(counts[1].sum())
    ok = torch.equal(*counts) and error <= 1e-5 and count > 0
    check = Check(ok, f"{count} spikes, weights to {error:.0e}")
    weight, x = plain.weight("input -> out"), spikes[0]

    def products() -> None:
        for _ in range(steps):
            torch.mm(x, weight)

    times = take_turns({"ours": lambda: fast.run(given), "matmul": products}, options.turns(15))
    figures = {
        "spikeloom": times.microseconds("ours", per=steps),
        "matmul": times.microseconds("matmul", per=steps),
        "ratio": times.ratio("ours", "matmul"),
    }
    name = "frozen" if rule is None else "pair STDP"
    return Row(name, figures, check, (Target("ratio", "<=", 3.0),) if rule is None else ())
