from collections.abc import Iterator

import matplotlib
import pytest
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def nothing_global_changes() -> Iterator[None]:
    """No picture changes matplotlib's settings or leaves a figure with pyplot."""
    before = matplotlib.rcParams.copy()
    yield
    assert matplotlib.rcParams == before
    assert not plt.get_fignums()
