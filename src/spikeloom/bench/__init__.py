"""The benchmarks behind `spikeloom bench`: equality first, then speed and memory, as tables.

Nothing but the command line imports this package.
"""

from spikeloom.bench.markdown import document as document
from spikeloom.bench.options import Options as Options
from spikeloom.bench.suite import TABLES as TABLES
from spikeloom.bench.suite import Results as Results
from spikeloom.bench.suite import check_names as check_names
from spikeloom.bench.suite import measure as measure
from spikeloom.bench.terminal import draw as draw
from spikeloom.bench.write import write as write
