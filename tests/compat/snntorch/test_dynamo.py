"""Every neuron and layer traces without a graph break, hidden state and all."""

import pytest
import torch

import spikeloom.compat.snntorch as snn
from spikeloom.compat.snntorch import utils
from tests.compat.snntorch.neurons import every_neuron, flat

# torch's own way of tracing autograd functions, and states with a graph
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning",
    "ignore:The .grad attribute of a Tensor that is not a leaf",
)


@every_neuron
def test_a_step_traces_without_a_break(make):
    torch.compiler.reset()
    layer, x = make(init_hidden=True, output=True), 2 * torch.rand(2, 3, 6)
    wanted = [flat(layer(x_t)) for x_t in x]
    utils.reset(layer)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close([flat(compiled(x_t)) for x_t in x], wanted)


@pytest.mark.parametrize(
    "layer",
    [snn.StateLeaky(0.9, 6), snn.LinearLeaky(0.9, 6, 4), snn.LeakyParallel(6, 4, beta=0.9),
     snn.AssociativeLeaky(6, 2, 3, None), snn.SynapticDelay(3, 1.5), snn.GradedSpikes(6, 2.0)],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_other_layers_trace_without_a_break(layer):
    torch.compiler.reset()
    stepwise = isinstance(layer, snn.SynapticDelay | snn.GradedSpikes)
    x = torch.rand(4, 6) if stepwise else torch.rand(5, 3, 6)
    wanted = flat(layer(x))
    utils.reset(layer)
    found = flat(torch.compile(layer, backend="eager", fullgraph=True)(x))
    torch.testing.assert_close(found, wanted)
