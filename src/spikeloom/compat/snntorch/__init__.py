"""snnTorch 1.0.0's interface over spikeloom: change `import snntorch` and the script runs.

    import spikeloom.compat.snntorch as snn
    from spikeloom.compat.snntorch import functional, spikegen, spikeplot, surrogate, utils

Names, argument orders, shapes, state handling, dynamics (the reset one step later, without a
gradient) and checkpoints are those of snnTorch; `fuse(net)` runs a network of one time step over
whole sequences in compiled kernels. What differs is what would be a fault to carry over:

State. `utils.reset(net)` reaches all layers of that network and no others. Modules are freed,
copied, saved and pickled like any other; a copy has a state of its own. A state of another batch
that is passed raises, unless it is zero or broadcasts; a call that fails changes nothing.
`RSynaptic` resets its spikes too, `SpikingNeuron.zeros` sets to zero.

Neurons. `reset_mechanism` can be changed, and is loaded. Whole numbers may be learned.
`reset_delay=False` also works in `RSynaptic` and with a graded factor of 0. Inhibition takes images
and the graded factor. `SLSTM` remembers whatever its sizes, `SConv2dLSTM` takes even kernels.
`Alpha(learn_alpha=True)`, `Lapicque(learn_beta=True)` and decays per neuron in `Lapicque` and
`LeakyParallel` work. `DeltaLeaky` is reset like the others. `StateLeaky` applies its graded factor
once, has no parameter that nobody uses, and costs no more for long runs; `LeakyParallel` is a loop
over neurons, not a matrix; `AssociativeLeaky` does not diverge. The weight of a one-to-one feedback
follows `.to()` when it is not learned. `GradedSpikes` scales neurons, not samples.

Gradients. `sigmoid` has no NaN, `LSO` works, spikes keep the dtype of the membrane. `SSO` and the
random encoders take a `generator`.

Functional. Classes and times: a silent sample is wrong, not class 0; negative target times are
kept; several spikes per neuron are found one by one; targets of other rates than 1 and 0, and of
latency with their levels, have the shape `[T, B, C]`; `from_one_hot` gives the classes back. Class
weights work in every loss. `probe` monitors take `pre_forward=True`; `STDPLearner.reset` forgets.
`backprop` takes any criterion and any mix of neurons.

NIR. The reset survives a round trip, spike for spike; what NIR cannot say is refused.

What stays: a decay outside [0, 1] is clamped and has no gradient there; the decay of `StateLeaky`
is `exp(beta - 1)`, that of `Lapicque` is Euler's; `triangular` and `SFS` are as they were. Out of
scope are the IPU build and the data sets of `spikevision`.

>>> import torch
>>> lif = Leaky(beta=0.9, init_hidden=True)
>>> tuple(lif(torch.rand(2, 3)).shape)
(2, 3)
"""

from spikeloom.compat.snntorch import surrogate as surrogate
from spikeloom.compat.snntorch.fused import fuse as fuse
from spikeloom.compat.snntorch.layers import BatchNormTT1d as BatchNormTT1d
from spikeloom.compat.snntorch.layers import BatchNormTT2d as BatchNormTT2d
from spikeloom.compat.snntorch.layers import GradedSpikes as GradedSpikes
from spikeloom.compat.snntorch.layers import SynapticDelay as SynapticDelay
from spikeloom.compat.snntorch.neurons import LIF as LIF
from spikeloom.compat.snntorch.neurons import SLSTM as SLSTM
from spikeloom.compat.snntorch.neurons import Alpha as Alpha
from spikeloom.compat.snntorch.neurons import AssociativeLeaky as AssociativeLeaky
from spikeloom.compat.snntorch.neurons import DeltaLeaky as DeltaLeaky
from spikeloom.compat.snntorch.neurons import Lapicque as Lapicque
from spikeloom.compat.snntorch.neurons import Leaky as Leaky
from spikeloom.compat.snntorch.neurons import LeakyParallel as LeakyParallel
from spikeloom.compat.snntorch.neurons import LinearLeaky as LinearLeaky
from spikeloom.compat.snntorch.neurons import RLeaky as RLeaky
from spikeloom.compat.snntorch.neurons import RSynaptic as RSynaptic
from spikeloom.compat.snntorch.neurons import SConv2dLSTM as SConv2dLSTM
from spikeloom.compat.snntorch.neurons import SpikingNeuron as SpikingNeuron
from spikeloom.compat.snntorch.neurons import StateLeaky as StateLeaky
from spikeloom.compat.snntorch.neurons import Synaptic as Synaptic

__version__ = "1.0.0"
"""Of the interface."""
