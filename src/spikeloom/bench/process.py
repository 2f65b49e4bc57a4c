"""Measurements that need a Python process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

_FRAME = """
import json, sys
args = json.loads(sys.argv[1])
{code}
print()
print(json.dumps(result))
"""


def run(code: str, *args: Any, env: Mapping[str, str] | None = None) -> Any:
    """Run code in a fresh process.

    Args:
        code: Statements that find their arguments in the list `args` and set `result` to something
            that JSON can hold. Nothing but `json` and `sys` is imported before them.
        *args: What JSON can hold.
        env: Environment variables to add.

    Returns:
        The result.

    Raises:
        RuntimeError: If the process failed; the message ends with what it wrote.

    Example:
        >>> run("result = args[0] + args[1]", 2, 3)
        5
    """
    done = subprocess.run(
        [sys.executable, "-c", _FRAME.format(code=code), json.dumps(args)],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"a measurement ended with code {done.returncode} in a process of its own, so it has "
            f"no figure. Read what it wrote:\n{done.stderr.strip()[-2000:]}"
        )
    return json.loads(done.stdout.strip().rpartition("\n")[2])
