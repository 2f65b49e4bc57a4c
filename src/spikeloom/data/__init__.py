"""Readers of data sets: plain tensors, no torchvision, no pickle.

`digits` and `iris` come with the package; `mnist` and `fashion_mnist` are found or downloaded.
Sources and licences of what the package contains are in ``SOURCES.md`` beside this file.
"""

from spikeloom.data.batches import Batches as Batches
from spikeloom.data.embedded import digits as digits
from spikeloom.data.embedded import iris as iris
from spikeloom.data.idx import read_idx as read_idx
from spikeloom.data.mnist import fashion_mnist as fashion_mnist
from spikeloom.data.mnist import mnist as mnist
