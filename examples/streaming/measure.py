"""How fast the streaming process answers, and whether its memory stays flat.

    python examples/streaming/measure.py --frames 1000000

Saves a small network (64 inputs, 32 LIF neurons, 10 integrators), starts `serve.py` on it, sends
one random frame after the other and waits for each answer; prints the distribution of the round
trips, the processor time that the process took per frame (which a busy machine does not change) and
its resident memory over the run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import spikeloom as sl

FEATURES, HIDDEN, CLASSES = 64, 32, 10


def resident(pid: int) -> float:
    """Resident memory of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise OSError(f"process {pid} has no memory: it ended.")


def processor_time(pid: int) -> float:
    """What a process has used of the processors, in seconds: waiting for them does not count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run the process, and print what was measured as JSON."""
    parser = argparse.ArgumentParser(description="Measure the streaming example.")
    parser.add_argument("--frames", type=int, default=20_000)
    args = parser.parse_args()
    torch.manual_seed(0)
    net = sl.Sequential(
        nn.Linear(FEATURES, HIDDEN), sl.LIF(beta=0.9), nn.Linear(HIDDEN, CLASSES), sl.LI(beta=0.9)
    )
    frames = np.random.default_rng(0).random((1000, FEATURES), dtype=np.float32)
    took = np.empty(args.frames)
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        sl.interop.save(net, folder, encoding={"features": FEATURES})
        command = [sys.executable, str(Path(__file__).with_name("serve.py")), folder]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert server.stdin is not None and server.stdout is not None
        used = 0.0
        every = max(1, args.frames // 10)
        for i in range(args.frames):
            frame = frames[i % len(frames)].tobytes()
            start = time.perf_counter()
            server.stdin.write(frame)
            answer = server.stdout.read(4 * CLASSES)
            took[i] = time.perf_counter() - start
            if len(answer) != 4 * CLASSES:
                raise OSError(f"the process ended after {i} frames.")
            if i == 1000:
                used = processor_time(server.pid)
            if i % every == every - 1 or i == 1000:
                memory.append(round(resident(server.pid), 1))
        used = (processor_time(server.pid) - used) / max(1, args.frames - 1001)
        server.stdin.close()
        server.wait()
    microseconds = 1e6 * took[min(1000, args.frames // 2) :]
    found = {
        f"p{q}_us": round(float(np.percentile(microseconds, q)), 1) for q in (50, 90, 99, 99.9)
    }
    found["max_us"] = round(float(microseconds.max()), 1)
    found["processor_us"] = round(1e6 * used, 1)
    found["under_1_ms"] = round(float((microseconds < 1000).mean()), 6)
    print(json.dumps({"frames": args.frames, **found, "resident_MB": memory}))


if __name__ == "__main__":
    main()
