"""spikingtorch.utils: a module name of spikingtorch's, for imports."""

from spikeloom.compat.spikingtorch.clipping import Clipper as Clipper
from spikeloom.compat.spikingtorch.clipping import ClippingNet as ClippingNet
