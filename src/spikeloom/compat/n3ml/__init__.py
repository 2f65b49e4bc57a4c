"""n3ml's interface over spikeloom: change `import n3ml` and the script runs.

    from spikeloom.compat import n3ml                        # was: import n3ml.model, n3ml.encoder
    from spikeloom.compat.n3ml.model import DiehlAndCook2015   # was: from n3ml.model import ...

Modules, names, argument orders and shapes are those of n3ml's manual; times are in milliseconds.
`label` and `loss` hold what the scripts of the manual define themselves: `LabelEncoder`,
`label_encoder`, `mse`, `accuracy`; so does `visualizer.Plot`. What differs, on purpose:

Everywhere. Nothing needs a GPU, a fixed batch size or one sample at a time; encoders and networks
take a `generator`.

Networks. `run` and `update` are carried out when somebody looks at a result, many steps at once in
a compiled loop. Thresholds rise where `update` follows, and fall with a time constant of 1e7 ms;
while a neuron is refractory its membrane rests. `update` takes a reward, for `learning.RSTDP`;
`LearningRule` returns a rule of `sl.plasticity`. `ConvSynapse` works. A checkpoint holds weights
and thresholds (`xe.w`, `exc.theta`), no spikes and no constants.

STDP. `DiehlAndCook2015` learns by the rule that the manual prints, and starts normalised; the
depression of `PostPre` is not switched off. It is driven by current jumps, as n3ml's is: the
network of the paper, with conductances and repeated presentations, is `sl.models.DiehlAndCook2015`.

Conversion. Thresholds are ratios of activations. Spike-Norm starts each layer from rest, uses as
many images as it is asked for and its `scaling_factor`; pixels above 1 are not cut off. A neuron at
its threshold fires, and only then is reset. `VGG16` takes the sizes of `sl.models.VGG16`.

SpikeProp. Spike times are exact, not those of a grid. Receptive fields cover both ends; delays are
1, 2, ... ms; weights may become negative; errors of hidden neurons are those of the weights before
the step. `IRISDataLoader.run` returns the same parts always, so that no test flower is learned.

BP-STDP. Spikes are forgotten with the membranes; errors of classes do not cancel in `mse`, ties are
shared out in `accuracy`, the teacher always fires.

STBP. `Wu2018` takes both ways of saying how long. Leave out the `x * 32` of the manual: it makes
all grey levels 1. Soft LIF networks can spike: `Hunsberger2015.spiking()`.

Out of scope are what the manual does not mention: NEF, ReSuMe (`sl.plasticity.PES`,
`sl.spiketime.ReSuMe`), MNIST and CIFAR loaders, the files for FPGAs and Loihi (see NIR).
"""

from spikeloom.compat.n3ml import connection as connection
from spikeloom.compat.n3ml import data as data
from spikeloom.compat.n3ml import encoder as encoder
from spikeloom.compat.n3ml import label as label
from spikeloom.compat.n3ml import layer as layer
from spikeloom.compat.n3ml import learning as learning
from spikeloom.compat.n3ml import loss as loss
from spikeloom.compat.n3ml import model as model
from spikeloom.compat.n3ml import network as network
from spikeloom.compat.n3ml import optimizer as optimizer
from spikeloom.compat.n3ml import population as population
from spikeloom.compat.n3ml import threshold as threshold
from spikeloom.compat.n3ml import visualizer as visualizer
