"""The suite and its command, on tables that cost nothing and on tiny real ones."""

import json
import os
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest
import torch

from spikeloom.bench import TABLES, Options, Results, check_names, measure, process, write
from spikeloom.bench.check import Check
from spikeloom.bench.machine import slug
from spikeloom.bench.memory import _CLEAR
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure
from spikeloom.cli import main

QUICK = Options(rounds=1, quick=True)


@pytest.fixture
def fake(monkeypatch):
    """Two tables, `good` and `bad`; the second holds a row whose results differ."""
    monkeypatch.setenv("OMP_WAIT_POLICY", os.environ.get("OMP_WAIT_POLICY", "passive"))
    for name, check in (("good", Check(True, "equal")), ("bad", Check(False, "spikes differ"))):
        row = Row("other", {"ratio": figure([77.0], "x")}, check, (Target("ratio", ">=", 100),))
        made = Table(name, f"A {name} table", ("check", "ratio"), [row])
        module = SimpleNamespace(tables=lambda options, made=made: [made])
        monkeypatch.setitem(sys.modules, f"spikeloom.bench.{name}", module)
        monkeypatch.setitem(TABLES, name, "")


def test_names():
    assert check_names(()) == list(TABLES)
    assert check_names(("latency", "custom", "latency")) == ["latency", "custom"]
    with pytest.raises(ValueError, match="'speed': there is no table"):
        check_names(("speed",))


def test_every_name_is_a_module():
    assert all(callable(import_module(f"spikeloom.bench.{name}").tables) for name in TABLES)


def test_the_command_writes_what_it_measured(fake, tmp_path, capsys):
    assert main(["bench", "good", "--out", str(tmp_path)]) == 0  # a missed target is no failure
    assert "A good table" in capsys.readouterr().out
    (file,) = tmp_path.glob("*.json")
    found = json.loads(file.read_text("utf-8"))
    assert set(found) == {"machine", "settings", "load_average_at_end", "seconds", "tables"}
    for key in ("date", "cpu", "cores", "features", "memory_gib", "threads", "load_average",
                "torch", "llvmlite", "python", "system", "omp_wait_policy"):  # fmt: skip
        assert key in found["machine"]
    assert found["tables"] == [
        {
            "name": "good",
            "title": "A good table",
            "note": "",
            "rows": [
                {
                    "what": "other",
                    "check": {"ok": True, "text": "equal"},
                    "figures": {"ratio": {"value": 77.0, "low": 77.0, "high": 77.0, "unit": "x"}},
                    "targets": [{"column": "ratio", "op": ">=", "value": 100, "met": False}],
                    "note": "",
                }
            ],
        }
    ]
    assert "77" in file.with_suffix(".md").read_text("utf-8")


def test_the_command_fails_where_results_differ(fake, tmp_path, capsys):
    assert main(["bench", "good", "bad", "--out", str(tmp_path)]) == 1
    assert "spikes differ" in capsys.readouterr().out
    (file,) = tmp_path.glob("*.json")
    good, bad = json.loads(file.read_text("utf-8"))["tables"]
    assert good["rows"][0]["figures"]
    assert not bad["rows"][0]["figures"]
    assert bad["rows"][0]["targets"][0]["met"] is None


def test_breaking_off_keeps_the_tables_that_are_done(fake, tmp_path, monkeypatch, capsys):
    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["spikeloom.bench.bad"], "tables", interrupt)
    assert main(["bench", "good", "bad", "--out", str(tmp_path)]) == 130
    (file,) = tmp_path.glob("*.json")
    assert [table["name"] for table in json.loads(file.read_text("utf-8"))["tables"]] == ["good"]
    capsys.readouterr()


def test_a_run_of_some_tables_replaces_no_full_run(tmp_path):
    machine = dict.fromkeys(
        ["memory_gib", "threads", "omp_wait_policy", "system", "commit", "spikeloom", "torch",
         "llvmlite", "python", "load_average"]
    ) | {"date": "2026-01-31 12:00:00", "cpu": "A", "cores": 2, "features": []}  # fmt: skip
    results = Results(machine, Options(), [])
    names = [write(results, tmp_path)[0].name]
    results.asked = ("latency",)
    names.append(write(results, tmp_path)[0].name)
    assert names == ["2026-01-31-a-2-cores.json", "2026-01-31-a-2-cores-latency.json"]


def test_threads(fake, tmp_path):
    before = torch.get_num_threads()
    try:
        (results,) = measure(["good"], QUICK, threads=1)
        assert torch.get_num_threads() == results.machine["threads"] == 1
        assert all("-quick" in path.name for path in write(results, tmp_path))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["speed"], "there is no table"),
        (["good", "--rounds", "0"], "--rounds got 0"),
        (["good", "--threads", "-1"], "--threads got -1"),
    ],
)
def test_mistakes(fake, words, reason, tmp_path, capsys):
    assert main(["bench", *words, "--out", str(tmp_path)]) == 1
    assert reason in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["custom", "recurrent", "bandwidth"])
def test_tables_that_need_no_other_library(name):
    for table in import_module(f"spikeloom.bench.{name}").tables(QUICK):
        assert [row.what for row in table.failed()] == []
        assert all(set(row.figures) <= set(table.columns) for row in table.rows)
        assert any(row.figures for row in table.rows)
        json.dumps(table.as_json())


@pytest.fixture
def alone(monkeypatch):
    """No other library is installed."""

    def absent():
        raise ImportError("No module named 'other'")

    monkeypatch.setattr("spikeloom.bench.peers._MAKERS", dict.fromkeys(
        ("snnTorch", "SpikingJelly", "Norse", "Sinabs"), absent))  # fmt: skip


def test_the_tables_of_a_gpu(alone, monkeypatch):
    gpu = import_module("spikeloom.bench.gpu")
    *beside, copy = gpu.tables(QUICK)
    assert [row.what for table in beside for row in table.rows] == 2 * ["snnTorch", "SpikingJelly",
        "Norse", "Sinabs"]  # fmt: skip
    assert copy.rows and not copy.failed()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ((row,),) = (table.rows for table in gpu.tables(Options()))
    assert row.note == "torch sees no CUDA device" and not row.figures


@pytest.mark.parametrize("name", ["neuron", "linear", "latency", "memory"])
def test_libraries_that_are_not_installed_are_named(name, alone):
    if name == "memory" and not _CLEAR.exists():
        pytest.skip("peaks are measured on Linux only")
    for table in import_module(f"spikeloom.bench.{name}").tables(QUICK):
        missing = [row for row in table.rows if row.note]
        assert missing
        assert all("make bench installs it" in row.note and not row.figures for row in missing)


def test_first_calls_and_imports_are_measured_in_bare_processes():
    tables = import_module("spikeloom.bench.startup").tables(Options(rounds=1, quick=True))
    rows = [row for table in tables for row in table.rows]
    assert len(rows) == 3 + 4
    assert all(row.figures["time"].value >= 0 for row in rows)
    assert rows[0].figures["time"].value > 0.05, "torch was there before the clock ran"


def test_a_process_that_fails_tells_why():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        process.run("result = 1 / args[0]", 0)


def test_what_a_process_prints_does_not_matter():
    assert process.run("print('hello'); result = [args[0], None]", "x") == ["x", None]


def test_slug():
    machine = {"cpu": "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "cores": 2}
    assert slug(machine) == "intel-xeon-platinum-8481c-2-cores"
