"""The table of code for snnTorch: every pair computes the same."""

import pytest

from spikeloom.bench import Options
from spikeloom.bench.compat import tables


@pytest.mark.peers
def test_every_row_is_checked_and_timed():
    pytest.importorskip("snntorch")
    (table,) = tables(Options(rounds=1, quick=True))
    assert [row.what for row in table.failed()] == []
    assert all("ratio" in row.figures for row in table.rows)
    assert {"quickstart, batch 1, fuse", "Leaky[1, 100], stepwise"} <= {r.what for r in table.rows}


def test_without_snntorch_a_reason_stands_instead(monkeypatch):
    monkeypatch.setattr("spikeloom.bench.compat.find_spec", lambda name: None)
    (table,) = tables(Options(rounds=1, quick=True))
    assert [(row.what, row.note) for row in table.rows] == [("snnTorch", "not installed")]
