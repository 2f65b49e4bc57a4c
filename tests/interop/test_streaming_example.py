"""The streaming example answers as the network does on the whole sequence."""

import importlib.util
import io
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl

SERVE = Path(__file__).resolve().parents[2] / "examples" / "streaming" / "serve.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve", SERVE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_answers_are_those_of_the_whole_sequence(example: ModuleType) -> None:
    net = sl.Sequential(nn.Linear(6, 8), sl.LIF(), nn.Linear(8, 3), sl.LI()).eval()
    x, sink = 3 * torch.rand(50, 1, 6), io.BytesIO()
    example.warm_up(net, 6)
    assert example.serve(net, 6, io.BytesIO(x.numpy().tobytes()), sink) == 50
    got = torch.frombuffer(bytearray(sink.getvalue()), dtype=torch.float32).view(50, 1, 3)
    with torch.no_grad():
        want, _ = net(x)
    torch.testing.assert_close(got, want)
    assert got.abs().max() > 0


STATM = Path("/proc/self/statm")


class Frames(io.RawIOBase):
    """So many frames out of nowhere; takes the answers; looks at the resident memory."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.answered = 0
        self.pages: list[int] = []

    def readinto(self, buffer: Any) -> int:
        if self.answered == self.count:
            return 0
        buffer[:4] = (self.answered % 251).to_bytes(4, "little")
        return len(buffer)

    def write(self, answer: Any) -> int:
        self.answered += 1
        if self.answered % (self.count // 10) == 0:
            self.pages.append(int(STATM.read_text().split()[1]))
        return len(answer)


@pytest.mark.skipif(not STATM.exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("frames", [3_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_stays_flat(example: ModuleType, frames: int) -> None:
    net = sl.Sequential(nn.Linear(6, 8), sl.LIF(), nn.Linear(8, 3), sl.LI()).eval()
    stream: Any = Frames(frames)
    example.warm_up(net, 6)
    assert example.serve(net, 6, stream, stream) == frames and len(stream.pages) == 10
    assert max(stream.pages) - stream.pages[0] < 256, stream.pages  # a mebibyte


def test_half_a_frame_is_an_error(example: ModuleType) -> None:
    with pytest.raises(ValueError, match="ended within a frame, after 5 of 16 bytes"):
        example.serve(sl.Sequential(sl.LIF()), 4, io.BytesIO(bytes(21)), io.BytesIO())
