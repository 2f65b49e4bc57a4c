import numpy as np
import pytest
import torch

import spikeloom as sl


def test_few_have_lines_and_many_have_bands() -> None:
    few = sl.plot.history(torch.rand(5, 2, 3))
    assert len(few.lines) == 6 and not few.collections
    values = torch.arange(101.0).expand(3, 101) * torch.tensor([[1.0], [2.0], [3.0]])
    many = sl.plot.history(values, at=[10, 20, 40], label="threshold (mV)", x_label="images")
    at, middle = (np.asarray(axis).tolist() for axis in many.lines[0].get_data())
    assert at == [10, 20, 40] and middle == pytest.approx([50, 100, 150])
    outer, inner = (c.get_paths()[0].get_extents() for c in many.collections)
    assert (outer.y0, outer.y1, inner.y0, inner.y1) == pytest.approx((5, 285, 25, 225))
    assert (many.get_xlabel(), many.get_ylabel()) == ("images", "threshold (mV)")


def test_a_list_of_snapshots_is_taken() -> None:
    kept = [torch.rand(4) for _ in range(3)]
    lines = sl.plot.history(kept).lines
    ends = [float(np.asarray(line.get_ydata())[2]) for line in lines]
    assert ends == pytest.approx(kept[2].tolist())


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"at of shape \(2,\) for 3 rows"):
        sl.plot.history(torch.rand(3, 4), at=[0, 1])
    with pytest.raises(ValueError, match="nothing to draw"):
        sl.plot.history(torch.rand(0, 4))
