"""PySNN 0.1.1 over spikeloom: change the import lines, and a script runs.

`from pysnn.neuron import ...` becomes `from spikeloom.compat.pysnn.neuron import ...`; the modules
`connection`, `learning`, `network`, `encoding`, `datasets`, `functional`, `file_io` and `utils`
have the names that they have there. State lives on the modules, and is changed in place, as there.

What is different, on purpose:

- Delays. Any number of spikes is on the way in one synapse, and each arrives; there, a second one
  delays the first. Traces travel with the spikes; there they arrive at once. `connection.delay` is
  the delay of each synapse. A refractory period need not be as long as the delay.
- Convolutions. Potentials and traces `[B, O, H, W, R]` belong to their place in the image; there
  they are mixed up among places and kernel. Pooling takes each trace from its own image.
- Potentials know their sum over R, which is a matrix product, and compute the single products
  when somebody looks at them, see `connection.Potentials`. With one delay for all synapses,
  `connection.spikes` and `trace` are views that repeat what arrives for each output.
- Any number of free dimensions F, `[B, F, I]`. Every neuron takes `(potentials, trace)` as well.
- The threshold of `AdaptiveLIFNeuron` falls back to `thresh`; there to 0. Refractory periods are
  counted in whole steps, so that they end for any `dt`.
- Learning rules take a reward per sample, and bounds `low`, `high`; they see layers as they are,
  also after `.to()`. Convolutions learn. `MSTDPET.reset_state` forgets. `FedeSTDP` leaves a layer
  alone whose traces are all 0, whose weights become NaN there.
- `reset_state()` of a network passes by modules that have none, and forgets what is on the way.
- What modules return does not change with the next step. `state_dict()` has no state in it; PySNN's
  own checkpoints load.
- `PoissonEncoder` draws Poisson trains; there the intervals are Poisson numbers, so that trains
  are almost regular. What draws at random takes a `generator`.
- A sample of `NeuromorphicDataset` holds no events of the sample before. Files are listed in order,
  and as pairs; pandas and scikit-learn are not needed. `DiscretizeFloat` rounds. Files of events
  can be written. `BooleanNoise` leaves the data as they are.

What stays: delays count steps, not `dt`. Traces hold the spikes of the step when rules look at
them. After a spike, a neuron pauses for `duration_refrac` and can fire in the step after that.

`SpikingModule` and `OnlineSTDP` are names of versions after 0.1.1.
"""

from spikeloom.compat.pysnn.connection import Connection as Connection
from spikeloom.compat.pysnn.network import SNNNetwork as SNNNetwork
from spikeloom.compat.pysnn.neuron import BaseNeuron as Neuron

__all__ = ["Connection", "Neuron", "SNNNetwork"]
