"""The Triton backend against the plain loop, in Triton's interpreter where there is no GPU."""

import pytest
import torch

import spikeloom as sl
from spikeloom.engine import BackendError, triton, unroll
from spikeloom.engine.emit_triton import backward, forward
from spikeloom.engine.llvm_loops import Layout
from spikeloom.engine.plan import Need, make_plan
from spikeloom.engine.trace import trace
from tests.engine.steps import EXACT, STEPS
from tests.engine.test_parity import arguments, close, run, summands

pytest.importorskip("triton")
GPU = torch.cuda.is_available()
LIBRARY = ("escapes", "soft_lif")  # functions that the interpreter does not have
NAMES = [name for name in STEPS if GPU or name not in LIBRARY]


def moved(args):
    """Arguments on the device that Triton runs on."""
    if not GPU:
        return args
    step, *groups = args
    return step, *([t.detach().cuda().requires_grad_() for t in ts] for ts in groups)


VECTORS = ("lif", "synaptic", "alif", "adex", "izhikevich", "lif_integer")
CASES = [(name, False) for name in NAMES] + [(name, True) for name in VECTORS]


@pytest.mark.parametrize(("name", "vector"), CASES)
def test_outputs_gradients_and_state_equal_the_reference(name, vector):
    args = moved(arguments(name, (6, 2, 150), torch.float32, vector=vector))
    outs, grads = run("reference", *args)
    fused, fused_grads = run("triton", *args)
    for a, b in zip(outs, fused, strict=True):
        assert torch.equal(a, b) if name in EXACT else close(a, b, 1e-6)
    sums = [] if vector else summands(*args)
    scales = [None] * (len(grads) - len(sums)) + sums
    for a, b, scale in zip(grads, fused_grads, scales, strict=True):
        assert close(a, b, 3e-6, scale)


@pytest.mark.parametrize("name", ["lif", "eif", "izhikevich", "alif"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 1, 257), (3, 2, 2, 5), (0, 2, 3), (4, 0, 3)])
def test_double_precision_and_odd_shapes(name, shape):
    args = moved(arguments(name, shape, torch.float64, vector=False))
    outs, grads = run("reference", *args)
    fused, fused_grads = run("triton", *args)
    for a, b in zip((*outs, *grads), (*fused, *fused_grads), strict=True):
        assert close(a, b, 1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_formats_compute_in_float32(dtype):
    args = moved(arguments("lif_both", (6, 2, 40), dtype))
    outs, grads = run("reference", *args)
    fused, fused_grads = run("triton", *args)
    assert [o.dtype for o in fused] == [dtype, dtype, torch.float32]
    for a, b in zip(outs, fused, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(grads, fused_grads, strict=True):
        assert close(a, b, 1e-2)


def test_strides_a_constant_input_and_the_gradient_of_a_sum():
    layer, plain = (sl.LIF(beta=0.5, learn="beta", backend=b) for b in ("triton", "reference"))
    if GPU:
        layer, plain = layer.cuda(), plain.cuda()
    base = torch.rand(3, 40, 5, device="cuda" if GPU else "cpu")
    for x in (
        base.transpose(0, 1),
        base[:, ::2].transpose(0, 1),
        sl.encode.constant(base[:, 0], steps=7),
        base[:1, :1, :1].expand(7, 3, 5),
    ):
        results = []
        for one in (layer, plain):
            given = x.detach().requires_grad_()
            spikes, state = one(given)
            one.zero_grad()
            (spikes.sum() + state.v.sum()).backward()
            results.append((spikes, state.v, given.grad, one.beta_raw.grad))
        for a, b in zip(*results, strict=True):
            assert close(a, b, 3e-6)


def test_every_neuron_runs_on_it():
    for kind in (sl.LIF, sl.Synaptic, sl.SEAdLIF, sl.BalancedRF, sl.ResonateAndFire, sl.AdEx):
        layer, plain = kind(backend="triton"), kind(backend="reference")
        if GPU:
            layer, plain = layer.cuda(), plain.cuda()
        x = 3 * torch.rand(8, 2, 33, device="cuda" if GPU else "cpu")
        torch.testing.assert_close(layer(x)[0], plain(x)[0])


def test_why_it_cannot_run(monkeypatch):
    x = torch.rand(3, 1, 2)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(BackendError, match=r'backend="triton" cannot run .* a CPU'):
        sl.LIF(backend="triton")(x)
    assert "CPU" in str(triton.why_not([x]))


@pytest.mark.skipif(GPU, reason="the interpreter is not in use")
def test_what_the_interpreter_does_not_have_is_said():
    with pytest.raises(BackendError, match="no device library"):
        unroll(
            lambda x, v: (torch.erfc(x), v),
            torch.rand(2, 3),
            (torch.zeros(3),),
            (),
            backend="triton",
        )


def test_no_offset_is_computed_in_32_bits():
    """Pointers move by strides; the only product with time is made by Python."""
    graph = trace(STEPS["alif"][0], 1, 2, 4, torch.float32)
    plan = make_plan(graph, Need((True,), (True, True), (True,) * 4))
    layout = Layout(torch.float32, (False,) * 4)
    for text in (forward(plan, layout, train=True).source, backward(plan, layout).source):
        assert "tl.program_id(0).to(tl.int64)" in text
        assert "turn *" not in text and "* turn" not in text
        assert "_at += " in text


def test_a_recurrent_layer_says_that_its_loop_is_for_cpus():
    layer = sl.Recurrent(sl.LIF(backend="triton"), torch.nn.Linear(2, 2))
    with pytest.raises(BackendError, match=r'backend="triton" cannot run this recurrent layer'):
        layer(torch.rand(3, 1, 2))


def test_one_opaque_operation_under_torch_compile(monkeypatch):
    from spikeloom.engine import opaque

    monkeypatch.setitem(opaque._DRIVERS, "cpu", triton)
    monkeypatch.setattr(opaque, "_handles", {})
    step, xs, state, params = moved(arguments("lif", (5, 2, 30), torch.float32))
    calls = []
    forward = triton.forward
    monkeypatch.setattr(triton, "forward", lambda *a, **k: calls.append(a) or forward(*a, **k))

    def call(*tensors):
        i, s = len(xs), len(xs) + len(state)
        return unroll(step, tensors[:i], tensors[i:s], tensors[s:])[0]

    tensors = (*xs, *state, *params)
    found = torch.compile(call, fullgraph=True, backend="aot_eager")(*tensors)
    grads = torch.autograd.grad(found.sum(), tensors)
    assert calls
    expected = call(*tensors)
    assert torch.equal(found, expected) and found.any()
    for a, b in zip(grads, torch.autograd.grad(expected.sum(), tensors), strict=True):
        assert close(a, b, 3e-6)
