"""Structured assembly as a Python function: arguments by name, arrays as tensors."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping
from typing import Any

import torch

from spikeloom.engine import cache
from spikeloom.engine.code import INT, Code
from spikeloom.engine.llvm_loops import Kernel


class Function:
    """A function `(lo, hi, **arguments)` under construction; `code` is its body.

    Args:
        name: Of the function.
        arguments: What each argument is, by name: a dtype for an array, `"i64"` or `"double"` for
            a number.

    Example:
        >>> kernel = Function("scale", {"x": torch.float64, "by": "double"})
        >>> x, by = kernel.given["x"], kernel.given["by"]
        >>> with kernel.code.loop(kernel.hi, kernel.lo) as i:
        ...     x[i] = x[i] * by
        >>> values = torch.arange(4.0, dtype=torch.float64)
        >>> kernel.compiled()(1, 3, x=values, by=10.0)
        >>> values.tolist()
        [0.0, 10.0, 20.0, 3.0]
    """

    def __init__(self, name: str, arguments: Mapping[str, torch.dtype | str]) -> None:
        self.code = Code(name)
        self.lo, self.hi = self.code.args[:2]
        self.kinds = dict(arguments)
        self.given: dict[str, Any] = {
            word: self.code.array(kind) if isinstance(kind, torch.dtype) else self.code.number(kind)
            for word, kind in self.kinds.items()
        }

    def compiled(self) -> Callable[..., None]:
        """Compile it.

        Returns:
            What runs it on `lo ... hi - 1`. It looks at nothing: the tensors have to be
            contiguous, of the dtypes given, and as large as the function takes them to be.
            Arguments that it does not have are ignored.
        """
        machine_code = cache.get(Kernel(self.code.name, self.code.source(), ()))
        kinds = self.kinds

        def run(lo: int, hi: int, **given: Any) -> None:
            words = [_word(given[name], kind) for name, kind in kinds.items()]
            table = (ctypes.c_int64 * len(words))(*words)
            machine_code(lo, hi, 0, 0, ctypes.addressof(table))

        return run


def _word(value: Any, kind: torch.dtype | str) -> int:
    """An argument as the 64 bits that stand in the table."""
    if isinstance(kind, torch.dtype):
        return value.data_ptr()
    return value if kind == INT else struct.unpack("q", struct.pack("d", value))[0]
