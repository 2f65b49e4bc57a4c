"""Readers of data sets: plain tensors, no torchvision, no pickle.

`digits` and `iris` come with the package; `mnist`, `fashion_mnist` and `cifar10` are found or
downloaded. `yin_yang` is drawn on the spot. `crop_randomly`, `flip_randomly` and `standardise` are
for batches of images.
Events: `synthetic_events` and `synthetic_spikes` are made on the spot, `nmnist`, `dvs_gesture` and
`shd` read files that you have, and `EventBatches` makes frames of them or of Tonic's data sets.
Sources and licences of what the package contains are in ``SOURCES.md`` beside this file.
"""

from spikeloom.data.aedat import read_aedat as read_aedat
from spikeloom.data.augment import drop_events as drop_events
from spikeloom.data.augment import flip_events as flip_events
from spikeloom.data.augment import jitter_time as jitter_time
from spikeloom.data.batches import Batches as Batches
from spikeloom.data.cifar import CIFAR10_CLASSES as CIFAR10_CLASSES
from spikeloom.data.cifar import cifar10 as cifar10
from spikeloom.data.dvs_gesture import dvs_gesture as dvs_gesture
from spikeloom.data.embedded import digits as digits
from spikeloom.data.embedded import iris as iris
from spikeloom.data.event_batches import EventBatches as EventBatches
from spikeloom.data.events import EventSet as EventSet
from spikeloom.data.events import make_events as make_events
from spikeloom.data.events import read_events as read_events
from spikeloom.data.idx import read_idx as read_idx
from spikeloom.data.images import crop_randomly as crop_randomly
from spikeloom.data.images import flip_randomly as flip_randomly
from spikeloom.data.images import standardise as standardise
from spikeloom.data.mnist import fashion_mnist as fashion_mnist
from spikeloom.data.mnist import mnist as mnist
from spikeloom.data.nmnist import nmnist as nmnist
from spikeloom.data.nmnist import read_nmnist as read_nmnist
from spikeloom.data.shd import shd as shd
from spikeloom.data.synthetic import synthetic_events as synthetic_events
from spikeloom.data.synthetic import synthetic_spikes as synthetic_spikes
from spikeloom.data.yin_yang import yin_yang as yin_yang
