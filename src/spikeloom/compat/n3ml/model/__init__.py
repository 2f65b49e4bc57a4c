"""The networks that n3ml names."""

from spikeloom.compat.n3ml.model.bohte2002 import Bohte2002 as Bohte2002
from spikeloom.compat.n3ml.model.diehl2015 import Diehl2015 as Diehl2015
from spikeloom.compat.n3ml.model.diehl2015 import SNN_Diehl2015 as SNN_Diehl2015
from spikeloom.compat.n3ml.model.diehl2015 import SNN_IF_Diehl2015 as SNN_IF_Diehl2015
from spikeloom.compat.n3ml.model.diehl_and_cook import DiehlAndCook2015 as DiehlAndCook2015
from spikeloom.compat.n3ml.model.diehl_and_cook import (
    DiehlAndCook2015Infer as DiehlAndCook2015Infer,
)
from spikeloom.compat.n3ml.model.hunsberger2015 import Hunsberger2015 as Hunsberger2015
from spikeloom.compat.n3ml.model.tavanaei_and_maida import (
    TavanaeiAndMaida2017 as TavanaeiAndMaida2017,
)
from spikeloom.compat.n3ml.model.tavanaei_and_maida import (
    TravanaeiAndMaida2017 as TravanaeiAndMaida2017,
)
from spikeloom.compat.n3ml.model.vgg16 import SVGG16 as SVGG16
from spikeloom.compat.n3ml.model.vgg16 import VGG16 as VGG16
from spikeloom.compat.n3ml.model.wu2018 import Wu2018 as Wu2018
from spikeloom.models import Ho2013 as Ho2013
