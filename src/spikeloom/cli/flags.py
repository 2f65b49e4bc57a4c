"""Dataclasses as flags: one field, one `--flag`."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from typing import Any, TypeVar

import tyro

T = TypeVar("T")


def parse(kind: type[T], argv: list[str], *, prog: str, about: str) -> T:
    """Reads flags; `--help` and mistakes end the process, with exit code 0 and 2.

    Args:
        kind: A dataclass.
        argv: The words.
        prog: How the command is called, for messages.
        about: What it does, for `--help`.

    Returns:
        An instance.
    """
    return tyro.cli(kind, args=argv, prog=prog, description=about)


def parse_together(
    defaults: dict[str, Any], argv: list[str], *, prog: str, about: str
) -> dict[str, Any]:
    """Reads the flags of several dataclasses at once, none with a prefix.

    Args:
        defaults: Instances by the title of their group in `--help`.
        argv: The words.
        prog: How the command is called, for messages.
        about: What it does, for `--help`.

    Returns:
        Instances of the same classes by the same titles.
    """
    # A dataclass holds them together, because tyro would number the parts of a tuple.
    together = make_dataclass(
        "Flags",
        [(name, type(value), field(default=value)) for name, value in defaults.items()],
        frozen=True,
    )
    flags = parse(tyro.conf.OmitArgPrefixes[together], argv, prog=prog, about=about)
    return {name: getattr(flags, name) for name in defaults}
