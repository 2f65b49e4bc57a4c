"""Parameters of neurons: fixed or learned, one for all, per neuron or per channel."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import spikeloom as sl

BACKENDS = ("reference", "cpu")


@pytest.mark.parametrize(
    ("make", "keys", "learned"),
    [
        (lambda: sl.LIF(), ["beta", "threshold"], []),
        (lambda: sl.LIF(learn=("beta",)), ["beta_raw", "threshold"], ["beta_raw"]),
        (lambda: sl.LIF(learn="threshold"), ["threshold_raw", "beta"], ["threshold_raw"]),
        (
            lambda: sl.LIF(learn=("threshold", "beta")),
            ["beta_raw", "threshold_raw"],
            ["beta_raw", "threshold_raw"],
        ),
        (lambda: sl.IF(), ["threshold"], []),
        (lambda: sl.IF(learn=("threshold",)), ["threshold_raw"], ["threshold_raw"]),
        (lambda: sl.LI(), ["beta"], []),
        (lambda: sl.LI(learn=("beta",)), ["beta_raw"], ["beta_raw"]),
        (lambda: sl.Synaptic(), ["alpha", "beta", "threshold"], []),
        (
            lambda: sl.Synaptic(learn=("alpha", "beta", "threshold")),
            ["alpha_raw", "beta_raw", "threshold_raw"],
            ["alpha_raw", "beta_raw", "threshold_raw"],
        ),
    ],
)
def test_checkpoint_keys(make: Callable[[], Any], keys: list[str], learned: list[str]) -> None:
    layer = make()
    assert list(layer.state_dict()) == keys
    assert [name for name, _ in layer.named_parameters()] == learned
    layer(torch.rand(2, 1, 3))
    assert list(layer.state_dict()) == keys


def test_defaults_are_a_contract() -> None:
    lif, synaptic = sl.LIF(), sl.Synaptic()
    assert (lif.beta.item(), lif.threshold.item()) == pytest.approx((0.9, 1.0))
    assert (synaptic.alpha.item(), synaptic.beta.item()) == pytest.approx((0.8, 0.9))
    assert synaptic.threshold.item() == sl.IF().threshold.item() == 1.0
    assert sl.LI().beta.item() == pytest.approx(0.9)


def test_fixed_parameters_have_no_gradient_and_are_copied() -> None:
    given_beta = torch.tensor([0.5, 0.6], requires_grad=True)
    layer = sl.LIF(beta=given_beta)
    assert not list(layer.parameters()) and not layer.beta.requires_grad
    with torch.no_grad():
        given_beta.zero_()
    torch.testing.assert_close(layer.beta, torch.tensor([0.5, 0.6]))


def test_fixed_parameters_travel_in_the_checkpoint() -> None:
    layer = sl.LIF(beta=0.3, threshold=torch.tensor([1.0, 2.0]))
    other = sl.LIF(beta=0.7, threshold=torch.ones(2))
    other.load_state_dict(layer.state_dict())
    assert other.beta.item() == pytest.approx(0.3)
    assert other.threshold.tolist() == [1.0, 2.0]
    x = torch.rand(20, 3, 2)
    assert torch.equal(layer(x)[0], other(x)[0])


@given(beta=st.floats(1e-4, 0.9999), threshold=st.floats(1e-4, 1e3))
def test_learning_keeps_the_value_and_a_live_gradient(beta: float, threshold: float) -> None:
    layer = sl.LIF(beta, threshold, learn=("beta", "threshold"))
    assert layer.beta.item() == pytest.approx(beta, rel=1e-5)
    assert layer.threshold.item() == pytest.approx(threshold, rel=1e-5)
    for name in ("beta", "threshold"):
        raw = layer.get_parameter(f"{name}_raw")
        (slope,) = torch.autograd.grad(getattr(layer, name), raw)
        assert math.isfinite(slope.item()) and slope.item() > 0


def test_raw_values_are_logit_and_inverse_softplus() -> None:
    layer = sl.LIF(0.8, 0.5, learn=("beta", "threshold"))
    raw = dict(layer.named_parameters())
    assert raw["beta_raw"].item() == pytest.approx(math.log(0.8 / 0.2), rel=1e-6)
    assert raw["threshold_raw"].item() == pytest.approx(math.log(math.expm1(0.5)), rel=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_optimizer_steps_keep_decays_in_range_and_thresholds_positive(
    sign: float, backend: str
) -> None:
    layer = sl.Synaptic(learn=("alpha", "beta", "threshold"), emit="v", backend=backend)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.2)
    x = torch.rand(10, 4, 3)
    furthest = [(p, p.item(), 0.0) for p in layer.parameters()]
    for _ in range(40):
        optimizer.zero_grad()
        v, _ = layer(x)
        (sign * v.mean()).backward()
        optimizer.step()
        assert 0 < layer.alpha.item() < 1 and 0 < layer.beta.item() < 1
        assert layer.threshold.item() > 0
        furthest = [(p, start, max(far, abs(p.item() - start))) for p, start, far in furthest]
    assert all(far > 0.5 for _, _, far in furthest)  # it did learn


def test_training_recovers_a_decay() -> None:
    teacher = sl.LI(beta=0.6)
    student = sl.LI(beta=0.9, learn="beta")
    optimizer = torch.optim.Adam(student.parameters(), lr=0.1)
    x = torch.randn(20, 8, 1)
    for _ in range(150):
        optimizer.zero_grad()
        (student(x)[0] - teacher(x)[0]).square().mean().backward()
        optimizer.step()
    assert student.beta.item() == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sl.LIF(beta=1.0, learn="beta"), r"LIF got beta=1 to learn: .*logit.*\. Start"),
        (lambda: sl.LI(beta=0.0, learn="beta"), r"LI got beta=0 to learn: .*logit.*\. Start"),
        (
            lambda: sl.IF(threshold=0.0, learn="threshold"),
            r"IF got threshold=0 to learn: .*softplus.*\. Start above 0",
        ),
        (
            lambda: sl.LIF(learn=("beta", "tau")),
            r"LIF got learn=\('beta', 'tau'\): it has no parameter 'tau', "
            r'only "beta", "threshold"\. Name',
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("learn", [(), ("beta", "threshold")])
@pytest.mark.parametrize("value", [0.5, torch.tensor(0.5), torch.tensor([0.5, 0.25, 0.75])])
def test_a_parameter_can_be_set_by_its_name(value: float | Tensor, learn: tuple[str, ...]) -> None:
    layer = sl.LIF(learn=learn)
    keys, x = list(layer.state_dict()), torch.rand(12, 2, 3)
    layer(x)
    layer.beta = value  # type: ignore[assignment]
    layer.threshold = 2.0  # type: ignore[assignment]
    torch.testing.assert_close(layer.beta.detach(), torch.as_tensor(value))
    assert layer.threshold.item() == pytest.approx(2.0)
    assert list(layer.state_dict()) == keys and not {"beta", "threshold"} & set(vars(layer))
    v = layer(x)[1].v
    torch.testing.assert_close(v, sl.LIF(value, 2.0)(x)[1].v)
    assert v.requires_grad == bool(learn)


def test_an_optimizer_goes_on_with_a_value_that_was_set() -> None:
    layer = sl.LI(learn="beta")
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer.beta = 0.5  # type: ignore[assignment]
    layer(torch.ones(3, 1, 1))[1].v.sum().backward()
    optimizer.step()
    assert 0.4 < layer.beta.item() < 0.5


def test_a_real_parameter_can_be_set_too() -> None:
    layer = sl.neuron(lambda x, v, g: (g * x, v), params={"g": 1.0}, learn="g")
    layer.g = -3.0
    assert layer.get_parameter("g").item() == -3.0


def test_setting_a_parameter_checks_the_value() -> None:
    layer = sl.LIF(learn="beta")
    with pytest.raises(ValueError, match=r"LIF got beta=1.5: .*lies in \[0, 1\]\. Pass"):
        layer.beta = 1.5  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"LIF got beta=1 to learn: .*logit.*\. Start"):
        layer.beta = 1.0  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"LIF got threshold='2' of type str: .*\. Pass"):
        layer.threshold = "2"  # type: ignore[assignment]
    assert layer.beta.item() == pytest.approx(0.9)


@pytest.mark.parametrize("learn", [(), "beta"])
def test_setting_a_parameter_object(learn: str | tuple[str, ...]) -> None:
    """It sets the value, or says what to do."""
    layer = sl.LIF(learn=learn)
    try:
        layer.beta = torch.nn.Parameter(torch.tensor(0.5))
    except (TypeError, ValueError) as error:
        assert "learn" in str(error)
    else:
        assert layer.beta.item() == pytest.approx(0.5)


def test_made_on_the_meta_device_and_loaded_by_assignment() -> None:
    trained = sl.LIF(beta=0.3, threshold=2.0, learn="threshold")
    with torch.device("meta"):
        layer = sl.LIF(learn="threshold")
    assert layer.beta.is_meta
    layer.load_state_dict(trained.state_dict(), assign=True)
    assert layer.beta.item() == pytest.approx(0.3)
    assert layer.threshold.item() == pytest.approx(2.0)


@pytest.mark.parametrize("how", ["parametrized", "replica"])
def test_raw_parameters_that_torch_holds_elsewhere(how: str) -> None:
    """A parametrization, and a replica of DataParallel, keep them as attributes."""
    layer, x = sl.LIF(0.5, learn="beta"), torch.rand(5, 2, 3)
    want, _ = layer(x)
    if how == "parametrized":
        torch.nn.utils.parametrize.register_parametrization(layer, "beta_raw", torch.nn.Identity())
    else:
        raw = layer.get_parameter("beta_raw").detach().clone()
        layer = layer._replicate_for_data_parallel()
        layer.beta_raw = raw
    assert layer.beta.item() == pytest.approx(0.5)
    assert torch.equal(layer(x)[0], want)


@pytest.mark.parametrize("value", [-0.1, 1.1, torch.tensor([0.5, 1.5]), torch.tensor([-1.0, 0.0])])
@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_a_decay_outside_0_to_1_is_refused(name: str, value: float | Tensor) -> None:
    message = rf"Synaptic got {name}=-?[\d.]+: it is the fraction .*lies in \[0, 1\]\. Pass"
    options: Any = {name: value}
    with pytest.raises(ValueError, match=message):
        sl.Synaptic(**options)


@pytest.mark.parametrize("value", [math.nan, math.inf, torch.tensor([1.0, math.nan])])
def test_a_value_that_is_not_finite_is_refused(value: float | Tensor) -> None:
    with pytest.raises(ValueError, match=r"IF got threshold=.*not finite: .*\. Pass finite"):
        sl.IF(threshold=value)


@pytest.mark.parametrize("value", [torch.zeros(0), "0.9", None])
def test_a_value_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"LIF got beta.* (holds|of type) .*\. Pass"):
        sl.LIF(beta=value)


@pytest.mark.parametrize(
    "options",
    [
        {"surrogate": "atan"},
        {"surrogate": sl.surrogate.ATan},
        {"fire": "<"},
        {"backend": "gpu"},
    ],
)
@pytest.mark.parametrize("kind", [sl.LIF, sl.IF, sl.Synaptic])
def test_unknown_options_are_refused_at_construction(kind: Any, options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises((TypeError, ValueError), match=rf"got {name}.*: .*\. (Use|Pass)"):
        kind(**options)


@pytest.mark.parametrize("kind", [sl.LIF, sl.IF, sl.Synaptic])
def test_unknown_reset_and_emit_are_refused_at_construction(kind: Any) -> None:
    with pytest.raises(ValueError, match=r'got reset=\'soft\': .*\. Use reset="subtract"'):
        kind(reset="soft")
    for emit in ("spikes", ("spike", "u"), ()):
        with pytest.raises(ValueError, match=r'got emit=.*: it can emit "spike", "v".*\. Use'):
            kind(emit=emit)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("learn", [(), ("beta", "threshold")])
def test_one_value_per_neuron(backend: str, learn: tuple[str, ...]) -> None:
    beta, threshold = torch.tensor([0.2, 0.5, 0.9]), torch.tensor([0.5, 1.0, 2.0])
    x = 1.5 * torch.rand(20, 4, 3)
    spikes, state = sl.LIF(beta, threshold, learn=learn, backend=backend)(x)
    for n in range(3):
        # A learned value passes through its logit and back, so it is built the same way here.
        alone = sl.LIF(beta[n : n + 1], threshold[n : n + 1], learn=learn, backend=backend)
        one, last = alone(x[:, :, n : n + 1])
        assert one.any()
        assert torch.equal(spikes[:, :, n : n + 1], one)
        assert torch.equal(state.v[:, n : n + 1], last.v)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [(3, 2, 4), (3, 3, 3), (2, 2), (2, 2, 2, 2)])
def test_one_dimension_means_channels_in_images_also_where_sizes_agree(
    backend: str, size: tuple[int, ...]
) -> None:
    channels = size[0]
    beta = torch.linspace(0.1, 0.9, channels)
    x = torch.rand(10, 2, *size)
    spikes, state = sl.LIF(beta, backend=backend)(x)
    stepped = [sl.LIF(beta)]
    for c in range(channels):
        one, last = sl.LIF(beta[c].item(), backend=backend)(x[:, :, c])
        assert torch.equal(spikes[:, :, c], one)
        assert torch.equal(state.v[:, c], last.v)
    now = None
    for x_t in x:  # the same in layer.step
        _, now = stepped[0].step(x_t, now)
    assert now is not None
    torch.testing.assert_close(now.v, state.v)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 4, 5), (3, 1, 1), (1, 1, 5), (4, 5), (1, 5)])
def test_any_shape_that_broadcasts_against_a_step(backend: str, shape: tuple[int, ...]) -> None:
    beta = torch.rand(shape)
    x = torch.rand(8, 2, 3, 4, 5)
    spikes, state = sl.LIF(beta, backend=backend)(x)
    whole, last = sl.LIF(beta.expand(3, 4, 5).contiguous(), backend=backend)(x)
    assert torch.equal(spikes, whole) and torch.equal(state.v, last.v)
    v = torch.zeros(2, 3, 4, 5)
    for x_t, s_t in zip(x, spikes, strict=True):
        h = beta * v + x_t
        assert torch.equal(s_t, (h > 1).float())
        v = h - s_t
    torch.testing.assert_close(state.v, v)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("shape", "features"), [((), (4,)), ((1,), (4,)), ((4,), (4,)), ((3,), (3, 3, 3))]
)
def test_gradient_of_a_shared_parameter_is_the_sum_over_what_shares_it(
    backend: str, shape: tuple[int, ...], features: tuple[int, ...]
) -> None:
    """Learned as one value per neuron of a sample, the gradients add up to the shared one's."""
    x = torch.rand(9, 2, *features, dtype=torch.float64)
    beta = torch.full(shape, 0.8, dtype=torch.float64)
    many = torch.full(features, 0.8, dtype=torch.float64)
    grads = []
    for value in (beta, many):
        layer = sl.LIF(value, learn=("beta",), backend=backend)
        spikes, state = layer(x)
        (
            spikes.sum()
            + (state.v * torch.linspace(1, 2, 2)[:, None].reshape(-1, *(1,) * len(features))).sum()
        ).backward()
        grads.append(layer.get_parameter("beta_raw").grad)
    shared, own = grads
    assert shared is not None and own is not None and shared.shape == torch.Size(shape)
    if shape in ((), (1,)):
        torch.testing.assert_close(shared.reshape(()), own.sum())
    elif features == shape:
        torch.testing.assert_close(shared, own)
    else:
        torch.testing.assert_close(shared, own.sum((1, 2)))
    assert shared.abs().min() > 0


def test_wrong_number_of_features_is_explained() -> None:
    layer = sl.LIF(beta=torch.full((4,), 0.5))
    message = r"LIF got x with 3 features \(shape \(5, 2, 3\)\), but its beta has 4 values\. Give"
    with pytest.raises(ValueError, match=message):
        layer(torch.rand(5, 2, 3))
    with pytest.raises(ValueError, match=r"LIF got x with 3 features .* 4 values\. Give"):
        layer(torch.rand(5, 2, 3, 4, 4))
    with pytest.raises(
        ValueError, match=r"LIF got x .*threshold of shape \(2, 2\) does not .*\. Give"
    ):
        sl.LIF(threshold=torch.ones(2, 2))(torch.rand(5, 2, 3, 4))


def test_repr_shows_values() -> None:
    assert repr(sl.LIF(beta=0.5, learn="beta")) == "LIF(beta=0.5 (learned), threshold=1)"
    assert repr(sl.LIF(beta=torch.ones(3), emit="v")) == "LIF(beta=[3], threshold=1, emit='v')"
