import gc

import pytest

from spikeloom.bench.timing import Times, figure, take_turns


def test_contenders_take_turns_and_warm_up_rounds_are_dropped():
    order: list[str] = []
    times = take_turns(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, warmup=2
    )
    assert order == ["a", "b"] * 5
    assert {name: len(s) for name, s in times.seconds.items()} == {"a": 3, "b": 3}
    assert all(s > 0 for taken in times.seconds.values() for s in taken)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled):
    before = gc.isenabled()

    def fail() -> None:
        assert not gc.isenabled()
        raise KeyError

    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(KeyError):
            take_turns({"a": fail}, rounds=1)
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_a_ratio_is_taken_round_by_round():
    times = Times({"slow": [2.0, 40.0, 6.0], "fast": [1.0, 10.0, 2.0]})
    ratio = times.ratio("slow", "fast")
    assert (ratio.value, ratio.low, ratio.high, ratio.unit) == (3.0, 2.5, 3.5, "x")


def test_units():
    times = Times({"a": [0.002]})
    assert str(times.milliseconds("a")) == "2.00 ms"
    assert str(times.microseconds("a", per=100)) == "20.0 us"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1234 ms"), (99.94, "99.9 ms"), (1.234, "1.23 ms"), (0.0123, "0.012 ms")],
)
def test_three_digits(value, text):
    assert str(figure([value], "ms")) == text


def test_no_rounds_is_an_error():
    with pytest.raises(ValueError, match="rounds=0"):
        take_turns({}, rounds=0)
