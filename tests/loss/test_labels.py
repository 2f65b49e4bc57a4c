"""What every loss accepts and refuses."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom import loss

OBJECTIVES = [
    loss.count_ce,
    loss.count_mse,
    loss.max_membrane_ce,
    loss.membrane_mse,
    loss.rate_ce,
    loss.temporal_ce,
    loss.temporal_mse,
    loss.tet,
]
OF_TRAINS = {"spike_time", "van_rossum", "victor_purpura"}
REGULARISERS = {"l1_rate", "l2_rate", "rate_bounds", "temporal_sparsity"}
EVERY = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda f: f.__name__)
OUT, LABELS = torch.zeros(5, 3, 4), torch.tensor([0, 3, 1])


def test_what_the_package_exports() -> None:
    exported = {f.__name__ for f in vars(loss).values() if inspect.isfunction(f)}
    assert exported == {f.__name__ for f in OBJECTIVES} | OF_TRAINS | REGULARISERS


@given(
    steps=st.integers(1, 5),
    batch=st.integers(1, 4),
    classes=st.integers(1, 5),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    objective=st.sampled_from(OBJECTIVES),
)
@settings(deadline=None)
def test_a_finite_scalar_and_a_gradient_for_every_shape_and_dtype(  # type: ignore[no-untyped-def]
    steps: int, batch: int, classes: int, dtype: torch.dtype, objective
) -> None:
    spikes = (torch.rand(steps, batch, classes) < 0.5).to(dtype).requires_grad_()
    value = objective(spikes, torch.randint(classes, (batch,)))
    assert value.shape == () and bool(torch.isfinite(value)) and value.item() >= -1e-6
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    value.backward()
    assert spikes.grad is not None and spikes.grad.dtype == dtype
    assert bool(torch.isfinite(spikes.grad).all())


@EVERY
def test_the_batch_counts_as_a_mean(objective) -> None:  # type: ignore[no-untyped-def]
    out = torch.randn(5, 3, 4, dtype=torch.float64)
    each = [objective(out[:, b : b + 1], LABELS[b : b + 1]).item() for b in range(3)]
    assert objective(out, LABELS).item() == pytest.approx(sum(each) / 3, rel=1e-12)


@EVERY
def test_the_right_answer_costs_less(objective) -> None:  # type: ignore[no-untyped-def]
    right, wrong = torch.zeros(5, 3, 4), torch.zeros(5, 3, 4)
    right[:, [0, 1, 2], LABELS] = 1.0
    wrong[:, [0, 1, 2], (LABELS + 1) % 4] = 1.0
    assert objective(right, LABELS) < objective(OUT, LABELS) < objective(wrong, LABELS)


@EVERY
def test_the_tuple_of_a_net_is_refused(objective) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(
        TypeError, match=rf"{objective.__name__} got a tuple: a net returns \(out, state\)"
    ):
        objective((OUT, (None,)), LABELS)


@EVERY
@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 4, 1), (5, 3, 2, 2, 1)])
def test_an_output_that_is_not_time_batch_classes_is_refused(  # type: ignore[no-untyped-def]
    objective, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"needs \[T, B, K\]"):
        objective(torch.zeros(shape), LABELS)


@EVERY
def test_wrong_labels_are_refused(objective) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match=r"labels\.long\(\)"):
        objective(OUT, LABELS.float())
    with pytest.raises(TypeError, match=r"labels of list"):
        objective(OUT, [0, 3, 1])
    with pytest.raises(ValueError, match=r"labels of shape \(3, 4\)"):
        objective(OUT, torch.zeros(3, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"labels of shape \(5,\) for an output of 3 samples"):
        objective(OUT, torch.zeros(5, dtype=torch.int64))
    for bad in (4, -1):
        with pytest.raises(ValueError, match=r"an index lies in 0 \.\.\. 3"):
            objective(OUT, torch.tensor([0, bad, 1]))


@EVERY
def test_integer_output_and_empty_axes_are_refused(objective) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match=r"out\.float\(\)"):
        objective(OUT.long(), LABELS)
    with pytest.raises(ValueError, match="no time steps"):
        objective(OUT[:0], LABELS)
    with pytest.raises(ValueError, match="empty batch"):
        objective(OUT[:, :0], LABELS[:0])
