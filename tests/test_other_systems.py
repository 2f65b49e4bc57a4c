"""What only some systems have is asked for before it is used: Linux, played without it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src" / "spikeloom"
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}
GUARDED = {"getuid", "geteuid", "fork", "register_at_fork", "sysconf", "getloadavg", "uname"}
GUARDED |= {"sched_getaffinity", "mkfifo", "killpg", "setsid", "chown", "symlink", "link"}


def test_what_a_system_may_lack_is_used_where_its_lack_is_handled() -> None:
    """No import of POSIX alone; `hasattr(os, name)` in the file, or an `except` that knows."""
    for file in SRC.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        handled = {name for name in GUARDED if f'hasattr(os, "{name}")' in text}
        handled |= GUARDED if "except (AttributeError" in text else set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert not POSIX_MODULES & {a.name for a in node.names}, file
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in POSIX_MODULES, file
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
                assert node.attr not in GUARDED - handled, f"{file}:{node.lineno} os.{node.attr}"


# Windows lacks all of these, macOS /proc and huge pages. torch and llvmlite are loaded before, and
# think that they are where they are.
WITHOUT = """
import mmap, os, pathlib, sys
import llvmlite.binding, torch
for name in ("fork", "register_at_fork", "getuid", "geteuid", "getloadavg", "sysconf", "uname"):
    delattr(os, name)
delattr(os, "sched_getaffinity")
for name in ("MAP_ANONYMOUS", "MAP_PRIVATE", "MADV_HUGEPAGE"):
    delattr(mmap, name)
plain, there = mmap.mmap, pathlib.Path.exists
mmap.mmap = lambda fileno, size: plain(fileno, size)  # Windows takes no flags
pathlib.Path.exists = lambda path: not str(path).startswith("/proc") and there(path)
for name in ("resource", "pwd", "grp", "termios"):  # filelock has its own way around fcntl
    sys.modules[name] = None

import spikeloom as sl
from torch import nn
from spikeloom.bench import machine
from spikeloom.cli import main
from spikeloom.engine import memory
from spikeloom.train.environment import environment

net = sl.Sequential(nn.Linear(64, 512), sl.LIF(), nn.Linear(512, 3), sl.LI())
x = torch.rand(60, 16, 64)
torch.set_num_threads(2)  # blocks of mebibytes, and threads
out, _ = net(x)
out.sum().backward()
assert net[0].weight.grad.abs().sum() > 0 and memory.POOL._peak > 1 << 20
sl.interop.save(net, sys.argv[1] + "/net")
twin, _ = sl.interop.load(sys.argv[1] + "/net")
assert torch.equal(twin(x)[0], net(x)[0])
assert environment()["cpu"] is not None
assert machine.describe()["memory_gib"] is None
assert len(list(pathlib.Path(os.environ["SPIKELOOM_CACHE"]).glob("*.o"))) >= 4
raise SystemExit(main(["doctor"]))
"""


def test_a_network_learns_without_what_windows_lacks(tmp_path: Path) -> None:
    env = {**os.environ, "SPIKELOOM_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(SRC.parent)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT, str(tmp_path)],
        env=env, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "cpu        cpu          agrees with the reference" in done.stdout
