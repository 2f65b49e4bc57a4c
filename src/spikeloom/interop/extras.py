"""Packages that an extra brings, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def extra_package(name: str, extra: str, why: str) -> Any:
    """A package of an extra.

    Args:
        name: Of the package, as it is imported.
        extra: Which extra of spikeloom brings it.
        why: What it is needed for, for the message.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed; the message says how to install it.

    Example:
        >>> extra_package("numpy", "nir", "arrays are its objects").__name__
        'numpy'
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"the package {name!r} is not installed: {why}. Install it: "
            f"pip install 'spikeloom[{extra}]'"
        ) from error
