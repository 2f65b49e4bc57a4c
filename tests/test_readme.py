"""The code in the README runs, and gives the shapes that its comments promise."""

from __future__ import annotations

import re
from pathlib import Path

import torch

README = Path(__file__).resolve().parent.parent / "README.md"
PROMISE = re.compile(r"^(?P<name>\w+)[,\w ]* = .*# \[(?P<shape>[\d, ]*)\]")


def test_the_code_runs_and_the_shapes_are_right():
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 2
    namespace: dict[str, object] = {}
    checked = 0
    for block in blocks:
        statement = ""
        for line in block.splitlines():
            statement += line + "\n"
            promise = PROMISE.match(line)
            if promise is None:
                continue
            exec(compile(statement, str(README), "exec"), namespace)
            statement = ""
            value = namespace[promise["name"]]
            assert isinstance(value, torch.Tensor)
            assert list(value.shape) == [int(n) for n in promise["shape"].split(",") if n.strip()]
            checked += 1
        exec(compile(statement, str(README), "exec"), namespace)
    assert checked == 6


def test_the_first_block_is_short():
    text = README.read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert block is not None
    assert len([line for line in block[1].splitlines() if line.strip()]) <= 16


def test_what_it_links_to_is_there():
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (README.parent / target).exists(), target
