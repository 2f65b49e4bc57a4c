"""spikingtorch 0.1.3 over spikeloom: change the import lines, and a script runs.

`from spikingtorch import ...` becomes `from spikeloom.compat.spikingtorch import ...`; the modules
`layers`, `spikeio` and `utils` have the names that they have there. Layers keep their state, as
there: this is the only place of spikeloom, beside the other packages of `compat`, where that is so.

What is different, on purpose:

- A membrane exactly at the threshold fires once; there it sends 0.5, for ever.
- `SpikingNet` starts every layer anew, also one that `init` was not handed to, and takes a number
  as `Nout`. After a call the layers hold no graph.
- Encoders keep time apart: `[N, F]` gives `[N, T, F]` and `[N, C, H, W]` gives `[N, T, C, H, W]`
  (there time and channels are mixed in one axis); images of one channel give `[N, T, H, W]` still.
- `PeriodicEncoder` keeps the remainder: 0.3 fires 3 times in 10 steps, not 2.
- Encoders take a `generator`.
"""

from spikeloom.compat.spikingtorch.layers import IF as IF
from spikeloom.compat.spikingtorch.layers import LIF as LIF
from spikeloom.compat.spikingtorch.layers import McPitts as McPitts
from spikeloom.compat.spikingtorch.spikingnet import SpikingNet as SpikingNet
from spikeloom.compat.spikingtorch.spikingnet import SpikingNetBase as SpikingNetBase
