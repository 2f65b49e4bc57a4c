import json

import pytest
from rich.console import Console

from spikeloom.bench import Options, Results, document, draw
from spikeloom.bench.against import Pair, rows
from spikeloom.bench.check import Check
from spikeloom.bench.neuron import example, forward_backward
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure
from spikeloom.neurons import LIF

FAST = Target("ratio", ">=", 8.0)


def table(check: Check, ratio: float = 9.0) -> Table:
    row = Row("other", {"ratio": figure([ratio], "x")}, check, (FAST,))
    return Table("t", "A title", ("check", "ratio"), [row])


def shown(made: Table) -> str:
    console = Console(width=100, record=True, quiet=False, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(draw(made))
    return captured.get()


def page(made: Table, *, quick: bool = False) -> str:
    machine = dict.fromkeys(
        ["date", "cpu", "cores", "memory_gib", "threads", "omp_wait_policy", "system", "commit",
         "spikeloom", "torch", "llvmlite", "python", "load_average"]
    ) | {"features": []}  # fmt: skip
    return document(Results(machine, Options(quick=quick), [made]))


def test_a_failed_check_takes_the_figures_away():
    made = table(Check(False, "3 spikes differ"), ratio=77.0)
    row = made.rows[0]
    assert row.figures == {}
    assert made.failed() == [row]
    assert row.verdicts() == [(FAST, None)]
    for text in (shown(made), page(made), json.dumps(made.as_json())):
        assert "77" not in text
    assert "3 spikes differ" in page(made)
    assert "DIFFER" in shown(made)


def test_a_passed_check_shows_them():
    made = table(Check(True, "equal"), ratio=77.0)
    assert made.failed() == []
    for text in (shown(made), page(made), json.dumps(made.as_json())):
        assert "77" in text


@pytest.mark.parametrize(
    ("op", "limit", "met"),
    [(">=", 9.0, True), (">=", 9.1, False), ("<=", 9.0, True), ("<=", 8.9, False)],
)
def test_targets_are_judged(op, limit, met):
    row = Row("a", {"ratio": figure([9.0], "x")}, targets=(Target("ratio", op, limit),))
    assert [verdict for _, verdict in row.verdicts()] == [met]
    made = Table("t", "A title", ("ratio",), [row])
    assert made.as_json()["rows"][0]["targets"][0]["met"] is met
    assert ("NOT MET" in page(made)) != met


def test_a_quick_run_judges_nothing():
    text = page(table(Check(True, "equal"), ratio=1.0), quick=True)
    assert "met" not in text.lower().replace("metadata", "")
    assert ">= 8" in text


def test_a_pair_that_disagrees_is_not_timed():
    x, gradient = example(10, 2, 8)
    calls = {"equal": 0, "other": 0}

    def counted(name: str, beta: float):
        layer = LIF(beta=beta)
        job = forward_backward(lambda x: layer(x)[0], x, gradient)

        def run():
            calls[name] += 1
            return job()

        return run

    ours = forward_backward(lambda x: LIF(beta=0.9)(x)[0], x, gradient)
    made = rows(
        [Pair("equal", counted("equal", 0.9), ours), Pair("other", counted("other", 0.5), ours)],
        rounds=3,
        columns=("a", "b", "ratio"),
    )
    assert [row.check.ok for row in made] == [True, False]
    assert set(made[0].figures) == {"a", "b", "ratio"}
    assert made[1].figures == {}
    assert calls == {"equal": 1 + 1 + 3, "other": 1}  # the check, the warm-up, the rounds
