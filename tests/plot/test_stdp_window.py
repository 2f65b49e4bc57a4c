import math
from typing import Any

import numpy as np
import pytest

import spikeloom as sl
from spikeloom import plasticity as p


def drawn(rule: p.Rule, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """The times and changes of the last line of a window."""
    at, change = sl.plot.stdp_window(rule, **options).lines[-1].get_data()
    return np.asarray(at), np.asarray(change)


def test_the_classic_curve_against_its_equation() -> None:
    rule = p.stdp.pair(0.02, 0.03, tau_pre=15e-3, tau_post=30e-3)
    at, change = drawn(rule, widest=40e-3)
    expected = [0.03 * math.exp(-d / 15) if d >= 0 else -0.02 * math.exp(d / 30) for d in at]
    np.testing.assert_allclose(at, np.arange(-40, 41), atol=1e-4)
    np.testing.assert_allclose(change, expected, atol=1e-6)


def test_rewards_and_repeated_pairs_count() -> None:
    once, twice, thrice = (
        drawn(rule, widest=10e-3, pairs=n, hertz=4.0, reward=r)[1]
        for rule, n, r in (
            (p.stdp.pair(), 1, 1.0), (p.mstdp(1.0, a_plus=1e-2, a_minus=-1e-4), 2, 1.0),
            (p.mstdp(1.0, a_plus=1e-2, a_minus=-1e-4), 3, -1.0),
        )
    )  # fmt: skip
    np.testing.assert_allclose(twice, 2 * once, atol=1e-6)
    np.testing.assert_allclose(thrice, -3 * once, atol=1e-6)
    triplet = p.stdp.triplet(0.0, 0.1)  # the first pair teaches nothing
    alone = drawn(triplet, pairs=1)[1]
    several = drawn(triplet, pairs=2, hertz=9.0)[1]
    assert not alone.any() and several.max() > 1e-3


def test_rules_are_compared_on_one_picture() -> None:
    ax = sl.plot.stdp_window(p.stdp.pair())
    assert sl.plot.stdp_window(p.weight_dependent(), ax=ax) is ax
    assert ax.get_xlabel() == "post after pre (ms)"
    first, second = ax.lines[-2:]
    assert len(ax.lines) == 4 and first.get_color() != second.get_color()


@pytest.mark.parametrize(
    "wrong",
    [{"widest": 0.0}, {"pairs": 0}, {"pairs": 2, "hertz": 20.0}, {"pairs": 2, "hertz": -1.0}],
)
def test_pairs_that_overlap(wrong) -> None:
    with pytest.raises(ValueError, match="a pair is over before the next"):
        sl.plot.stdp_window(p.stdp.pair(), **wrong)


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="got a float"):
        sl.plot.stdp_window(0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dt=0"):
        sl.plot.stdp_window(p.stdp.pair(), dt=0)
