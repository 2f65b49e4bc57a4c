"""The pages for users of other libraries: their code runs, agrees, and names what there is."""

import re
from pathlib import Path
from typing import Any

import pytest

import spikeloom as sl

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "coming-from"
# Page, what it needs to run both networks, and the share of spikes that may differ.
PAGES = {
    "spikingjelly": ("spikingjelly", 0.0),
    "norse": ("norse", 1e-3),
    "bindsnet": ("bindsnet", 1.0),
    "n3ml": ("spikeloom", 0.0),
    "pysnn": ("spikeloom", 0.0),
    "spikingtorch": ("spikeloom", 0.0),
}
every_page = pytest.mark.parametrize("page", PAGES)


def text(page: str) -> str:
    return (FOLDER / f"{page}.md").read_text(encoding="utf-8")


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text(page), flags=re.DOTALL)


@every_page
def test_the_code_of_ours_runs(page: str) -> None:
    needs, _ = PAGES[page]
    namespace: dict[str, Any] = {}
    for block in blocks(page):
        if needs == "spikeloom" or needs not in block:
            exec(compile(block, f"{page}.md", "exec"), namespace)
    assert "sl" in namespace


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("bindsnet", "n3ml")])
def test_before_and_after_agree(page: str) -> None:
    needs, most = PAGES[page]
    pytest.importorskip(needs)
    namespace: dict[str, Any] = {}
    for block in blocks(page):
        exec(compile(block, f"{page}.md", "exec"), namespace)
    there, here = (namespace[name].detach().float() for name in ("there", "here"))
    assert there.shape == here.shape and 0.005 < there.mean() < 0.98
    assert (there != here).float().mean() <= most


@every_page
def test_the_names_of_ours_are_there(page: str) -> None:
    named = sorted(set(re.findall(r"\bsl\.([a-zA-Z_][\w.]*\w)", text(page))))
    assert len(named) >= 4
    for name in named:
        value: Any = sl
        for part in name.split("."):
            value = getattr(value, part)
    from spikeloom import plasticity

    for name in re.findall(r"`plasticity\.(\w+)", text(page)):
        assert hasattr(plasticity, name), name


@every_page
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text(page)):
        assert (FOLDER / target).exists(), target
