"""The rule that knows only who came first."""

import pytest

from spikeloom.plasticity import simplified
from tests.plasticity.synapse import BACKENDS, after


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("pre", "post", "sign"),
    [([20], [20], 1), ([2], [50], 1), ([30], [20], -1), ([], [20], -1), ([20], [], 0)],
)
def test_what_had_fired_by_then_grows_however_long_ago(pre, post, sign, backend) -> None:
    rate = {1: 0.2, -1: -0.1, 0: 0.0}[sign]
    got = after(simplified(0.2, 0.1), pre, post, backend, w=0.4)
    assert got == pytest.approx(0.4 + rate * 0.4 * 0.6, rel=1e-5)


def test_weights_stay_inside() -> None:
    w = 0.5
    for _ in range(10):
        w = after(simplified(1.0, 1.0), [1, 2], list(range(3, 50)), "cpu", w=w)
    assert 0.99 < w <= 1.0


@pytest.mark.parametrize("wrong", [(1.5, 0.1), (0.1, -0.1)])
def test_bad_input(wrong) -> None:
    with pytest.raises(ValueError, match=r"could jump out of \(0, 1\)"):
        simplified(*wrong)
