"""The Hugging Face Hub: saved networks sent there and fetched from there."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from spikeloom.interop.bundle import CONFIG, WEIGHTS, load, save
from spikeloom.interop.extras import extra_package


def push(net: nn.Module, repo: str, *, private: bool = False, api: Any = None, **about: Any) -> str:
    """Save a network and send it to the Hugging Face Hub.

    Args:
        net: The network.
        repo: Name there, `"user/name"`; made if it is not there.
        private: Make it for you alone, if it is made.
        api: A `huggingface_hub.HfApi`, with your token; None takes the one that you are logged in
            with.
        **about: Keywords of `save`: recipe, dt, encoding, promised, rebuild.

    Returns:
        The address of the commit.

    Raises:
        ImportError: If the extra is not installed: `pip install 'spikeloom[hub]'`.
        ValueError: If the network cannot be saved, see `save`.
    """
    api = _api(api)
    with tempfile.TemporaryDirectory() as folder:
        save(net, folder, **about)
        card = Path(folder, "README.md")
        card.write_text(_card(repo, about), encoding="utf-8")
        api.create_repo(repo, private=private, exist_ok=True)
        done = api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Save a network")
    return str(done)


def pull(
    repo: str, *, revision: str | None = None, net: nn.Module | None = None, api: Any = None
) -> tuple[nn.Module, dict[str, Any]]:
    """Fetch a network from the Hugging Face Hub; nothing that comes from there is run.

    Args:
        repo: Name there, `"user/name"`.
        revision: Branch, tag or commit; None is the newest.
        net: As for `load`.
        api: As for `push`.

    Returns:
        As `load`: the network, and what is said about it.

    Raises:
        ImportError: If the extra is not installed: `pip install 'spikeloom[hub]'`.
        ValueError: If it is no network that `save` wrote.
    """
    folder = _api(api).snapshot_download(repo, revision=revision, allow_patterns=[CONFIG, WEIGHTS])
    return load(folder, net=net)


def _api(api: Any) -> Any:
    if api is not None:
        return api
    return extra_package("huggingface_hub", "hub", "it speaks with the Hub").HfApi()


def _card(repo: str, about: Mapping[str, Any]) -> str:
    """The page that the Hub shows."""
    said = "".join(f"- {key}: {value}\n" for key, value in about.items() if key != "rebuild")
    return f"""---
library_name: spikeloom
tags: [spiking-neural-network]
---
# {repo}

```python
import spikeloom as sl
net, config = sl.interop.pull("{repo}")
```

{said}"""
