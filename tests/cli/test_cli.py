import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spikeloom.cli import commands, main
from spikeloom.recipes import quickstart

SMALL = ["--epochs", "1", "--hidden", "16", "--steps", "4"]


def spikeloom(*words: str | Path, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "spikeloom", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, **options,
    )  # fmt: skip


def only_run(out: Path) -> Path:
    (folder,) = (out / "quickstart").iterdir()
    return folder


@pytest.mark.parametrize(
    "words",
    [["--help"], ["list"], ["run", "--help"], ["run", "quickstart", "--help"], ["run", "nothing"]],
)
def test_help_and_lists_do_not_wait_for_torch(words) -> None:
    code = (
        "import sys\nfrom spikeloom.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'numpy'} & set(sys.modules), 'imported'"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_every_command_says_what_it_does(capsys) -> None:
    assert {"list", "run", "report"} <= set(commands())
    assert main([]) == 0
    shown = capsys.readouterr().out
    for name, command in commands().items():
        assert f"  {name} " in shown
        assert (command.__doc__ or "").splitlines()[0] in shown


def test_version(capsys) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("spikeloom ")


def test_the_list_tells_promises_papers_and_times(capsys) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "test_accuracy >= 95 %" in shown
    assert "--model cnn   test_accuracy >= 99.2 %   60 min   paper 99.42" in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rum"], "no command 'rum'. Did you mean run?"),
        (["zzz"], "There are: "),
        (["run", "quikstart"], "no recipe 'quikstart'. Did you mean quickstart?"),
        (["run"], "usage: spikeloom run RECIPE"),
    ],
)
def test_unknown_names_exit_2_with_a_suggestion(words, says, capsys) -> None:
    assert main(words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--epoch", "3"], ["--epochs", "three"], ["--epochs"], ["surplus"]]
)
def test_wrong_options_exit_2(words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", "quickstart", *words])
    assert stop.value.code == 2
    assert "--epochs" in capsys.readouterr().err or words == ["surplus"]


def test_a_small_run_shows_its_promise_but_is_not_held_to_it(tmp_path, capsys) -> None:
    assert main(["run", "quickstart", *SMALL, "--seed", "3", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "epoch 1/1" in shown
    assert "promised >= 95 %: not reached" in shown
    assert "epochs=1, hidden=16, steps=4" in shown
    assert "do not bind" in shown
    folder = only_run(tmp_path)
    assert str(folder / "report.html") in shown
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "config.json", "env.json", "metrics.jsonl", "figures.json", "snapshot.json",
        "checkpoints", "model.safetensors", "report.html",
    }  # fmt: skip
    (figure,) = json.loads((folder / "figures.json").read_text())
    assert figure["name"] == "test_accuracy"
    assert (figure["promised"], figure["op"], figure["unit"]) == (95.0, ">=", "%")
    config = json.loads((folder / "config.json").read_text())
    assert config["seed"] == 3
    assert config["options"]["hidden"] == 16
    assert config["command"] == f"spikeloom run quickstart {' '.join(SMALL)} --seed 3"


@pytest.mark.parametrize(("value", "code"), [(96.0, 0), (94.0, 1)])
def test_at_full_size_a_promise_counts(value, code, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(
        quickstart, "RECIPE", _with_main(lambda options, run: {"test_accuracy": value, "other": 7})
    )
    assert main(["run", "quickstart", "--out", str(tmp_path)]) == code
    shown = capsys.readouterr().out
    assert ("kept" if code == 0 else "not reached") in shown
    assert "other   7\n" in shown


def test_a_wrong_file_is_a_message_not_a_traceback(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.delenv("SPIKELOOM_TRACEBACK", raising=False)
    code = main(["run", "stbp-mnist", "--data", str(tmp_path / "no"), "--out", str(tmp_path)])
    assert code == 1
    assert capsys.readouterr().err.startswith("error: ")
    monkeypatch.setenv("SPIKELOOM_TRACEBACK", "1")
    with pytest.raises(OSError, match="no"):
        main(["run", "stbp-mnist", "--data", str(tmp_path / "no"), "--out", str(tmp_path)])


def test_resume_takes_the_newest_run_and_its_options(tmp_path, capsys) -> None:
    out = ["--out", str(tmp_path)]
    assert main(["run", "quickstart", *SMALL, "--seed", "2", *out]) == 0
    assert main(["run", "quickstart", "--resume", "--epochs", "2", *out]) == 0
    shown = capsys.readouterr().out
    assert "epoch 2/2" in shown
    folder = only_run(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    assert config["options"] == {**config["options"], "epochs": 2, "hidden": 16, "steps": 4}
    assert config["seed"] == 2
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    assert main(["run", "quickstart", "--resume", str(folder), "--epochs", "3", *out]) == 0
    assert only_run(tmp_path) == folder


@pytest.mark.parametrize("where", ["auto", "nowhere"])
def test_resume_of_nothing(tmp_path, capsys, where) -> None:
    assert main(["run", "quickstart", "--out", str(tmp_path), "--resume", where]) == 1
    assert "--resume" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_resume_of_another_recipe_or_a_damaged_run(tmp_path, capsys) -> None:
    config = tmp_path / "config.json"
    shape = {"options": {}, "seed": 0, "threads": 1, "data": None, "started": ""}
    config.write_text(json.dumps({"recipe": "stbp-mnist", **shape}))
    assert main(["run", "quickstart", "--resume", str(tmp_path)]) == 1
    assert f"spikeloom run stbp-mnist --resume {tmp_path}" in capsys.readouterr().err
    for damage in ('{"recipe": "quick', "[]", "{}"):
        config.write_text(damage)
        assert main(["run", "quickstart", "--resume", str(tmp_path)]) == 1
        assert "config.json is damaged" in capsys.readouterr().err


def test_a_promise_that_is_not_measured_is_broken(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(quickstart, "RECIPE", _with_main(lambda options, run: {}))
    assert main(["run", "quickstart", "--out", str(tmp_path)]) == 1
    assert "did not measure" in capsys.readouterr().out


def test_report_draws_the_page_again(tmp_path, capsys) -> None:
    main(["run", "quickstart", *SMALL, "--out", str(tmp_path)])
    page = only_run(tmp_path) / "report.html"
    before = page.read_text()
    page.unlink()
    assert main(["report", str(page.parent)]) == 0
    assert page.read_text() == before
    assert str(page) in capsys.readouterr().out


def test_report_of_no_run(tmp_path, capsys) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert "not the folder of a run" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_says_how_to_go_on(tmp_path) -> None:
    process = spikeloom("run", "quickstart", "--epochs", "500", "--out", tmp_path)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("quickstart/*/checkpoints/last.pt")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    shown, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert f"spikeloom run quickstart --resume {only_run(tmp_path)}" in errors
    assert "\x1b" not in shown


def _with_main(function):
    from dataclasses import replace

    return replace(quickstart.RECIPE, main=function)
