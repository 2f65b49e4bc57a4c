"""Results on disk: JSON for programs, Markdown for readers."""

from __future__ import annotations

from pathlib import Path

from spikeloom.bench import machine
from spikeloom.bench.markdown import document
from spikeloom.bench.suite import TABLES, Results
from spikeloom.train.atomic import write_json, write_text


def write(results: Results, folder: Path) -> list[Path]:
    """Write `<date>-<machine>.json` and `.md`; a file of the same name is replaced.

    The name of a run of some tables goes on with theirs, so that it replaces no full run.

    Args:
        results: Of a run.
        folder: Made if it is missing.

    Returns:
        The two files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    day = results.machine["date"].partition(" ")[0]
    words = [day, machine.slug(results.machine)]
    if set(results.asked) != set(TABLES):
        words += results.asked
    if results.options.quick:
        words.append("quick")
    stem = "-".join(words)
    paths = [folder / f"{stem}.json", folder / f"{stem}.md"]
    write_json(paths[0], results.as_json())
    write_text(paths[1], document(results))
    return paths
