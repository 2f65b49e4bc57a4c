"""Other libraries, held to the equations that the tables state for them."""

import json
from importlib import import_module

import pytest
import torch

from spikeloom.bench import Options
from spikeloom.bench.check import same_values, spikes_and_gradients
from spikeloom.bench.neuron import example, forward_backward
from spikeloom.bench.peers import cells
from spikeloom.bench.peers.cell import over_time
from spikeloom.bench.peers.sinabs import SingleExponential

NAMES = ("snnTorch", "SpikingJelly", "Norse", "Sinabs")


def cell_of(name: str):
    found, missing = cells([name])
    if missing:
        pytest.skip(missing[name])
    return found[0]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_a_twin_computes_the_same(name):
    cell = cell_of(name)
    x, gradient = example(60, 3, 17)
    theirs = forward_backward(cell.run, x, gradient)()
    for backend in ("cpu", "reference"):
        cell.twin.backend = backend
        ours = forward_backward(lambda x: cell.twin(x)[0], x, gradient)()
        check = spikes_and_gradients(ours, theirs)
        assert check.ok, check.text


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_steps_and_runs_agree_and_start_from_rest_every_time(name):
    cell = cell_of(name)
    x, _ = example(40, 2, 9)
    with torch.no_grad():
        first, second = cell.run(x), cell.run(x)
        stepped = over_time(cell.step)(x)
    assert same_values(first, second).ok
    assert same_values(stepped, first).ok


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["neuron", "linear", "latency"])
def test_tables_of_libraries(name):
    for library in NAMES:
        cell_of(library)
    for table in import_module(f"spikeloom.bench.{name}").tables(Options(rounds=1, quick=True)):
        assert [(row.what, row.check.text) for row in table.failed()] == []
        assert all(row.figures for row in table.rows)
        json.dumps(table.as_json())


def test_the_exponential_surrogate_is_the_slope_of_its_primitive():
    spike = SingleExponential(width=0.5)
    u = torch.linspace(-2, 2, 101, dtype=torch.float64)[torch.arange(101) != 50]
    h = 1e-6
    slope = (spike.primitive(u + h) - spike.primitive(u - h)) / (2 * h)
    torch.testing.assert_close(spike.derivative(u), slope, rtol=1e-6, atol=1e-9)
