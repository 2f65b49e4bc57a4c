"""Neurons of snnTorch, SpikingJelly and Norse against ours of the same equation, to 1e-5.

Spikes, membranes and gradients. snnTorch resets one step later by default, and detached: where
that is another equation, the test writes it down as a step for `sl.neuron`.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl
from spikeloom.spikes import Graded, Integer, Ternary
from spikeloom.surrogate import ATan, FastSigmoid, Sigmoid
from tests.neurons.float64 import BACKENDS, exactly

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
every_backend = pytest.mark.parametrize("backend", BACKENDS)
Run = Callable[[Tensor], tuple[Tensor, ...]]


def agree(
    theirs: Run,
    ours: Run,
    size: float = 1.0,
    mean: float = 0.2,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Spikes equal; whatever else is returned, and the gradient of all of it, to 1e-5."""
    generator = torch.Generator().manual_seed(1)
    start = mean + size * torch.randn(60, 4, 9, generator=generator, dtype=dtype)
    weights = torch.randn(60, 4, 9, generator=generator, dtype=dtype)
    results = []
    for run in (theirs, ours):
        x = start.clone().requires_grad_()
        spikes, *more = run(x)
        loss = (spikes * weights).sum() + sum(o.square().sum() for o in more)
        results.append((spikes, (*more, torch.autograd.grad(loss, x)[0])))
    (want, wants), (got, gots) = results
    assert torch.equal(got, want.to(got)) and 0.02 < (got != 0).float().mean() < 0.9
    for a, b in zip(gots, wants, strict=True):
        assert (a - b).abs().max() <= 1e-5 * b.abs().max()


def loop(step: Callable[..., Any], count: int, start: Callable[[Tensor], Any]) -> Run:
    """A cell `(x, *states) -> (spike, *states)` over time: spikes, and its states at the end."""

    def run(x: Tensor) -> tuple[Tensor, ...]:
        states, spikes = start(x[0]), []
        for x_t in x:
            spike, *states = step(x_t, *states)
            spikes.append(spike)
        return (torch.stack(spikes), *states[:count])

    return run


def snn(name: str, *args: Any, states: int = 1, **options: Any) -> Run:
    """A cell of snnTorch from its zero state."""
    cell = getattr(pytest.importorskip("snntorch"), name)(*args, **options)
    return loop(cell, states, lambda x_t: [torch.zeros_like(x_t) for _ in range(states)])


@every_backend
@pytest.mark.parametrize("reset", ["zero", "none"])
def test_snntorch_leaky(reset: Any, backend: str) -> None:
    """Its delayed reset to zero keeps the input of that step, as ours does; it is detached."""
    layer = sl.LIF(0.8, reset=reset, detach_reset=True, emit=("spike", "v"), backend=backend)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        (spikes, v), _ = layer(x)
        return spikes, v[-1]  # its membrane is that before the reset

    agree(snn("Leaky", beta=0.8, reset_mechanism=reset), ours)


@every_backend
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_snntorch_leaky_without_delay(reset: Any, backend: str) -> None:
    """For residues below the threshold; above it, snnTorch resets once more in the next step."""
    layer = sl.LIF(0.8, reset=reset, backend=backend)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = layer(x)
        return spikes, state.v

    theirs = snn("Leaky", beta=0.8, reset_mechanism=reset, reset_delay=False)
    agree(theirs, ours, size=0.4)


def delayed(u: Tensor, threshold: Tensor) -> Tensor:
    """Whether the membrane of the step before was above the threshold, without a gradient."""
    return (u > threshold).to(u.dtype)


def delayed_leaky(x: Tensor, u: Tensor, beta: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
    u = beta * u + x - delayed(u, threshold) * threshold
    return ATan(2.0)(u - threshold), u


def delayed_synaptic(
    x: Tensor, i: Tensor, u: Tensor, alpha: Tensor, beta: Tensor, threshold: Tensor, zero: Tensor
) -> tuple[Tensor, ...]:
    r = delayed(u, threshold)
    i = alpha * i + x
    u = beta * u + i
    u = u - r * (zero * u + (1.0 - zero) * threshold)
    return ATan(2.0)(u - threshold), i, u


def delayed_alpha(
    x: Tensor, a: Tensor, b: Tensor, u: Tensor, alpha: Tensor, beta: Tensor, gain: Tensor
) -> tuple[Tensor, ...]:
    keep = 1.0 - delayed(u, torch.ones_like(u))
    a, b = keep * (alpha * a + x), keep * (beta * b - x)
    u = gain * (a + b)
    return ATan(2.0)(u - 1.0), a, b, u


@every_backend
def test_snntorch_leaky_by_default(backend: str) -> None:
    """u_t = beta u_{t-1} + x_t - H(u_{t-1} - threshold) threshold, the reset detached."""
    params = {"beta": 0.8, "threshold": 1.2}
    layer = sl.neuron(delayed_leaky, params=params, state="u", backend=backend)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = layer(x)
        return spikes, state.u

    agree(snn("Leaky", beta=0.8, threshold=1.2), ours)


@every_backend
@pytest.mark.parametrize("reset", ["none", "subtract"])
def test_snntorch_synaptic(reset: Any, backend: str) -> None:
    """Without the delay. Its reset leaves the current alone, as ours does."""
    layer = sl.Synaptic(0.6, 0.7, 2.0, reset=reset, backend=backend)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = layer(x)
        return spikes, *state

    options: dict[str, Any] = {"reset_delay": False} if reset == "subtract" else {}
    agree(
        snn("Synaptic", 0.6, 0.7, threshold=2.0, states=2, reset_mechanism=reset, **options),
        ours,
        size=0.5,
    )


@every_backend
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_snntorch_synaptic_by_default(reset: str, backend: str) -> None:
    """The delayed reset; to zero it drops the input of its step."""
    params = {"alpha": 0.6, "beta": 0.7, "threshold": 1.0, "zero": float(reset == "zero")}
    layer = sl.neuron(delayed_synaptic, params=params, state=("i", "u"), backend=backend)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = layer(x)
        return spikes, *state

    agree(snn("Synaptic", 0.6, 0.7, states=2, reset_mechanism=reset), ours)


@every_backend
def test_snntorch_alpha(backend: str) -> None:
    """Its two currents are ours, the second with the other sign; its gain is tau."""
    alpha, beta = 0.8, 0.5
    tau = math.log(beta) / (math.log(beta) - math.log(alpha))
    free = sl.Alpha(alpha, beta, gain=tau, reset="none", backend=backend)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = free(x)
        return spikes, state.slow, -state.fast

    def theirs(reset: str) -> Run:
        cell = snn("Alpha", alpha, beta, states=3, reset_mechanism=reset)
        return lambda x: cell(x)[:3]

    agree(theirs("none"), ours)
    params = {"alpha": alpha, "beta": beta, "gain": tau}
    late = sl.neuron(delayed_alpha, params=params, state=("a", "b", "u"), backend=backend)

    def with_reset(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = late(x)
        return spikes, state.a, state.b

    agree(theirs("zero"), with_reset, size=3.0)


@every_backend
def test_snntorch_lapicque(backend: str) -> None:
    """Its decay is Euler's."""
    circuit: dict[str, Any] = {"R": 2.0, "C": 3.0, "time_step": 1.0}
    layer = sl.Lapicque(2.0, 3.0, dt=1.0, method="euler", reset="none", backend=backend)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = layer(x)
        return spikes, state.v

    agree(snn("Lapicque", **circuit, reset_mechanism="none"), ours, size=2.0)


@every_backend
@pytest.mark.parametrize("all_to_all", [True, False])
def test_snntorch_rleaky(all_to_all: bool, backend: str) -> None:
    """Without the delay: `Recurrent` around LIF, with its own weights."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"linear_features": 9} if all_to_all else {"V": 0.3}
    cell = pytest.importorskip("snntorch").RLeaky(
        beta=0.8, all_to_all=all_to_all, reset_delay=False, **options
    )
    if all_to_all:
        nn.init.uniform_(cell.recurrent.weight, -0.1, 0.1)
        nn.init.zeros_(cell.recurrent.bias)
    connection = cell.recurrent if all_to_all else 0.3
    layer = sl.Recurrent(sl.LIF(0.8, backend=backend), connection)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = layer(x)
        return spikes, state.neuron.v

    def theirs(x: Tensor) -> tuple[Tensor, ...]:
        spk = mem = torch.zeros_like(x[0])
        spikes = []
        for x_t in x:
            spk, mem = cell(x_t, spk, mem)
            spikes.append(spk)
        return torch.stack(spikes), mem

    agree(theirs, ours, size=0.3)


@every_backend
def test_snntorch_graded_spikes(backend: str) -> None:
    layer = sl.LIF(0.8, reset="none", spike=Graded(0.5), backend=backend)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = layer(x)
        return spikes, state.v

    agree(snn("Leaky", beta=0.8, graded_spikes_factor=0.5, reset_mechanism="none"), ours)


def jelly(name: str, states: tuple[str, ...] = ("v",), **options: Any) -> Any:
    """A node of SpikingJelly with its default surrogate, and the run of it."""
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    surrogate = pytest.importorskip("spikingjelly.activation_based.surrogate")
    options.setdefault("surrogate_function", surrogate.Sigmoid())
    node = getattr(neuron, name)(**options)

    def run(x: Tensor) -> tuple[Tensor, ...]:
        node.reset()
        spikes = torch.stack([node(x_t) for x_t in x])
        return spikes, *(getattr(node, state) for state in states)

    run.node = node  # type: ignore[attr-defined]
    return run


def ours_of(
    layer: Any, *states: str, gain: float = 1.0, start: Callable[[Tensor], Any] | None = None
) -> Run:
    """A neuron of ours behind a gain: spikes, and these of its states at the end."""

    def run(x: Tensor) -> tuple[Tensor, ...]:
        spikes, state = layer(gain * x, None if start is None else start(x[0]))
        return spikes, *(getattr(state, name) for name in states)

    return run


LIKE_JELLY: dict[str, Any] = {"fire": ">=", "surrogate": Sigmoid(4.0)}


@every_backend
@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize(("v_reset", "reset"), [(None, "subtract"), (0.0, "zero")])
def test_spikingjelly_if_and_lif(v_reset: Any, reset: Any, detached: bool, backend: str) -> None:
    """A decayed input is an input of 1 / tau."""
    options: dict[str, Any] = {"v_reset": v_reset, "detach_reset": detached}
    same: dict[str, Any] = {"reset": reset, "detach_reset": detached, "backend": backend}
    agree(jelly("IFNode", **options), ours_of(sl.IF(**LIKE_JELLY, **same), "v"))
    lif = sl.LIF(1 - 1 / 3, **LIKE_JELLY, **same)
    plain = jelly("LIFNode", tau=3.0, decay_input=False, **options)
    agree(plain, ours_of(lif, "v"))
    scaled = jelly("LIFNode", tau=3.0, **options)
    agree(scaled, ours_of(lif, "v", gain=1 / 3), size=3.0)


@every_backend
def test_spikingjelly_parametric_lif_and_the_gradient_of_its_decay(backend: str) -> None:
    """1 / tau = sigmoid(w) and beta = sigmoid(raw): raw is -w."""
    theirs = jelly("ParametricLIFNode", init_tau=3.0, decay_input=False, v_reset=None)
    layer = sl.LIF(1 - 1 / 3, learn="beta", backend=backend, **LIKE_JELLY)
    ours = ours_of(layer, "v")
    agree(theirs, ours)
    x = torch.rand(60, 4, 9)
    for run in (theirs, ours):
        run(x)[0].sum().backward()
    want, got = theirs.node.w.grad, layer.beta_raw.grad
    assert got is not None and got.item() == pytest.approx(-want.item(), rel=1e-5)


def at(value: float) -> Callable[[Tensor], tuple[Tensor, ...]]:
    return lambda x_t: (torch.full_like(x_t, value),)


@every_backend
def test_spikingjelly_qif_and_eif(backend: str) -> None:
    """Theirs starts at v_reset, ours at v_rest: the state is handed over."""
    qif = sl.QIF(1 / 3, 0.9, -0.1, 0.7, -0.2, 1.1, backend=backend, **LIKE_JELLY)
    theirs = jelly("QIFNode", tau=3.0, a0=0.9, v_rest=-0.1, v_c=0.7, v_reset=-0.2, v_threshold=1.1)
    agree(theirs, ours_of(qif, "v", start=at(-0.2)), mean=0.5)
    eif = sl.EIF(1 / 3, 0.6, -0.1, 0.7, -0.2, 1.1, backend=backend, **LIKE_JELLY)
    theirs = jelly(
        "EIFNode", tau=3.0, delta_T=0.6, v_rest=-0.1, theta_rh=0.7, v_reset=-0.2, v_threshold=1.1
    )
    agree(theirs, ours_of(eif, "v", start=at(-0.2)), mean=0.5)


@every_backend
def test_spikingjelly_izhikevich(backend: str) -> None:
    """Its parabola 0.04 (v - r) (v - s) is the article's 0.04 v^2 + 5 v + 140 at its roots r, s.

    Its w is u - b r, so b r goes to the input; its time constants, 1 ms and
    1 / a, are in steps, of half a millisecond here.
    """
    low, high = ((-5 + sign * math.sqrt(25 - 22.4)) / 0.08 for sign in (-1, 1))
    a, b, c, d = 0.1, 0.2, -65.0, 2.0
    theirs = jelly(
        "IzhikevichNode",
        states=("v", "w"),
        tau=2.0, a0=0.04, v_c=high, v_rest=low, a=b, b=d, tau_w=2 / a, v_reset=c, v_threshold=30.0,
    )  # fmt: skip
    layer = sl.Izhikevich(
        exactly(a), exactly(b), c, d, dt=5e-4, substeps=1, backend=backend, **LIKE_JELLY
    )

    def start(x_t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full_like(x_t, c), torch.full_like(x_t, b * low)

    def ours(x: Tensor) -> tuple[Tensor, ...]:
        spikes, (v, u) = layer(x + b * low, start(x[0]))
        return spikes, v, u - b * low

    agree(theirs, ours, mean=35.0, size=4.0, dtype=torch.float64)


@every_backend
@pytest.mark.parametrize(("v_reset", "reset"), [(None, "subtract"), (0.0, "zero")])
def test_spikingjelly_cuba_lif(v_reset: Any, reset: Any, backend: str) -> None:
    layer = sl.Synaptic(0.5, 0.75, 0.9, reset=reset, backend=backend, **LIKE_JELLY)
    theirs = jelly("CUBALIFNode", states=("c", "v"), v_threshold=0.9, v_reset=v_reset)
    agree(theirs, ours_of(layer, "i", "v"), size=0.6)


@every_backend
def test_spikingjelly_resonate_and_fire(backend: str) -> None:
    """With the soft reset; a hard one leaves its real part alone, against the article and ours."""
    layer = sl.ResonateAndFire(
        math.exp(-0.1), 0.8, 1.0, reset="subtract", backend=backend, **LIKE_JELLY
    )
    theirs = jelly("RAFNode", states=("u", "v"), b=-0.2, omega=1.6, dt=0.5, v_reset=None)
    agree(theirs, ours_of(layer, "i", "v"))


@every_backend
def test_spikingjelly_integer_and_ternary_spikes(backend: str) -> None:
    surrogate = pytest.importorskip("spikingjelly.activation_based.surrogate")
    theirs = jelly("ILIFNode", tau=4 / 3, surrogate_function=surrogate.MultiLevelSpikeCount(4))
    layer = sl.LIF(0.25, spike=Integer(4, nearest=True), fire=">=", backend=backend)

    for v_reset, reset in ((None, "subtract"), (0.0, "zero")):
        signs: Any = {"spike": Ternary(), "reset": reset, "backend": backend, **LIKE_JELLY}
        agree(jelly("TernaryIFNode", v_reset=v_reset), ours_of(sl.IF(**signs), "v"))
        agree(
            jelly("TernaryLIFNode", tau=2.0, v_reset=v_reset),
            ours_of(sl.LIF(0.5, **signs), "v", gain=0.5),
            size=3.0,
        )
    agree(theirs, ours_of(layer, "v"), size=2.0)


DT, SYN, MEM = 1e-3, 1 / 5e-3, 1 / 1e-2
DECAY, LEAK = 1 - DT * SYN, DT * MEM
LIKE_NORSE: dict[str, Any] = {"surrogate": FastSigmoid(1.0)}


def norse(module: str, step: str, parameters: str, state: str, **options: Any) -> Any:
    """A feed-forward step of Norse: its function, its parameters, its state class."""
    functional = pytest.importorskip(f"norse.torch.functional.{module}")
    values = {k: torch.as_tensor(v) if k != "method" else v for k, v in options.items()}
    p = getattr(functional, parameters)(**values)
    return lambda x, s: getattr(functional, step)(x, s, p, DT), getattr(functional, state)


def norse_run(pair: Any, start: Callable[[Tensor], Any], *states: str) -> Run:
    step, kind = pair

    def run(x: Tensor) -> tuple[Tensor, ...]:
        s, out = kind(**start(x[0])), []
        for x_t in x:
            z, s = step(x_t, s)
            out.append(z)
        return torch.stack(out), *(getattr(s, name) for name in states)

    return run


def zeros(*names: str) -> Callable[[Tensor], dict[str, Tensor]]:
    return lambda x_t: {name: torch.zeros_like(x_t) for name in names}


def behind_a_synapse(
    layer: Any, *states: str, gain: float = 1.0, late: bool = False, backend: str
) -> Run:
    """i_t = DECAY i_{t-1} + x_t before the neuron; Norse's LSNN reads i_{t-1}."""
    synapse = sl.LI(DECAY, backend=backend)

    def run(x: Tensor) -> tuple[Tensor, ...]:
        i, _ = synapse(x)
        if late:
            i = torch.cat([torch.zeros_like(i[:1]), i[:-1]])
        spikes, state = layer(gain * i)
        return spikes, *(getattr(state, name) for name in states)

    return run


@every_backend
def test_norse_integrators(backend: str) -> None:
    pair = norse("iaf", "iaf_feed_forward_step", "IAFParameters", "IAFFeedForwardState", v_th=0.9)
    ours = sl.IF(0.9, reset="zero", backend=backend, **LIKE_NORSE)
    agree(norse_run(pair, zeros("v"), "v"), ours_of(ours, "v"))
    names = ("lif_box_feed_forward_step", "LIFBoxParameters", "LIFBoxFeedForwardState")
    pair = norse("lif_box", *names, v_th=0.3)
    box = sl.LIF(1 - LEAK, 0.3, reset="zero", backend=backend, **LIKE_NORSE)
    agree(norse_run(pair, zeros("v"), "v"), ours_of(box, "v", gain=LEAK), size=3.0)


@every_backend
def test_norse_lif(backend: str) -> None:
    """An Euler step of the membrane behind an exponential synapse: LI, a gain, LIF."""
    names = ("lif_feed_forward_step", "LIFParameters", "LIFFeedForwardState")
    pair = norse("lif", *names, v_th=0.6)
    lif = sl.LIF(1 - LEAK, 0.6, reset="zero", backend=backend, **LIKE_NORSE)
    agree(
        norse_run(pair, zeros("v", "i"), "v"),
        behind_a_synapse(lif, "v", gain=LEAK, backend=backend),
    )


@every_backend
def test_norse_leaky_integrator(backend: str) -> None:
    functional = pytest.importorskip("norse.torch.functional.leaky_integrator")
    x = torch.randn(40, 3, 5, requires_grad=True)
    s = functional.LIState(torch.zeros(3, 5), torch.zeros(3, 5))
    rows = []
    for x_t in x:
        v, s = functional.li_feed_forward_step(x_t, s, functional.LIParameters(), DT)
        rows.append(v)
    i, _ = sl.LI(DECAY, backend=backend)(x)
    got, _ = sl.LI(1 - LEAK, backend=backend)(LEAK * i)
    torch.testing.assert_close(got, torch.stack(rows), rtol=1e-5, atol=1e-6)
    slopes = [torch.autograd.grad(v[-1].sum(), x)[0] for v in (got, torch.stack(rows))]
    torch.testing.assert_close(*slopes, rtol=1e-5, atol=1e-6)


@every_backend
def test_norse_exponential_neurons(backend: str) -> None:
    """One of its parameters, v_th, is both our v_rheo and our threshold."""
    names = ("lif_ex_feed_forward_step", "LIFExParameters", "LIFExFeedForwardState")
    pair = norse("lif_ex", *names, delta_T=0.4, v_th=0.7, v_reset=-0.1)
    eif = sl.EIF(LEAK, 0.4, 0.0, 0.7, -0.1, 0.7, backend=backend, **LIKE_NORSE)
    agree(norse_run(pair, zeros("v", "i"), "v"), behind_a_synapse(eif, "v", backend=backend))
    names = ("lif_adex_feed_forward_step", "LIFAdExParameters", "LIFAdExFeedForwardState")
    pair = norse(
        "lif_adex", *names, adaptation_current=0.3, adaptation_spike=0.2, delta_T=0.4,
        tau_ada_inv=20.0, v_th=0.7, v_reset=-0.1,
    )  # fmt: skip
    adex = sl.AdEx(
        LEAK, 20.0 * DT, 1.0, 0.4, 0.3, 0.2, 0.0, 0.7, -0.1, 0.7, backend=backend, **LIKE_NORSE
    )
    theirs = norse_run(pair, zeros("v", "i", "a"), "v", "a")
    ours = behind_a_synapse(adex, "v", "w", backend=backend)
    agree(theirs, ours)


@every_backend
def test_norse_lsnn(backend: str) -> None:
    """Its b is our whole threshold after the spike: kappa is rho times its beta."""
    theta, jump, rho = 0.5, 0.3, 1 - DT * 40.0
    pair = norse(
        "lsnn", "lsnn_feed_forward_step", "LSNNParameters", "LSNNFeedForwardState",
        v_th=theta, beta=jump, tau_adapt_inv=40.0,
    )  # fmt: skip

    def start(x_t: Tensor) -> dict[str, Tensor]:
        return {**zeros("v", "i")(x_t), "b": torch.full_like(x_t, theta)}

    alif = sl.ALIF(1 - LEAK, rho, rho * jump, theta, reset="zero", backend=backend, **LIKE_NORSE)
    ours = behind_a_synapse(alif, "v", "a", gain=LEAK, late=True, backend=backend)

    def threshold(x: Tensor) -> tuple[Tensor, ...]:
        spikes, v, a = ours(x)
        return spikes, v, theta + jump * a

    agree(norse_run(pair, start, "v", "b"), threshold)
