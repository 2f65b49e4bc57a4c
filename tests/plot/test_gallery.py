"""The gallery shows what its script draws."""

import importlib.util
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gallery() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "scripts" / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes(gallery) -> None:
    written = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert written == gallery.page(), "run python scripts/gallery.py"
    assert "return" not in gallery.code(gallery.raster) and "sl.plot.raster(" in written


def test_every_picture_is_there_and_small(gallery) -> None:
    files = {path.name: path.stat().st_size for path in (ROOT / "docs" / "gallery").iterdir()}
    page = gallery.page()
    assert len(files) == len(gallery.PICTURES)
    for name, size in files.items():
        assert f"(gallery/{name})" in page
        assert size < (60_000 if name.endswith(".png") else 200_000), name
    assert sum(files.values()) < 650_000


def test_a_picture_is_drawn_by_the_code_that_is_shown(gallery, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for picture in (gallery.traces, gallery.animate):
        path = gallery.draw(picture)
        assert path.stat().st_size > 5000
