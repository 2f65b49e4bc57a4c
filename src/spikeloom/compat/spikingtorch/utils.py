"""spikingtorch.utils: the old library's name, kept for imports; no code is here."""

from spikeloom.compat.spikingtorch.clipping import Clipper as Clipper
from spikeloom.compat.spikingtorch.clipping import ClippingNet as ClippingNet
