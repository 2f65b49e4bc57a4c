from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import spikeloom as sl
from spikeloom.conversion import QCFS, TrainableClip
from spikeloom.conversion.options import Correction
from spikeloom.conversion.rewrite import rewrite
from spikeloom.conversion.trace import trace
from tests.conversion.networks import Junctions, chain, images, output, rates, settled

METHODS = ("diehl-data", "diehl-model", "spike-norm", "percentile", "mmse")


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    steps=st.integers(1, 40),
    v0=st.sampled_from([0.0, 0.5, 0.25]),
    method=st.sampled_from(["diehl-data", "spike-norm"]),
)
def test_rate_is_the_activation_to_one_spike(seed, steps, v0, method):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(8, 6, generator=generator)
    ann: Any = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    for p in ann.parameters():
        p.data = torch.randn(p.shape, generator=generator)
    ann[0].bias.data += 0.5
    a = ann[:2](x)
    snn, _ = sl.convert(ann, x, method=method, steps=steps, v0=v0)
    error = (rates(snn, x, steps)["1"] - a).abs().max()
    assert error <= snn.thresholds["1"] / steps * (1 + 1e-4)


def test_thresholds_are_ratios_and_weights_stay():
    ann: Any = nn.Sequential(
        nn.Linear(3, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 2)
    ).eval()
    x = torch.rand(64, 3)
    first, second = (ann[:n](x).max().detach() for n in (2, 4))
    snn, _ = sl.convert(ann, x, percentile=100.0, v0=0.0)
    net = snn.net
    torch.testing.assert_close(net[1].threshold, first)
    torch.testing.assert_close(net[3].threshold, second / first)
    torch.testing.assert_close(snn.scale, second)
    for i, u in ((0, 1.0), (2, first), (4, second)):
        assert torch.equal(net[i].weight, ann[i].weight)
        torch.testing.assert_close(net[i].bias, ann[i].bias / u)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [chain, lambda: settled(Junctions())])
def test_output_converges_to_the_ann(method, make):
    ann, x = make(), images()
    snn, _ = sl.convert(ann, x, method=method, steps=128, percentile=99.99)
    wanted = ann(x).detach()
    loose = method in ("diehl-model", "spike-norm")  # their thresholds need more steps
    assert (output(snn, x, 128) - wanted).abs().max() < (0.2 if loose else 0.03) * wanted.std()


def test_residual_paths_have_one_scale():
    ann, x = settled(Junctions()), images()
    snn, report = sl.convert(ann, x, steps=64)
    assert [layer.correlation > 0.98 for layer in report.layers] == [True] * 5
    net = snn.net
    # The branch is scaled to the spikes that it is added to, which keep the weight 1 ...
    u_in, u_sum = (snn.thresholds[name] for name in ("relu_1", "relu"))
    torch.testing.assert_close(net.layer("two").weight, ann.two.weight * u_in / u_sum)
    # ... and of two spiking paths the second gets a weight of its own.
    factor = snn.thresholds["relu_3"] / snn.thresholds["relu_2"]
    torch.testing.assert_close(net.layer("relu_3.scale").weight, factor)


def test_qcfs_at_its_own_levels_is_the_ann():
    torch.manual_seed(3)
    ann: Any = nn.Sequential(
        nn.Conv2d(1, 4, 3), QCFS(4, torch.rand(4) + 0.5), nn.Flatten(), nn.Linear(144, 3)
    )
    ann = ann.double().eval()
    x = images().double()
    snn, report = sl.convert(ann, x, steps=4, v0=0.0)  # QCFS starts at half its threshold anyhow
    torch.testing.assert_close(rates(snn, x, 4)["1"], ann[:2](x))
    torch.testing.assert_close(output(snn, x, 4), ann(x))
    assert report.layers[0].error < 1e-9


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.AdaptiveMaxPool2d(1)])
@pytest.mark.parametrize("relu_first", [True, False])
def test_max_pooling_follows_the_largest_to_one_spike(pool, relu_first):
    middle = (nn.ReLU(), pool) if relu_first else (pool, nn.ReLU())
    ann: Any = nn.Sequential(nn.Conv2d(1, 3, 3), *middle, nn.Flatten(), nn.LazyLinear(2)).eval()
    x = images(8)
    ann(x)
    snn, _ = sl.convert(ann, x, steps=50, percentile=100.0)
    (threshold,) = snn.thresholds.values()
    with torch.no_grad():
        pooled = snn.net[:3](snn.encode(x))[0].mean(0) * threshold
    assert (pooled - ann[:3](x)).abs().max() <= threshold / 50 * (1 + 1e-4)


def test_max_pooling_in_one_dimension_and_as_average():
    ann: Any = nn.Sequential(
        nn.Conv1d(2, 4, 3, dilation=2, groups=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(),
        nn.Linear(12, 2),
    ).eval()  # fmt: skip
    x = torch.rand(16, 2, 10)
    snn, _ = sl.convert(ann, x, steps=200)
    assert (output(snn, x, 200) - ann(x)).abs().max() < 0.02
    averaged, _ = sl.convert(ann, x, steps=200, max_pool="average")
    other = nn.Sequential(*(nn.AvgPool1d(2) if i == 2 else m for i, m in enumerate(ann)))
    assert (output(averaged, x, 200) - other(x)).abs().max() < 0.02


@pytest.mark.parametrize(
    "act",
    [nn.LeakyReLU(0.3), nn.PReLU(4), nn.ReLU6(), nn.Hardtanh(0, 0.5), TrainableClip(0.4)],
    ids=lambda act: type(act).__name__,
)
def test_other_rectifiers(act):
    ann: Any = nn.Sequential(nn.Linear(6, 4), act, nn.Linear(4, 3)).eval()
    x = torch.randn(64, 6)
    snn, _ = sl.convert(ann, x, steps=300, percentile=100.0)
    assert (output(snn, x, 300) - ann(x)).abs().max() < 0.03
    if isinstance(act, TrainableClip):
        torch.testing.assert_close(snn.thresholds["1"], act.threshold.detach())


def test_hard_reset_loses_and_soft_reset_does_not():
    ann, x = chain(), images()
    error = {}
    for reset in ("subtract", "zero"):
        snn, _ = sl.convert(ann, x, reset=reset, steps=64)
        error[reset] = (output(snn, x, 64) - ann(x)).abs().mean()
    assert error["subtract"] < 0.2 * error["zero"]


def test_bias_shift_is_half_a_threshold_over_the_run():
    ann, x = chain().double(), images().double()
    shifted, _ = sl.convert(ann, x, steps=16, v0=0.0, bias_shift=True)
    torch.testing.assert_close(
        shifted.net[0].bias - sl.convert(ann, x, v0=0.0)[0].net[0].bias,
        (shifted.net[1].threshold / 32).expand(4),
    )
    plain, _ = sl.convert(ann, x, steps=16, v0=0.0)
    errors = [(output(snn, x, 16) - ann(x)).abs().mean() for snn in (shifted, plain)]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("make", [chain, lambda: settled(Junctions())])
def test_corrections_bring_rates_to_the_mean(make):
    """Channel by channel, over the calibration set."""
    ann, x = make(), images()
    wanted = rewrite(trace(ann, x)[0]).run(x)
    errors = []
    chosen: list[tuple[Correction, ...]] = [(), ("bias",), ("bias", "potential")]
    for correct in chosen:
        snn, _ = sl.convert(ann, x, steps=4, v0=0.0, correct=correct)
        missing = [wanted[name] - rate for name, rate in rates(snn, x, 4).items()]
        means = [m.transpose(0, 1).flatten(1).mean(1).abs().mean() for m in missing]
        errors.append(float(torch.stack(means).sum()))
    assert errors[1] < 0.7 * errors[0]
    assert errors[2] < 0.5 * errors[0]


@pytest.mark.parametrize("make", [chain, lambda: settled(Junctions())])
def test_a_corrected_scale_makes_up_for_what_a_reset_to_zero_throws_away(make):
    """A spike then stands for more than its threshold, and the outputs are the ANN's again."""
    ann, x = make(), images()
    wanted = rewrite(trace(ann, x)[0]).run(x)
    errors = []
    chosen: list[tuple[Correction, ...]] = [(), ("scale",), ("scale", "bias")]
    for correct in chosen:
        snn, _ = sl.convert(ann, x, reset="zero", steps=64, correct=correct)
        with torch.no_grad():
            errors.append(float((output(snn, x, 64) - ann(x)).abs().mean()))
    assert errors[1] < 0.5 * errors[0] and errors[2] < 0.5 * errors[0]
    snn, report = sl.convert(ann, x, reset="zero", steps=64, v0=0.0, correct=("scale",))
    ratios = [(unit / snn.thresholds[name]).mean() for name, unit in snn.units.items()]
    assert min(ratios) > 1.1
    _, plain = sl.convert(ann, x, reset="zero", steps=64, v0=0.0)
    for one, other in zip(report.layers, plain.layers, strict=True):
        assert one.error < other.error
    for name, rate in rates(snn, x, 64).items():  # least squares: what remains is orthogonal
        off = ((wanted[name] - rate) * rate).transpose(0, 1).flatten(1).sum(1)
        assert off.abs().max() < 1e-3 * rate.square().sum()


def test_the_scale_of_a_silent_channel_is_its_threshold():
    ann, x = chain(), images()
    ann[1].weight.data[2] = 0.0
    ann[1].bias.data[2] = -1.0
    snn, _ = sl.convert(ann, x, reset="zero", correct=("scale",))
    assert snn.units["2"][2] == snn.thresholds["2"] and (snn.units["2"] > 0).all()


@pytest.mark.parametrize("code", ["poisson", "signed"])
def test_random_input_has_the_right_mean(code):
    ann = chain()
    x = images() if code == "poisson" else 2 * images() - 0.8
    snn, _ = sl.convert(ann, x, input=code, steps=400)
    encoded = snn.encode(x, 2000, torch.Generator().manual_seed(0))
    assert set(encoded.unique().tolist()) <= {-1.0, 0.0, 1.0}
    torch.testing.assert_close(encoded.mean(0) * snn.input_scale, x, atol=0.15, rtol=0)
    with torch.no_grad():
        y, _ = snn(snn.encode(x, 400, torch.Generator().manual_seed(0)))
    assert (snn.scale * y.mean(0) - ann(x)).abs().mean() < 0.15 * ann(x).std()


def test_read_outs():
    ann, x = chain(), images()
    ann[-1].bias.data += 0.5  # so that outputs are positive and can be counted
    counted, _ = sl.convert(ann, x, readout="count", steps=200)
    y, _ = counted(counted.encode(x))
    assert set(y.unique().tolist()) <= {0.0, 1.0}
    assert (counted.scores(y)[-1] / 200 - ann(x).relu()).abs().max() < 0.05
    soft, _ = sl.convert(ann, x, readout="softmax", steps=200)
    y, _ = soft(soft.encode(x))
    torch.testing.assert_close(soft.scores(y)[-1], ann(x).softmax(-1), atol=0.01, rtol=0)
    summed, _ = sl.convert(ann, x, steps=200)
    y, _ = summed(summed.encode(x))
    torch.testing.assert_close(summed.scores(y)[-1], summed.scale * y.sum(0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("make", [chain, lambda: settled(Junctions())])
def test_streams_and_single_steps(make):
    snn, _ = sl.convert(make(), images(), steps=8)
    x = snn.encode(images(4)).contiguous()
    with torch.no_grad():
        whole, end = snn(x)
        first, state = snn(x[:3])
        second, last = snn(x[3:], state)
        singles, state = [], None
        for x_t in x:
            y, state = snn.step(x_t, state)
            singles.append(y)
    for got in (torch.cat((first, second)), torch.stack(singles)):
        torch.testing.assert_close(got, whole, atol=1e-5, rtol=1e-4)
    for before, after in zip(end, last, strict=True):
        if before is not None:
            torch.testing.assert_close(tuple(after), tuple(before), atol=1e-5, rtol=1e-4)


def test_weights_load_into_another_conversion(tmp_path):
    from safetensors.torch import load_file, save_file

    ann, x = chain(), images()
    snn, _ = sl.convert(ann, x)
    save_file(snn.state_dict(), tmp_path / "snn.safetensors")
    other, _ = sl.convert(ann, x, method="diehl-data")
    other.load_state_dict(load_file(tmp_path / "snn.safetensors"))
    assert torch.equal(output(other, x, 8), output(snn, x, 8))


def test_ann_is_left_as_it_was():
    ann, x = chain(), images()
    before = {k: v.clone() for k, v in ann.state_dict().items()}
    sl.convert(ann, x, correct=("bias",), bias_shift=True)
    assert all(torch.equal(v, before[k]) for k, v in ann.state_dict().items())


def test_a_chain_goes_to_nir():
    pytest.importorskip("nir")
    snn, _ = sl.convert(chain(), images(), steps=8, v0=0.0)
    x = snn.encode(images(2))
    graph = sl.interop.to_nir(snn.net, x)
    back = sl.interop.from_nir(graph)
    with torch.no_grad():
        torch.testing.assert_close(back(x)[0], snn(x)[0], atol=1e-4, rtol=1e-4)
