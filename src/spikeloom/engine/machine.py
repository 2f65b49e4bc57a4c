"""LLVM assembly to machine code for this processor, through llvmlite.

Steps compile to a few hundred bytes in some tens of milliseconds. Everything here runs under one
lock (`cache.lock`); the compiled functions themselves run without it and without Python's.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from spikeloom.engine.graph import LIBM

Compiled = Callable[[int, int, int, int, int], None]
_PROTOTYPE = ctypes.CFUNCTYPE(
    None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
)
_loaded: list[Any] = []  # engines own the code: they live as long as the process


@cache
def target() -> Any:
    """The machine that code is made for."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=_features(), opt=3, reloc="pic", codemodel="default"
    )


def _features() -> str:
    try:
        return str(llvm.get_host_cpu_features().flatten())
    except RuntimeError:  # not every operating system tells
        return ""


@cache
def identity() -> str:
    """All that machine code depends on apart from its source."""
    version = ".".join(map(str, llvm.llvm_version_info))
    return (
        f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {_features()} "
        f"llvm {version} llvmlite {llvmlite.__version__}"
    )


def compile_object(source: str) -> bytes:
    """Assembly to an object file in memory."""
    machine = target()
    module = llvm.parse_assembly(source)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def load_object(code: bytes, name: str) -> Compiled:
    """Map an object file into memory and return its function.

    Raises:
        RuntimeError: If the object cannot be loaded.
    """
    empty = llvm.parse_assembly("")
    engine = llvm.create_mcjit_compiler(empty, target())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(name)
    if not address:
        raise RuntimeError(f"compiled object has no function {name}")
    _loaded.append(engine)
    return _PROTOTYPE(address)


@cache
def has_libm(name: str) -> bool:
    """Whether a function of the C library can be called; makes it known to the loader."""
    if name not in LIBM:
        return False
    for library in (None, ctypes.util.find_library("m"), "ucrtbase"):
        if library == "ucrtbase" and sys.platform != "win32":
            continue
        try:
            function = getattr(ctypes.CDLL(library), name)
        except (OSError, AttributeError, TypeError):
            continue
        address = ctypes.cast(function, ctypes.c_void_p).value
        if address:
            target()
            llvm.add_symbol(name, address)
            return True
    return False
