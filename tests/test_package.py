"""What users install: both archives hold what they must and work where nothing else of us is."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE_DATA = ["py.typed", "data/digits.csv.gz", "data/iris.csv", "data/SOURCES.md"]
SMOKE = """
import importlib.metadata, pathlib, sys
import spikeloom
from spikeloom.data import digits, iris
print(pathlib.Path(spikeloom.__file__).is_relative_to(sys.prefix))
print(spikeloom.__version__ == importlib.metadata.version("spikeloom"))
print(*digits()[0].shape, *iris()[0].shape)
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> dict[str, Path]:
    """The sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def test_wheel_holds_the_package_and_nothing_else(archives):
    source = {
        f"spikeloom/{path.relative_to(ROOT / 'src' / 'spikeloom').as_posix()}"
        for path in (ROOT / "src" / "spikeloom").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {f"spikeloom/{name}" for name in PACKAGE_DATA} <= source
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        held = set(wheel.namelist())
    assert {name for name in held if ".dist-info/" not in name} == source
    assert archives["wheel"].name.endswith("-py3-none-any.whl")
    assert archives["wheel"].stat().st_size < 1_500_000


def test_metadata(archives):
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(wheel.read(name))
        entry_points = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
        licence = wheel.read(name.replace("METADATA", "licenses/LICENSE")).decode()
    assert metadata["Name"] == "spikeloom"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in licence
    assert metadata["Requires-Python"] == ">=3.11"
    assert "spikeloom = spikeloom.cli:main" in entry_points
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    names = {line.split(">=")[0] for line in required}
    assert {"torch", "numpy", "safetensors", "tyro", "rich"} <= names
    assert not names & {"torchvision", "scikit-learn", "matplotlib"}
    assert not [line for line in required if "==" in line or "<" in line], "only lower bounds"
    assert {"plot", "nir", "onnx", "hub", "all"} <= set(metadata.get_all("Provides-Extra", []))


def test_sdist_holds_what_a_packager_needs(archives):
    with tarfile.open(archives["sdist"]) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = ["LICENSE", "README.md", "pyproject.toml", "constraints.txt", "Makefile"]
    wanted += ["tests/test_package.py", "tests/conftest.py", "scripts/setup_env.sh"]
    wanted += [f"src/spikeloom/{name}" for name in PACKAGE_DATA]
    assert set(wanted) <= held
    assert not [name for name in held if name.split("/")[0] in {".venv", ".git", "runs", "dist"}]


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_installs_into_an_empty_environment(archives, tmp_path, kind):
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env", cwd=tmp_path)
    scripts = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / "python"
    site_packages = Path(
        run(
            python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
        ).strip()
    )
    # torch and the other dependencies come from this environment, through a path file: nothing is
    # downloaded, and the path file that makes *this* environment's spikeloom importable is unread.
    parent = {path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}}
    lines = [sysconfig.get_path("purelib"), *sorted(parent)]
    (site_packages / "parent.pth").write_text("\n".join(dict.fromkeys(lines)) + "\n")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed", "--quiet"]
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(*pip, "install", *options, archives[kind], cwd=tmp_path)

    assert run(python, "-c", SMOKE, cwd=tmp_path).splitlines() == [
        "True",
        "True",
        "1797 1 8 8 150 4",
    ]
    assert "run" in run(scripts / "spikeloom", "--help", cwd=tmp_path)
