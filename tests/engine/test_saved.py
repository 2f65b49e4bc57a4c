"""What a training run keeps in bfloat16: spikes to the bit, gradients to less than a percent."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, cast

import pytest
import torch

import spikeloom as sl
from spikeloom.engine import unroll
from spikeloom.engine.plan import Need, make_plan
from spikeloom.engine.trace import trace
from spikeloom.firing import Firing
from spikeloom.neurons.lif import lif_step
from tests.engine.steps import STEPS
from tests.engine.test_parity import arguments, close, run, summands

FAMILY = [
    "lif", "lif_zero", "if", "synaptic", "alpha", "alif", "seadlif", "qif", "balanced_rf",
    "coarse_lif", "lif_fastsigmoid", "lif_triangle", "adaptive",
]  # fmt: skip


def plan_of(name: str, learn: bool):
    step, n_inputs, state, params, _ = STEPS[name]
    graph = trace(step, n_inputs, len(state), len(params), torch.float32)
    need = Need((True,) * n_inputs, (True,) * len(state), (learn,) * len(params))
    return make_plan(graph, need, rounded=True), make_plan(graph, need)


@pytest.mark.parametrize("learn", [False, True], ids=["fixed", "learned"])
@pytest.mark.parametrize("name", ["lif", "lif_zero", "lif_value", "if", "lif_fastsigmoid"])
def test_of_a_lif_the_difference_to_the_threshold_is_kept(name, learn):
    half, whole = plan_of(name, learn)
    assert half.bytes_per_step() == 2 and whole.bytes_per_step() == 4
    (u,) = half.keep
    v, threshold = half.graph.ops[u].args
    assert half.graph.ops[u].name == "sub" and threshold in half.graph.params
    assert half.graph.ops[v].name == "add"


@pytest.mark.parametrize("name", ["adlif", "eif", "soft_lif", "lif_ternary"])
def test_it_never_keeps_more(name):
    for learn in (False, True):
        half, whole = plan_of(name, learn)
        assert half.bytes_per_step() <= whole.bytes_per_step()


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("name", FAMILY)
def test_what_is_sent_is_exact_and_gradients_are_close(name, backend):
    tolerance = 8e-3
    args = arguments(name, (40, 2, 17), torch.float32)
    outs, grads = run(backend, *args)
    halves, half_grads = run(backend, *args, saved="bfloat16")
    assert all(torch.equal(a, b) for a, b in zip(outs, halves, strict=True))
    assert any(bool(o.any()) for o in outs)
    split = len(grads) - len(args[3])
    for a, b in zip(grads[:split], half_grads[:split], strict=True):
        assert close(a, b, tolerance)
    for a, b, scale in zip(grads[split:], half_grads[split:], summands(*args), strict=True):
        assert close(a, b, tolerance, scale)


def test_a_spike_at_the_threshold_is_decided_once():
    """Membranes within one rounding of the threshold: whether they fired is not asked again."""
    x = torch.tensor(1.0).nextafter(torch.tensor([2.0, 0.0])).view(1, 1, 2).requires_grad_()
    for fire in (">", ">="):
        step = partial(lif_step, firing=Firing(reset="zero", at=fire))
        beta = torch.tensor(0.5, requires_grad=True)
        found = []
        for saved in ("exact", "bfloat16"):
            out, (v,) = unroll(
                step, x.expand(3, 1, 2), (torch.zeros(()),), (beta, torch.tensor(1.0)),
                backend="cpu", saved=saved,
            )  # fmt: skip
            found.append((out, *torch.autograd.grad(v.sum(), (x, beta))))
        assert found[0][0][0].tolist() == [[1.0, 0.0]]
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=8e-3, atol=1e-6)


def kept_bytes(layer, x):
    sizes = {}

    def pack(t):
        sizes[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        layer(x)
    return sum(sizes.values())


@pytest.mark.parametrize("kind", [sl.LIF, sl.Synaptic, sl.ALIF])
def test_a_training_run_keeps_half(kind):
    x = torch.rand(50, 4, 256, requires_grad=True)
    whole, half = (kept_bytes(kind(saved=saved), x) for saved in ("exact", "bfloat16"))
    assert whole / 2 < half < 0.51 * whole


def test_half_formats_and_the_gradient_in_place():
    """In bfloat16 throughout, an input gradient may take the place of what was kept."""
    args = arguments("lif", (40, 3, 65), torch.bfloat16)
    outs, grads = run("cpu", *args)
    halves, half_grads = run("cpu", *args, saved="bfloat16")
    assert all(torch.equal(a, b) for a, b in zip(outs, halves, strict=True))
    assert close(grads[0], half_grads[0], 2e-2)


def test_double_precision_stays_exact():
    args = arguments("alif", (20, 2, 9), torch.float64)
    for backend in ("cpu", "reference"):
        found = [run(backend, *args, saved=saved) for saved in ("exact", "bfloat16")]
        for a, b in zip(*(g for _, g in found), strict=True):
            assert torch.equal(a, b)


def test_triton_keeps_the_same():
    pytest.importorskip("triton")
    for name in ("lif", "alif"):
        args = arguments(name, (6, 2, 40), torch.float32)
        if torch.cuda.is_available():
            step, *groups = args
            args = step, *([t.detach().cuda().requires_grad_() for t in ts] for ts in groups)
        outs, grads = run("triton", *args)
        halves, half_grads = run("triton", *args, saved="bfloat16")
        assert all(torch.equal(a, b) for a, b in zip(outs, halves, strict=True))
        assert all(close(a, b, 8e-3) for a, b in zip(grads[:2], half_grads[:2], strict=True))
        assert not all(map(torch.equal, grads, half_grads))


@pytest.mark.parametrize("connection", [torch.nn.Linear(5, 5), 0.3], ids=["matrix", "one to one"])
def test_recurrent_layers_keep_half_too(connection):
    x = (2 * torch.rand(30, 3, 5)).requires_grad_()
    found = []
    for saved in ("exact", "bfloat16"):
        layer = sl.Recurrent(sl.LIF(saved=saved), connection)
        out, state = layer(x)
        found.append((out, torch.autograd.grad(out.sum() + state.neuron.v.sum(), x)[0]))
    assert torch.equal(found[0][0], found[1][0]) and found[0][0].any()
    assert not torch.equal(found[0][1], found[1][1]) and close(found[0][1], found[1][1], 1e-2)


def test_under_torch_compile():
    layer = sl.LIF(saved="bfloat16", learn="beta")
    x = (2 * torch.rand(10, 2, 7)).requires_grad_()
    found = []
    for call in (layer, torch.compile(layer, fullgraph=True, backend="aot_eager")):
        out, _ = call(x)
        found.append((out, torch.autograd.grad(out.sum(), x)[0]))
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


def test_wrappers_and_files_carry_the_option(tmp_path):
    layer = sl.Refractory(sl.LIF(saved="bfloat16"), 2)
    assert layer.saved == "bfloat16"
    sl.interop.save(layer, tmp_path)
    loaded: Any = sl.interop.load(tmp_path)[0]
    assert loaded.saved == loaded.neuron.saved == "bfloat16"
    config = json.loads((tmp_path / "config.json").read_text())
    del config["network"]["arguments"]["neuron"]["arguments"]["saved"]  # as older files
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert sl.interop.load(tmp_path)[0].saved == "exact"


def test_bad_use_is_refused():
    with pytest.raises(ValueError, match="got saved='half'"):
        sl.LIF(saved="half")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got saved=16"):
        unroll(
            lif_step,
            torch.rand(2, 3),
            (torch.zeros(()),),
            (torch.ones(()),) * 2,
            saved=cast(Any, 16),
        )
