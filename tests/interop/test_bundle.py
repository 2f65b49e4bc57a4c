"""Folders with a network: what goes in comes out, and what is broken changes nothing."""

import hashlib
import json
import random
import re
import resource
import struct
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom import neurons
from spikeloom.conversion.qcfs import QCFS
from spikeloom.interop import load, save
from spikeloom.interop.known import CLASSES
from tests.interop.networks import NETWORKS, network

WEIGHTS, CONFIG = "model.safetensors", "config.json"


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    net, x = network(name)
    save(net, tmp_path)
    twin, _ = load(tmp_path)
    assert repr(twin) == repr(net) and not twin.training
    for key, value in net.state_dict().items():
        assert torch.equal(twin.state_dict()[key], value)
    with torch.no_grad():
        assert str(twin(x)) == str(net(x))
    assert sorted(p.name for p in tmp_path.iterdir()) == [CONFIG, WEIGHTS]


NEEDS: dict[str, Callable[[], nn.Module]] = {
    "PSN": lambda: sl.PSN(4, order=2, masking=0.5),
    "InitialState": lambda: sl.InitialState(sl.LIF(), v=0.5),
    "Quantized": lambda: sl.Quantized(sl.LIF()),
    "Refractory": lambda: sl.Refractory(sl.LIF(), 2),
    "CobaLIF": lambda: sl.CobaLIF(tau_mem=37e-3, refractory=4.5e-3, learn="v_rest"),
    "ShuntingLIF": lambda: sl.ShuntingLIF(detach_decay=True),
    "ResonateAndFire": lambda: sl.ResonateAndFire(reset="subtract"),
    "Izhikevich": lambda: sl.Izhikevich(dt=5e-4, substeps=3, fire=">"),
    "Delta": lambda: sl.Delta(send="sign"),
    "LIF": lambda: sl.LIF(
        reset=-0.5, surrogate=sl.surrogate.MultiGaussian(h=0.2), spike=sl.spikes.Integer(3)
    ),
}
OWN = [
    name.removeprefix("spikeloom.")
    for name, kind in CLASSES.items()
    if name.startswith("spikeloom.") and issubclass(kind, neurons.Neuron)
]


@pytest.mark.parametrize("name", [n for n in OWN if not n.startswith("Spiking")])
def test_every_neuron_is_described(name: str, tmp_path: Path) -> None:
    layer = NEEDS[name]() if name in NEEDS else getattr(sl, name)()
    save(layer, tmp_path)
    twin, _ = load(tmp_path)
    assert repr(twin) == repr(layer)
    spiking = getattr(layer, "_firing", None)
    assert spiking == getattr(twin, "_firing", None)


@pytest.mark.parametrize(
    "layer",
    [
        sl.Delay(4, learn=True, max_delay=5),
        sl.Delay(4, 2.5, kernel="gauss", sigma=0.5, max_delay=4),
        sl.Delay(3, torch.tensor([0.0, 1.5, 2.0])),
        sl.BatchNormTT(3, 4, affine=False),
        sl.Sequential(nn.Linear(2, 2), sl.LIF(learn="beta"), sl.Delay(2, 1)).double(),
        nn.LayerNorm(3, bias=False),
        nn.Embedding(5, 2, padding_idx=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_with_exceptions(layer: nn.Module, tmp_path: Path) -> None:
    save(layer, tmp_path)
    twin, _ = load(tmp_path)
    assert repr(twin) == repr(layer)
    for key, value in layer.state_dict().items():
        other = twin.state_dict()[key]
        assert other.dtype == value.dtype and torch.equal(other, value)


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "VGG16": (
        lambda: sl.models.VGG16(
            3, blocks=((4,), (5, 6)), hidden=(7,), activation=partial(QCFS, levels=4)
        ),
        (3, 32, 32),
    ),
    "ResNet20": (
        lambda: sl.models.ResNet20(3, blocks=(1, 1), widths=(4, 6), stem=2, norm=False),
        (3, 16, 16),
    ),
    "Cao2015": (lambda: sl.models.Cao2015(4, channels=(3, 4, 5, 6)), (3, 24, 24)),
    "Diehl2015": (lambda: sl.models.Diehl2015("conv", channels=(2, 3)), (1, 28, 28)),
    "Ho2013": (lambda: sl.models.Ho2013(4, channels=(3, 4, 5, 6)), (3, 24, 24)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_by_its_name_and_its_parts(name: str, tmp_path: Path) -> None:
    make, image = MODELS[name]
    net, x = make().eval(), torch.rand(2, *image)
    save(net, tmp_path)
    twin, _ = load(tmp_path)
    assert type(twin) is getattr(sl.models, name) and repr(twin) == repr(net)
    assert torch.equal(twin(x), net(x))
    network: Any = json.loads((tmp_path / CONFIG).read_text())["network"]
    assert network["class"] == f"spikeloom.models.{name}"
    network["arguments"].popitem()
    change(tmp_path, network=network)
    with pytest.raises(ValueError, match=f"its {name} is not made of"):
        load(tmp_path)


def test_a_spiking_model_comes_back(tmp_path: Path) -> None:
    net = sl.models.Hunsberger2015(3).eval()
    save(net, tmp_path)
    twin, _ = load(tmp_path)
    x = torch.rand(2, 1, 3, 24, 24)
    assert str(twin(x)) == str(net(x))


def small() -> sl.Sequential:
    return sl.Sequential(nn.Linear(4, 3), sl.LIF(torch.tensor([0.5, 0.6, 0.7])), sl.LI())


def test_the_config_says_what_was_said(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "recipe": "snn-fc-mnist",
        "dt": 1e-3,
        "encoding": {"code": "rate", "steps": 25},
        "promised": {"test_accuracy": 0.97},
    }
    save(small(), tmp_path / "deep" / "er", **said)
    _, config = load(tmp_path / "deep" / "er")
    assert {key: config[key] for key in said} == said
    assert config["spikeloom"] == sl.__version__


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)


def test_a_module_of_ones_own_is_loaded_into_one(tmp_path: Path) -> None:
    net = Own()
    with pytest.raises(TypeError, match=r"holds Own at its top.* rebuild=False"):
        save(net, tmp_path)
    assert not list(tmp_path.iterdir())
    save(net, tmp_path, rebuild=False)
    with pytest.raises(ValueError, match="does not say what the network is"):
        load(tmp_path)
    other = Own()
    assert load(tmp_path, net=other)[0] is other
    assert torch.equal(other.layer.weight, net.layer.weight)


def test_what_a_file_cannot_say_is_refused(tmp_path: Path) -> None:
    shared = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"holds one Linear at layers\.0 and at layers\.1"):
        save(sl.Sequential(shared, shared), tmp_path)
    with pytest.raises(TypeError, match="holds Custom"):
        save(sl.neuron(lambda x, v: (x, v)), tmp_path)
    with pytest.raises(ValueError, match="JSON cannot say"):
        save(small(), tmp_path, promised={"accuracy": float("nan")})
    with pytest.raises(TypeError, match="JSON cannot say"):
        save(small(), tmp_path, encoding={"code": torch.rand(1)})
    assert not list(tmp_path.iterdir())


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(small(), tmp_path)
    return tmp_path


def change(folder: Path, **values: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | values))


def layer(kind: str, **arguments: Any) -> dict[str, Any]:
    return {"class": kind, "arguments": arguments}


HUGE = layer("torch.nn.Linear", in_features=200_000, out_features=200_000)
NESTED: Any = layer("torch.nn.Flatten")
for _ in range(200):
    NESTED = layer("torch.nn.Sequential", args=[NESTED])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"format": 2}, "not of format 1"),
        ({"network": layer("os.system", command="true")}, "'os.system', which is not one"),
        ({"network": layer("spikeloom.neurons.custom.Custom")}, "which is not one that a file"),
        ({"network": layer("torch.nn.Linear", in_features="x")}, "Linear cannot be built"),
        ({"network": HUGE}, "more memory than its weights take"),
        ({"network": layer("spikeloom.SlidingPSN", order=2**31 - 1)}, "more memory than"),
        ({"network": layer("torch.nn.LSTM", input_size=2, hidden_size=2, num_layers=99)}, "larger"),
        ({"network": layer("torch.nn.Linear", in_features=10**30, out_features=1)}, "larger than"),
        ({"network": NESTED}, "nested more than 64 deep"),
        ({"network": layer("spikeloom.LIF")}, "'beta' is in the network, but not in the weights"),
        ({"network": [1]}, "describes a tuple"),
        ({"network": "LIF"}, "describes a str"),
        ({"network": {"shape": [3], "dtype": "float32", "value": 0}}, "describes a Tensor"),
        ({"network": {"shape": [-3], "dtype": "float32", "value": 0}}, "describes no tensor"),
        ({"sha256": "0"}, "check sum"),
    ],
)
def test_hostile_configs_are_refused(saved: Path, values: dict[str, Any], reason: str) -> None:
    change(saved, **values)
    with pytest.raises(ValueError, match=re.escape(reason)):
        load(saved)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        (CONFIG, b"{", "no description of a network"),
        (CONFIG, b"\xff\xfe", "no description of a network"),
        (CONFIG, b"[" * 100_000, "no description of a network"),
        (CONFIG, b'{"format": NaN}', "NaN, which is no number"),
        (CONFIG, b" " * (1 << 25), "longer than"),
        (WEIGHTS, b"", "cannot be read"),
        (WEIGHTS, struct.pack("<Q", 1 << 62) + b"{}", "cannot be read"),
    ],
)
def test_broken_files_are_refused(saved: Path, file: str, content: bytes, reason: str) -> None:
    (saved / file).write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        load(saved)
    (saved / file).unlink()
    with pytest.raises(FileNotFoundError, match="Pass the folder"):
        load(saved)


def test_a_failed_load_leaves_the_network_as_it_was(saved: Path) -> None:
    other = small()
    before = {k: v.clone() for k, v in other.state_dict().items()}
    twin, _ = load(saved)
    with torch.no_grad():
        twin.get_buffer("1.beta")[0] = 7.0  # past the check that setting it would make
    save_unchecked(twin, saved)
    for net in (other, None):
        with pytest.raises(ValueError, match=r"LIF got beta=7: .* lies in \[0, 1\]"):
            load(saved, net=net)
    assert all(torch.equal(other.state_dict()[k], v) for k, v in before.items())


def save_unchecked(net: nn.Module, folder: Path) -> None:
    from safetensors.torch import save_file

    save_file(net.state_dict(), folder / WEIGHTS)
    change(folder, sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest())


def test_a_failed_save_leaves_what_was_there(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    real = Path.write_text

    def full(path: Path, *args: Any, **options: Any) -> int:
        if "config" in path.name:
            raise OSError(28, "No space left on device")
        return real(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        save(sl.Sequential(sl.LIF()), saved)
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut out, doubled, or replaced by numbers that sizes are made of."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(max(1, len(out)))
        how = rng.randrange(5)
        if how == 0 and out:
            out[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            del out[at : at + rng.randint(1, 40)]
        elif how == 2:
            out[at:at] = out[at : at + rng.randint(1, 60)]
        elif how == 3:
            out[at : at + 1] = rng.choice([b"9" * 9, b"-1", b"1e9", b"null", b"[", b'"', b"{}"])
        else:
            out = out[:at]
    return bytes(out)


def fuzz(folder: Path, rounds: int) -> tuple[int, float, int]:
    """Load mutated folders; how many were refused, the slowest, growth of memory in kB."""
    rng, files = random.Random(0), {p.name: p.read_bytes() for p in folder.iterdir()}
    config = json.loads(files[CONFIG])
    del config["sha256"]  # which would catch every change of the weights before they are parsed
    files[CONFIG] = json.dumps(config).encode()
    refused, slowest = 0, 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(rounds):
        which = (CONFIG, WEIGHTS)[i % 2]
        for name, data in files.items():
            (folder / name).write_bytes(mutated(data, rng) if name == which else data)
        start = time.process_time()
        try:
            load(folder)
        except (ValueError, FileNotFoundError):
            refused += 1
        slowest = max(slowest, time.process_time() - start)
    return refused, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak


@pytest.mark.parametrize(
    "rounds", [200, pytest.param(10_000, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_mutated_files_give_a_clear_error(rounds: int, saved: Path) -> None:
    load(saved)
    refused, slowest, grown = fuzz(saved, rounds)
    assert refused > 0.6 * rounds  # a changed weight is a weight
    assert slowest < 5.0 and grown < 300_000
