import io
import re

import pytest
import torch
from rich.console import Console

from spikeloom.train import progress


def test_plain_lines_where_there_is_no_terminal(train, capsys) -> None:
    train(epochs=2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    number = r"[\d.]+"
    assert re.fullmatch(
        rf"epoch 1/2  loss {number}  train {number} %  test {number} %  spikes {number}  "
        rf"[\d,]+ samples/s  \d+:\d\d left",
        lines[0],
    )
    assert "\x1b" not in "".join(lines)


def test_silence(train, capsys) -> None:
    train(epochs=1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(train, monkeypatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        progress,
        "Console",
        lambda **options: Console(file=screen, force_terminal=True, width=120, **options),
    )
    monkeypatch.setattr(progress.time, "monotonic", iter(range(10_000)).__next__)
    train(epochs=2, progress=True)
    shown = screen.getvalue()
    for word in ("epoch 1/2", "loss", "spikes", "samples/s", "ETA", "\x1b["):
        assert word in shown


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.2, "0:00"), (61, "1:01"), (3600, "1:00:00"), (3599.9, "1:00:00")]
)
def test_durations(seconds, written) -> None:
    assert progress._duration(seconds) == written


def test_a_network_without_spikes_has_no_rate(train, capsys) -> None:
    class Rates(torch.nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input)

    train(Rates(4, 3), epochs=1, progress="plain")
    assert "spikes" not in capsys.readouterr().out
