"""The command line: `spikeloom COMMAND [...]`.

Every module beside this one with a function `command(argv) -> exit code` is a command of the
module's name; the first line of that function's docstring says what it does. None imports torch
when it is imported, so that help and lists come at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from spikeloom import __version__

Command = Callable[[list[str]], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: The words after `spikeloom`; None takes those of this process.

    Returns:
        The exit code: 0 done, 1 failed or a promise broken, 2 not understood, 130 interrupted.
    """
    # torch's threads spin while they wait for each other; where the cores are shared with anything
    # else that makes small networks several times slower. Has to be said before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = list(sys.argv[1:] if argv is None else argv)
    known = commands()
    if not words or words[0] in ("-h", "--help"):
        print(_help(known))
        return 0
    if words[0] in ("-V", "--version"):
        print(f"spikeloom {__version__}")
        return 0
    name, *rest = words
    if name not in known:
        print(f"error: {unknown('command', name, list(known))}", file=sys.stderr)
        return 2
    try:
        return known[name](rest)
    except KeyboardInterrupt as interrupt:
        print(f"\n{interrupt or 'Interrupted.'}", file=sys.stderr)
        return 130
    except (OSError, ValueError, FloatingPointError) as error:
        if os.environ.get("SPIKELOOM_TRACEBACK"):
            raise
        print(f"error: {error}", file=sys.stderr)
        print("(SPIKELOOM_TRACEBACK=1 shows where it arose.)", file=sys.stderr)
        return 1


def commands() -> dict[str, Command]:
    """All commands by name."""
    package = import_module("spikeloom.cli")
    names = [module.name for module in iter_modules(package.__path__)]
    modules = [import_module(f"{package.__name__}.{name}") for name in names]
    return {
        name: module.command
        for name, module in zip(names, modules, strict=True)
        if hasattr(module, "command")
    }


def unknown(kind: str, got: str, known: Sequence[str]) -> str:
    """What to say to a name that does not exist.

    Args:
        kind: Of what, such as `"recipe"`.
        got: The name.
        known: The names that exist.

    Returns:
        A sentence with the nearest name, or with all of them.
    """
    near = get_close_matches(got, known, n=1, cutoff=0.5)
    cure = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    return f"there is no {kind} {got!r}. {cure}"


def _help(known: dict[str, Command]) -> str:
    width = max(map(len, known))
    lines = [f"  {name:<{width}}  {summary(command)}" for name, command in known.items()]
    return "\n".join(
        [
            f"spikeloom {__version__}: spiking neural networks in PyTorch",
            "",
            "usage: spikeloom COMMAND [--option value ...]",
            "",
            *lines,
            "",
            "`spikeloom COMMAND --help` tells more; begin with `spikeloom run quickstart`.",
        ]
    )


def summary(command: Command) -> str:
    """The first line of a command's docstring."""
    return (command.__doc__ or "").strip().partition("\n")[0]
