"""Readers of data sets: plain tensors, no torchvision, no pickle.

`digits` and `iris` come with the package; `mnist` and `fashion_mnist` are found or downloaded.
Sources and licences of what the package contains are in ``SOURCES.md`` beside this file.
"""

from .batches import Batches as Batches
from .embedded import digits as digits
from .embedded import iris as iris
from .idx import read_idx as read_idx
from .mnist import fashion_mnist as fashion_mnist
from .mnist import mnist as mnist
