"""Layers of the networks that learn by their own optimizers."""

from spikeloom.compat.n3ml.layer.abstract import Layer as Layer
from spikeloom.compat.n3ml.layer.bohte import Bohte as Bohte
from spikeloom.compat.n3ml.layer.tavanaei_and_maida import TavanaeiAndMaida as TavanaeiAndMaida
from spikeloom.compat.n3ml.layer.tavanaei_and_maida import TravanaeiAndMaida as TravanaeiAndMaida
