"""Compiled kernels on disk: used again, private, never trusted when damaged, never required."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from spikeloom.engine import cache, machine, unroll
from spikeloom.engine.emit_llvm import forward
from spikeloom.engine.llvm_loops import Layout
from spikeloom.engine.plan import Need, make_plan
from spikeloom.engine.trace import trace

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "kernels"
    monkeypatch.setenv("SPIKELOOM_CACHE", str(path))
    monkeypatch.setattr(cache, "_memory", {})
    return path


@pytest.fixture
def compilations(monkeypatch):
    """How often the compiler ran."""
    calls = []
    plain = machine.compile_object

    def counted(source):
        calls.append(source)
        return plain(source)

    monkeypatch.setattr(machine, "compile_object", counted)
    return calls


def kernel():
    graph = trace(lambda x, v: (x + v, x * v), 1, 1, 0, torch.float32)
    plan = make_plan(graph, Need((False,), (False,), ()))
    return forward(plan, Layout(torch.float32, ()), train=False)


def test_a_kernel_is_compiled_once_and_then_read(folder, compilations, monkeypatch):
    cache.get(kernel())
    cache.get(kernel())
    assert len(compilations) == 1
    monkeypatch.setattr(cache, "_memory", {})  # as in a new process
    cache.get(kernel())
    assert len(compilations) == 1
    assert len(list(folder.glob("*.o"))) == 1


@posix
def test_the_folder_is_private(folder):
    cache.get(kernel())
    assert folder.stat().st_mode & 0o777 == 0o700


@posix
def test_a_folder_open_to_others_is_not_used(folder, compilations, monkeypatch):
    folder.mkdir()
    folder.chmod(0o777)
    cache.get(kernel())
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(cache, "_memory", {})
    cache.get(kernel())
    assert len(compilations) == 2


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "not an object"])
def test_a_damaged_file_is_made_anew(folder, compilations, monkeypatch, damage):
    cache.get(kernel())
    (path,) = folder.glob("*.o")
    good = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(good[:-10])
    elif damage == "changed":
        path.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(os.urandom(500))
    monkeypatch.setattr(cache, "_memory", {})
    compiled = cache.get(kernel())
    assert callable(compiled)
    assert len(compilations) == 2
    assert path.read_bytes() == good


def test_without_a_folder_kernels_live_in_memory(compilations, monkeypatch, tmp_path):
    for value in ("", str(tmp_path / "file" / "inside")):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("SPIKELOOM_CACHE", value)
        monkeypatch.setattr(cache, "_memory", {})
        cache.get(kernel())
    assert len(compilations) == 2


@posix
@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_costs_nothing_but_time(folder):
    folder.mkdir(mode=0o500)
    assert callable(cache.get(kernel()))


def test_a_full_disk_leaves_no_file(folder, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    assert callable(cache.get(kernel()))
    monkeypatch.undo()
    assert list(folder.iterdir()) == []


def test_many_threads_on_a_cold_kernel_compile_it_once(folder, compilations):
    results = []
    start = threading.Barrier(8)

    def work():
        start.wait()
        results.append(cache.get(kernel()))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(compilations) == 1
    assert len(set(map(id, results))) == 1


SCRIPT = """
import sys, torch
from spikeloom.engine import machine, unroll
plain, calls = machine.compile_object, []
machine.compile_object = lambda source: calls.append(1) or plain(source)
x = torch.ones(4, 2, 3, requires_grad=True)
out, _ = unroll(lambda x, v: (x * v, 0.5 * v + x), x, (torch.ones(()),))
out.sum().backward()
print(len(calls), float(x.grad.sum()))
"""


def test_processes_share_the_folder(folder):
    env = {**os.environ, "SPIKELOOM_CACHE": str(folder)}
    env["PYTHONPATH"] = str(Path(__file__).parents[2] / "src")

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT], env=env, stdout=subprocess.PIPE, text=True
        )

    together = [start() for _ in range(3)]
    first = [p.communicate(timeout=120)[0].split() for p in together]
    assert all(p.returncode == 0 for p in together)
    count, total = start().communicate(timeout=120)[0].split()
    assert count == "0"  # everything came from disk
    assert {t for _, t in first} == {total}
    assert not list(folder.glob("*.tmp"))


def test_the_key_holds_the_values_and_not_the_text(folder, compilations):
    """Two closures of one text are two kernels."""
    x = torch.ones(2, 1, 3)
    for gain in (2.5, 3.5):
        out, _ = unroll(lambda x, v, gain=gain: (x * gain, v), x, (torch.zeros(()),))
        assert torch.equal(out, x * gain)
    assert len(compilations) == 2
