"""A process that answers every frame with what the network emits, its state handed on.

    python examples/streaming/serve.py FOLDER               # frames on stdin, answers on stdout
    python examples/streaming/serve.py FOLDER --port 7000   # the same over a socket of this machine

FOLDER holds a network that `sl.interop.save` wrote, with `encoding={"features": N}`. A frame is N
numbers of float32, one after the other in the byte order of the machine; an answer likewise, of the
outputs. Nothing else is sent, and the stream ends where a frame ends.
"""

from __future__ import annotations

import argparse
import gc
import socket
import sys
from typing import BinaryIO

import torch
from torch import nn

import spikeloom as sl


def serve(net: nn.Module, features: int, source: BinaryIO, sink: BinaryIO) -> int:
    """Answer frame by frame until the source ends.

    Args:
        net: Called as `net.step(x[1, features], state)`.
        features: Numbers per frame.
        source: Where the frames come from.
        sink: Where the answers go.

    Returns:
        How many frames were answered.

    Raises:
        ValueError: If the stream ends within a frame.
    """
    buffer = bytearray(4 * features)
    frame = torch.frombuffer(buffer, dtype=torch.float32).view(1, features)
    state, answered = None, 0
    with torch.inference_mode():
        while got := source.readinto(buffer):  # type: ignore[attr-defined]
            if got < len(buffer):
                raise ValueError(
                    f"the stream ended within a frame, after {got} of {len(buffer)} bytes: a frame "
                    f"is {features} numbers of float32. Send whole frames."
                )
            y, state = net.step(frame, state)  # type: ignore[operator]
            sink.write(y.numpy())
            sink.flush()
            answered += 1
    return answered


def main() -> None:
    """Load the network, and serve it."""
    parser = argparse.ArgumentParser(description="Answer a stream of frames with a network.")
    parser.add_argument("folder", help="what sl.interop.save wrote")
    parser.add_argument("--port", type=int, help="serve one client on 127.0.0.1, not stdin")
    args = parser.parse_args()
    torch.set_num_threads(1)  # one frame is too small to share
    net, config = sl.interop.load(args.folder)
    features = config["encoding"]["features"]
    warm_up(net, features)
    gc.freeze()  # the collector need not look at what stays: its pauses are the longest answers
    if args.port is None:
        serve(net, features, sys.stdin.buffer, sys.stdout.buffer)
        return
    with socket.create_server(("127.0.0.1", args.port)) as server:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as source, connection.makefile("wb") as sink:
            serve(net, features, source, sink)


def warm_up(net: nn.Module, features: int) -> None:
    """Run some frames for nothing, so that the first answer is not the slow one."""
    with torch.inference_mode():
        state = None
        for _ in range(20):
            _, state = net.step(torch.zeros(1, features), state)  # type: ignore[operator]


if __name__ == "__main__":
    main()
