"""What conversion says when it cannot."""

from __future__ import annotations


def refuse(what: str, name: str, why: str, fix: str) -> ValueError:
    """The error for a part of a network that has no spiking counterpart.

    Args:
        what: Its kind, such as `GELU`.
        name: Where it is.
        why: The reason.
        fix: What to do.

    Returns:
        The error, to raise.
    """
    return ValueError(f"convert got {what} at {name!r}: {why}. {fix}.")
