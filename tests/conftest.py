import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: the cores are shared
if "PYTEST_XDIST_WORKER" in os.environ:  # before torch: a process for each core
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "agg"  # before matplotlib: no test opens a window

import pytest
import torch
from hypothesis import settings

if not torch.cuda.is_available():  # before triton is imported: its kernels are then interpreted
    os.environ.setdefault("TRITON_INTERPRET", "1")

settings.register_profile("shared", deadline=None)  # other work on the machine is no failure
settings.load_profile("shared")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same random state, in any order and alone."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder that holds MNIST/raw; a test that asks for it is skipped where there is none."""
    folder = Path(os.environ.get("SPIKELOOM_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "MNIST" / "raw").is_dir():
        pytest.skip(f"no MNIST/raw in {folder}: set SPIKELOOM_DATA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def cifar10_dir(data_dir: Path) -> Path:
    """The same folder, if it holds cifar10 too; a test that asks for it is skipped without."""
    if not (data_dir / "cifar10").is_dir():
        pytest.skip(f"no cifar10 in {data_dir}")
    return data_dir


@pytest.fixture(scope="session")
def manuals() -> Path:
    """The folder of the older libraries' manuals; a test that asks for it is skipped without."""
    folder = ROOT.parent / "shared" / "reference" / "manuals"
    if not folder.is_dir():
        pytest.skip("the manuals of the older libraries are not beside this repository")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "data_dir" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.data)
