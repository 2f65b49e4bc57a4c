"""The order of the house: a file imports only from its own layer and the layers above it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "spikeloom"
LAYERS = (
    {"surrogate", "reset", "spikes", "firing", "discretise"},
    {"engine"},
    {"neurons"},
    {"nn"},
    {"init"},
    {"encode", "decode", "loss", "metric"},
    {"plasticity"},
    {"spiketime"},
    {"diagnose"},
    {"conversion"},
    {"data"},
    {"models"},
    {"interop"},
    {"train"},
    {"plot"},
    {"recipes"},
    {"bench"},
    {"cli"},
    {"compat"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# These stand below everything that the public face re-exports, so they may use it as users do.
USERS_OF_THE_FACE = {"recipes", "cli", "compat"}


def imported_modules(source: str, module: str, is_package: bool) -> set[str]:
    """Dotted names under spikeloom that a file imports, wherever in the file it does so."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else []
            origin = [*origin, *(node.module.split(".") if node.module else [])]
            names |= {".".join([*origin, alias.name]) for alias in node.names}
    return {name for name in names if name.split(".")[0] == "spikeloom"}


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """One line per import that goes against the order."""
    own = module.split(".")[1]
    found = []
    for name in sorted(imported_modules(source, module, is_package)):
        target = name.split(".")[1] if "." in name else ""
        if name == "spikeloom.__version__":
            continue
        if target not in RANK:
            if own not in USERS_OF_THE_FACE:
                found.append(f"{module} imports {name}: the public face, import the layer itself")
        elif target != own and target == "compat":
            found.append(f"{module} imports {name}: nothing may import compat")
        elif RANK[target] > RANK[own]:
            found.append(f"{module} imports {name}: a layer below {own}")
    return found


def files() -> list[tuple[Path, str]]:
    pairs = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        pairs.append((path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)))
    return pairs


def test_every_file_keeps_the_order():
    found = [
        line
        for path, module in files()
        if module not in {"spikeloom", "spikeloom.__main__"}
        for line in violations(path.read_text("utf-8"), module, path.name == "__init__.py")
    ]
    assert found == []


def test_everything_has_its_layer():
    tops = {module.split(".")[1] for _, module in files() if "." in module}
    assert len(tops) >= 5
    assert tops - set(RANK) <= {"__main__"}, "add it to LAYERS here and to docs/architecture.md"


@pytest.mark.parametrize(
    ("source", "module", "is_package", "wrong"),
    [
        ("from spikeloom.nn import Sequential", "spikeloom.neurons.lif", False, True),
        ("from ..nn.sequential import Sequential", "spikeloom.neurons.lif", False, True),
        ("from ..nn import Sequential", "spikeloom.neurons", True, True),
        ("from ..engine import unroll", "spikeloom.neurons", True, False),
        ("from .. import __version__", "spikeloom.train.loop", False, False),
        ("from ..neurons import LIF", "spikeloom.nn.recurrent", False, False),
        ("from .. import neurons", "spikeloom.nn.recurrent", False, False),
        ("from .. import recipes", "spikeloom.nn.recurrent", False, True),
        ("def late():\n    import spikeloom.train.loop", "spikeloom.nn.fold", False, True),
        ("from . import lif", "spikeloom.neurons", True, False),
        ("from .li import LI", "spikeloom.neurons.lif", False, False),
        ("from spikeloom.loss import rate_ce", "spikeloom.encode.rate", False, False),
        ("import spikeloom as sl", "spikeloom.recipes.quickstart", False, False),
        ("import spikeloom as sl", "spikeloom.nn.fold", False, True),
        ("from spikeloom import LIF", "spikeloom.train.loop", False, True),
        ("from spikeloom.compat import snntorch", "spikeloom.cli.run", False, True),
        ("import torch.nn\nfrom torch import nn", "spikeloom.surrogate", False, False),
    ],
)
def test_the_check_itself(source, module, is_package, wrong):
    assert bool(violations(source, module, is_package)) == wrong
