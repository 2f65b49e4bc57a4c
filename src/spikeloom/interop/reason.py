"""Errors of other packages, told in one line."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """What an error says, in one line without its full stop.

    Example:
        >>> first_line(ValueError("it is broken."))
        'it is broken'
        >>> first_line(KeyError())
        'KeyError'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def bottom(error: BaseException) -> BaseException:
    """The error that an error was raised from, as far down as that goes."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
