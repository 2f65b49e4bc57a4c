"""Networks named in the literature, ready to train."""

from spikeloom.models.bohte2002 import Bohte2002 as Bohte2002
from spikeloom.models.cao2015 import Cao2015 as Cao2015
from spikeloom.models.diehl2015 import Diehl2015 as Diehl2015
from spikeloom.models.diehl_cook import DiehlAndCook2015 as DiehlAndCook2015
from spikeloom.models.ho2013 import Ho2013 as Ho2013
from spikeloom.models.hunsberger2015 import Hunsberger2015 as Hunsberger2015
from spikeloom.models.nowotny2025 import Nowotny2025 as Nowotny2025
from spikeloom.models.resnet20 import ResNet20 as ResNet20
from spikeloom.models.tavanaei_maida import TavanaeiAndMaida2017 as TavanaeiAndMaida2017
from spikeloom.models.vgg16 import VGG16 as VGG16
from spikeloom.models.weights import load_weights as load_weights
