"""The interfaces of older libraries over this one: change an import, and a script runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeloom.compat import n3ml as n3ml
    from spikeloom.compat import pysnn as pysnn
    from spikeloom.compat import snntorch as snntorch
    from spikeloom.compat import spikingtorch as spikingtorch


def __getattr__(name: str) -> Any:
    if name in ("n3ml", "pysnn", "snntorch", "spikingtorch"):
        return import_module(f"spikeloom.compat.{name}")
    raise AttributeError(f"module 'spikeloom.compat' has no attribute {name!r}")
