"""Files: of this and of old versions, broken, foreign, hostile."""

import os
import random
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
import torch

from spikeloom.interop import from_nir, read_nir, read_nir_data, to_nir, write_nir, write_nir_data
from spikeloom.interop.nir_file import read_nir_version
from tests.interop.graphs import DT, POPULATIONS, affine, chain, graph, neuron, sink, source


@pytest.fixture(scope="module")
def every_node() -> Any:
    """A graph with all 17 kinds of nodes."""
    rng = np.random.default_rng(0)
    two, none = np.array([2, 2]), np.array([0, 0])
    images = chain(
        [2, 8, 8],
        [32],
        conv=nir.Conv2d((8, 8), rng.normal(size=(4, 1, 3, 3)), 1, 1, 1, 2, np.ones(4)),
        sum=nir.SumPool2d(two, two, none),
        mean=nir.AvgPool2d(np.array([1, 2]), np.array([1, 2]), none),
        flatten=nir.Flatten({"input": np.array([4, 4, 2])}, 0, -1),
    )
    return chain(
        [2, 8, 8],
        [3],
        images=images,
        linear=nir.Linear(rng.normal(size=(3, 32))),
        affine=affine(3, 3, rng),
        scale=nir.Scale(rng.normal(size=3)),
        delay=nir.Delay(np.array([0.0, 1e-3, 2.5e-3])),
        **{kind: neuron(kind, [3], rng) for kind in (*POPULATIONS, "Threshold")},
        one=chain(
            [3],
            [3],
            line=nir.Scale(np.ones(3)),
        ),
    )


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    rng = np.random.default_rng(0)
    conv = nir.Conv2d((4, 4), rng.normal(size=(2, 1, 3, 3)), 1, "same", 1, 1, np.ones(2))
    made = chain([1, 4, 4], [2, 4, 4], conv=conv, lif=neuron("LIF", [2, 4, 4], rng))
    path = tmp_path_factory.mktemp("nir") / "net.nir"
    write_nir(path, made)
    return path.read_bytes()


def test_what_is_written_is_read(every_node: Any, tmp_path: Path) -> None:
    every_node.metadata = {"dt": 1e-3, "method": "exact", "more": {"a": 1}}
    every_node.nodes["linear"].metadata = {"note": "first"}
    path = tmp_path / "net.nir"
    write_nir(path, every_node)
    found = read_nir(path)
    same(found, every_node)
    assert found.metadata["method"] == "exact"
    assert found.metadata["more"] == {"a": 1}
    assert found.nodes["linear"].metadata == {"note": "first"}
    assert read_nir_version(path) == nir.version
    x = torch.rand(20, 2, 2, 8, 8)
    assert torch.equal(from_nir(path)(x)[0], from_nir(every_node)(x)[0])


def test_the_package_reads_what_is_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = chain([3], [3], w=affine(3, 3, rng), lif=neuron("LIF", [3], rng))
    write_nir(tmp_path / "net.nir", chain([3], [3], inner=made))
    same(nir.read(tmp_path / "net.nir"), chain([3], [3], inner=made))


def same(one: Any, two: Any) -> None:
    assert set(one.nodes) == set(two.nodes)
    assert [tuple(edge) for edge in one.edges] == [tuple(edge) for edge in two.edges]
    for name, node in one.nodes.items():
        other = two.nodes[name]
        assert type(node) is type(other)
        if isinstance(node, nir.NIRGraph):
            same(node, other)
            continue
        for field, value in vars(node).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(other, field))
                assert value.dtype == np.asarray(getattr(other, field)).dtype


def test_what_nir_writes_is_read(every_node: Any, tmp_path: Path) -> None:
    nir.write(tmp_path / "net.nir", every_node)
    same(read_nir(tmp_path / "net.nir"), every_node)


def hdf5(path: Path, fill: Callable[[h5py.File], None]) -> Path:
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def put(group: Any, **values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            put(group.create_group(name), **value)
        else:
            group.create_dataset(name, data=value)


def old_graph(**lif: Any) -> dict[str, Any]:
    """As versions 0.1 and 0.2 wrote it: no v_reset, no metadata, edges as bytes."""
    one = np.ones(2, np.float32)
    node = {"type": "LIF", "tau": 5e-3 * one, "r": one, "v_leak": one, "v_threshold": one, **lif}
    return {
        "type": "NIRGraph",
        "nodes": {
            "input": {"type": "Input", "shape": np.array([2])},
            "lif": node,
            "output": {"type": "Output", "shape": np.array([1, 1, 2])},
        },
        "edges": np.array([["input", "lif"], ["lif", "output"]], dtype="S"),
    }


@pytest.mark.parametrize("version", ["0.1.1", "0.2.0", "1.0.4", None])
def test_old_versions(version: str | None, tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        put(file, node=old_graph())
        if version:
            put(file, version=version)

    path = hdf5(tmp_path / "old.nir", fill)
    assert read_nir_version(path) == (version or "unknown")
    net = from_nir(path, dt=DT)
    layer: Any = net["lif"]
    assert layer.v_reset.item() == 0.0
    assert net(torch.ones(30, 1, 2))[0].any()


def test_scalars_are_broadcast_and_a_missing_weight_is_one(tmp_path: Path) -> None:
    node = {"type": "CubaLI", "tau_mem": 5e-3, "tau_syn": 5e-3, "r": np.ones(2), "v_leak": 0.0}
    nodes = {
        "i": {"type": "Input", "shape": np.array([2])},
        "c": node,
        "o": {"type": "Output", "shape": np.array([2])},
    }
    edges = np.array([["i", "c"], ["c", "o"]], dtype="S")
    tree = {"type": "NIRGraph", "nodes": nodes, "edges": edges}
    path = hdf5(tmp_path / "net.nir", lambda file: put(file, node=tree))
    found = read_nir(path).nodes["c"]
    assert found.w_in.tolist() == [1.0, 1.0]
    assert found.tau_mem.shape == (2,)


def test_a_file_with_one_node(tmp_path: Path) -> None:
    write_nir(tmp_path / "one.nir", neuron("LIF", [3], np.random.default_rng(0)))
    assert type(read_nir(tmp_path / "one.nir")).__name__ == "LIF"
    assert from_nir(tmp_path / "one.nir", dt=DT)(torch.rand(5, 1, 3))[0].shape == (5, 1, 3)


def test_grouped_convolutions_pass_where_the_package_refuses(tmp_path: Path) -> None:
    conv = nir.Conv2d((4, 4), np.ones((2, 1, 3, 1)), 1, 0, 1, 2, np.zeros(2))
    write_nir(tmp_path / "net.nir", chain([2, 4, 4], [2, 2, 4], conv=conv))
    with pytest.raises(ValueError, match="mismatch"):
        nir.read(tmp_path / "net.nir")
    out, _ = from_nir(tmp_path / "net.nir", dt=DT)(torch.ones(1, 1, 2, 4, 4))
    assert tuple(out.shape) == (1, 1, 2, 2, 4)


def looped(file: h5py.File) -> None:
    put(file, node={"type": "NIRGraph", "nodes": {}})
    nodes: Any = file["node/nodes"]
    nodes["again"] = file["node"]  # a hard link to what holds it


def vast(file: h5py.File) -> None:
    tree = old_graph()
    del tree["nodes"]["lif"]["tau"]
    put(file, node=tree)
    lif: Any = file["node/nodes/lif"]
    lif.create_dataset("tau", shape=(1 << 40,), dtype="f8", chunks=(1 << 10,))  # no data, 8 TiB


def wide(file: h5py.File) -> None:
    put(file, node=old_graph())
    lif: Any = file["node/nodes/lif"]
    for i in range(200):  # 200 times 1 MiB of nothing
        lif.create_dataset(f"x{i}", shape=(1 << 17,), dtype="f8", chunks=(1 << 10,))


def soft(file: h5py.File) -> None:
    put(file, node=old_graph())
    lif: Any = file["node/nodes/lif"]
    lif["r2"] = h5py.SoftLink("/node/nodes/lif/r")


def outside(file: h5py.File) -> None:
    put(file, node=old_graph())
    lif: Any = file["node/nodes/lif"]
    lif["r2"] = h5py.ExternalLink("/etc/hostname", "/x")


def raw(file: h5py.File) -> None:
    put(file, node=old_graph())
    lif: Any = file["node/nodes/lif"]
    here = [("/etc/hostname", 0, 8)]
    lif.create_dataset("r2", shape=(1,), dtype="f8", external=here)


def deep(file: h5py.File) -> None:
    group: Any = file.create_group("node")
    for _ in range(100):
        group = group.create_group("n")


@pytest.mark.parametrize(
    ("fill", "match"),
    [
        (lambda f: None, "no group 'node'"),
        (lambda f: put(f, node=np.ones(3)), "cannot be read"),
        (lambda f: put(f, node={"type": "Banana"}), "which NIR does not have"),
        (lambda f: put(f, node={"x": 1.0}), "what kind of node"),
        (lambda f: put(f, node={"type": "NIRGraph", "nodes": {}}), "lacks its nodes or its edges"),
        (lambda f: put(f, node=old_graph(tau=np.array(["a", "b"], dtype="S"))), "real numbers"),
        (lambda f: put(f, node=old_graph(tau=np.ones(3))), "different shapes"),
        (lambda f: put(f, node=old_graph(tau=np.array([1.0, np.nan]))), "NaN"),
        (lambda f: put(f, node=old_graph(refractory_time=np.ones(2))), "does not know"),
        (lambda f: put(f, node={**old_graph(), "edges": np.ones((2, 2))}), "not pairs of names"),
        (lambda f: put(f, node={**old_graph(), "edges": np.array([b"a"])}), "not pairs of names"),
        (looped, "deep|objects"),
        (deep, "nested more than 64"),
        (vast, "more data than such a file can hold"),
        (wide, "more data than such a file can hold"),
        (soft, "a link to somewhere else"),
        (outside, "a link to somewhere else"),
        (raw, "in another file"),
    ],
)
def test_broken_and_hostile_files(fill: Any, match: str, tmp_path: Path) -> None:
    path = hdf5(tmp_path / "net.nir", fill)
    with pytest.raises(ValueError, match=match) as caught:
        read_nir(path)
    assert str(path) in str(caught.value)


def test_foreign_files(tmp_path: Path) -> None:
    for content in (b"", b"\x89HDF", b"PK\x03\x04 a zip", os.urandom(5000)):
        (tmp_path / "net.nir").write_bytes(content)
        with pytest.raises(ValueError, match="does not begin as an HDF5 file"):
            read_nir(tmp_path / "net.nir")
    with pytest.raises(FileNotFoundError):
        read_nir(tmp_path)


def test_a_failed_write_leaves_what_was_there(every_node: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    write_nir(path, every_node)
    before = path.read_bytes()
    bad = chain([3], [3], **{"a/b": nir.Scale(np.ones(3))})
    with pytest.raises(ValueError, match="leads into a group"):
        write_nir(path, bad)
    with pytest.raises(TypeError, match="it writes NIR graphs"):
        write_nir(path, torch.nn.Linear(2, 2))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A file that was cut, overwritten, or had bytes put in or taken out."""
    if rng.random() < 0.15:
        return content[: rng.randrange(len(content))]
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        at, how = rng.randrange(len(data)), rng.random()
        if how < 0.5:
            data[at] = rng.randrange(256)
        elif how < 0.7:
            data[at] ^= 1 << rng.randrange(8)
        elif how < 0.8:
            data[at : at + 8] = b"\xff" * len(data[at : at + 8])
        elif how < 0.9:
            del data[at : at + rng.randrange(1, 64)]
        else:
            data[at:at] = rng.randbytes(rng.randrange(1, 64))
    return bytes(data)


def survive(content: bytes, folder: Path, seeds: range, read: Callable[[Path], Any]) -> int:
    """Read mutated files; count those that still could be read."""
    path, good = folder / "fuzzed.nir", 0
    for seed in seeds:
        path.write_bytes(mutated(content, random.Random(seed)))
        try:
            read(path)
            good += 1
        except (ValueError, OSError) as error:
            assert str(error), seed
    return good


def imported(path: Path) -> None:
    net = from_nir(path, dt=DT, learn=False)
    sizes = [port.shape for port in net.ports if port.shape is not None]
    assert all(np.prod(size) < 1e9 for size in sizes)


def test_mutated_files_give_a_clear_error(small_file: bytes, tmp_path: Path) -> None:
    good = survive(small_file, tmp_path, range(300), imported)
    assert 0 < good < 300


def test_mutated_recordings_give_a_clear_error(tmp_path: Path) -> None:
    signals = {"lif": {"spikes": torch.ones(20, 2, 5), "v": torch.rand(20, 2, 5)}}
    write_nir_data(tmp_path / "run.nir", {"net": signals}, dt=DT)
    content = (tmp_path / "run.nir").read_bytes()
    assert 0 < survive(content, tmp_path, range(200), read_nir_data) < 200


def overwritten(content: bytes, text: bytes, at: int, new: bytes) -> bytes:
    """Bytes put at a distance from the only place that holds `text`."""
    assert content.count(text) == 1
    place = content.index(text) + at
    return content[:place] + new + content[place + len(new) :]


def test_strings_on_which_hdf5_hangs(small_file: bytes, tmp_path: Path) -> None:
    """Found by mutation: a heap without end, and a length of 4 GiB for five letters."""
    path = tmp_path / "net.nir"
    heap = small_file.index(b"GCOL\x01")
    version = small_file.index(nir.version.encode())
    endless = overwritten(small_file, b"GCOL\x01", version - heap - 16, bytes(16))
    reference = struct.pack("<IQI", 5, heap, 1)
    long = overwritten(small_file, reference, 0, b"\xff\xff\xff\xff")
    away = overwritten(small_file, reference, 4, b"\xff" * 8)
    for content in (endless, long, away):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="leads nowhere"):
            read_nir_version(path)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(300, 10_300, 2_500))
def test_ten_thousand_mutated_files(first: int, small_file: bytes, tmp_path: Path) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert 0 < survive(small_file, tmp_path, range(first, first + 2_500), imported) < 2_500
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used
    assert grown < 1 << 20  # 1 GiB, in KiB


def test_the_order_of_edges_means_nothing(tmp_path: Path) -> None:
    """A tangle of three integrators: which edges come late depends on the graph alone."""
    rng = np.random.default_rng(0)
    nodes = {"i": source(2), "o": sink(2), **{n: neuron("LI", [2], rng) for n in "abc"}}
    edges = [("i", "a"), ("a", "b"), ("a", "c"), ("b", "c"), ("c", "a"), ("c", "b"), ("b", "o")]
    x = torch.rand(15, 1, 2)
    wanted, _ = from_nir(graph(nodes, edges), dt=DT)(x)
    for _ in range(5):
        rng.shuffle(edges)
        shuffled = graph(dict(rng.permutation(list(nodes.items()))), [tuple(e) for e in edges])  # type: ignore[arg-type,misc]
        torch.testing.assert_close(from_nir(shuffled, dt=DT)(x)[0], wanted)
        back = to_nir(from_nir(shuffled, dt=DT), x)
        torch.testing.assert_close(from_nir(back)(x)[0], wanted)
