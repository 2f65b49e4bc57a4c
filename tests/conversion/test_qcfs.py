"""QCFS and the trainable clip against their formulas, by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import spikeloom as sl
from spikeloom.conversion.qcfs import QCFS
from spikeloom.conversion.trainable_clip import TrainableClip


def formula(x: Tensor, threshold: Tensor, levels: int) -> Tensor:
    return threshold / levels * torch.clip(torch.floor(x * levels / threshold + 0.5), 0, levels)


@settings(deadline=None)
@given(st.integers(1, 16), st.floats(0.1, 8.0), st.integers(0, 2**31))
def test_qcfs_is_its_formula(levels: int, threshold: float, seed: int) -> None:
    x = 2 * threshold * torch.randn(2, 9, generator=torch.Generator().manual_seed(seed)).double()
    theta = torch.tensor(threshold, dtype=torch.float64)
    out = QCFS(levels, theta, learn=())(x)
    steps = out * levels / theta
    torch.testing.assert_close(steps, steps.round())
    # a value on the edge between two steps may be rounded to either
    edge = ((x * levels / theta + 0.5) % 1 - 0.5).abs() > 0.5 - 1e-9
    torch.testing.assert_close(out[~edge], formula(x, theta, levels)[~edge])


def test_the_gradient_is_that_of_the_paper() -> None:
    """Below, within and above the range, L = 4 and theta = 2: it ends at -1/4 and 7/4."""
    act = QCFS(4, 2.0)
    x = torch.tensor([[-0.3, -0.2, 0.6, 1.7, 1.8, 9.0]], requires_grad=True)
    wanted = {"x": [0, 1, 1, 1, 0, 0], "theta": [0, 0.1, -0.05, -0.1, 1, 1]}
    found = []
    for i in range(x.shape[1]):
        gradients = torch.autograd.grad(act(x)[0, i], (x, act.threshold_raw))
        d_raw = torch.sigmoid(act.threshold_raw)  # of softplus
        found.append((gradients[0][0, i], gradients[1] / d_raw))
    torch.testing.assert_close(
        torch.stack([f[0] for f in found]), torch.tensor(wanted["x"]).float()
    )
    torch.testing.assert_close(torch.stack([f[1] for f in found]), torch.tensor(wanted["theta"]))


@pytest.mark.parametrize("build", [lambda t: QCFS(4, t), TrainableClip], ids=["qcfs", "clip"])
def test_a_threshold_per_channel(build) -> None:
    thresholds = torch.tensor([1.0, 2.0, 3.0])
    x = 2 * torch.randn(5, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    act = build(thresholds)
    out = act(x)
    out.sum().backward()
    for channel, threshold in enumerate(thresholds):
        alone = build(threshold)
        torch.testing.assert_close(out[:, channel], alone(x[:, channel]))
        alone(x[:, channel]).sum().backward()
        torch.testing.assert_close(act.threshold_raw.grad[channel], alone.threshold_raw.grad)
    with pytest.raises(ValueError, match="3 values"):
        act(x[:, :2])


def test_spikes_of_l_steps_carry_the_activation() -> None:
    """A neuron from theta / 2 under a constant current: theta times its rate is QCFS of it."""
    levels, theta = 8, 2.0
    x = torch.linspace(-1.0, 3.0, 200, dtype=torch.float64)[None]
    neuron = sl.IF(threshold=theta, fire=">=", reset="subtract")
    start = neuron.State(torch.full_like(x, theta / 2))
    spikes, _ = neuron(sl.encode.constant(x, steps=levels), start)
    torch.testing.assert_close(theta * spikes.mean(0), QCFS(levels, theta, learn=())(x))


def test_the_clip_and_its_gradient() -> None:
    act = TrainableClip(2.0)
    x = torch.tensor([[-1.0, 1.0, 3.0, 4.0]], requires_grad=True)
    out = act(x)
    torch.testing.assert_close(out, torch.tensor([[0.0, 1.0, 2.0, 2.0]]))
    out.sum().backward()
    assert x.grad is not None and act.threshold_raw.grad is not None
    assert x.grad.tolist() == [[0.0, 1.0, 0.0, 0.0]]
    torch.testing.assert_close(
        act.threshold_raw.grad, 2 * torch.sigmoid(act.threshold_raw.detach())
    )


@pytest.mark.parametrize("levels", [0, -1, 2.0, True])
def test_levels_are_whole_and_positive(levels) -> None:
    with pytest.raises(ValueError, match="levels=8"):
        QCFS(levels)


@pytest.mark.parametrize("build", [QCFS, TrainableClip])
def test_thresholds_are_positive_and_come_back_from_a_file(build) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        build(threshold=0.0)
    one, other = build(threshold=0.7), build(threshold=3.0)
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(other.threshold, torch.tensor(0.7))


@pytest.mark.parametrize("build", [QCFS, TrainableClip])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_dtype_follows_the_input(build, dtype) -> None:
    x = torch.randn(2, 3, dtype=dtype)
    assert build(threshold=torch.ones(3))(x).dtype == dtype


def test_it_prints_its_levels_and_threshold() -> None:
    assert repr(QCFS(4, 2.0)) == "QCFS(levels=4, threshold=2)"
    assert repr(QCFS(4, torch.ones(3))) == "QCFS(levels=4, threshold=<3 values>)"
