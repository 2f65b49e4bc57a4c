"""PySNN's data sets and transforms."""

from spikeloom.compat.pysnn.datasets.boolean import AND as AND
from spikeloom.compat.pysnn.datasets.boolean import OR as OR
from spikeloom.compat.pysnn.datasets.boolean import XOR as XOR
from spikeloom.compat.pysnn.datasets.boolean import Boolean as Boolean
from spikeloom.compat.pysnn.datasets.neuromorphic import NeuromorphicDataset as NeuromorphicDataset
from spikeloom.compat.pysnn.datasets.neuromorphic import ncaltech_train_test as ncaltech_train_test
from spikeloom.compat.pysnn.datasets.neuromorphic import ncars_train_test as ncars_train_test
from spikeloom.compat.pysnn.datasets.neuromorphic import nmnist_train_test as nmnist_train_test
from spikeloom.compat.pysnn.datasets.neuromorphic import train_test as train_test
from spikeloom.compat.pysnn.datasets.transforms import BooleanNoise as BooleanNoise
from spikeloom.compat.pysnn.datasets.transforms import DiscretizeFloat as DiscretizeFloat
from spikeloom.compat.pysnn.datasets.transforms import Intensity as Intensity
