"""`fold`: time into the batch and out again."""

import pytest
import torch
from torch import nn

import spikeloom as sl


def test_equals_a_call_per_step() -> None:
    conv = nn.Conv2d(2, 3, 3)
    x = torch.randn(4, 2, 2, 6, 6)
    out = sl.fold(conv)(x)
    torch.testing.assert_close(out, torch.stack([conv(x_t) for x_t in x]))
    assert [name for name, _ in sl.fold(conv).named_parameters()] == [
        "module.weight",
        "module.bias",
    ]


def test_in_a_network_written_by_hand() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.lif, self.last = sl.fold(nn.Linear(3, 4)), sl.LIF(), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            spikes, _ = self.lif(self.first(x))
            return sl.fold(self.last)(spikes)

    net, x = Net(), torch.rand(5, 2, 3)
    want, _ = sl.Sequential(net.first.module, net.lif, net.last)(x)
    assert torch.equal(net(x), want)


@pytest.mark.parametrize("module", [sl.LIF(), nn.LSTM(3, 3), sl.Sequential()])
def test_a_module_with_a_state_is_refused(module: nn.Module) -> None:
    kind = type(module).__name__
    with pytest.raises(ValueError, match=rf"fold got {kind}, which has a state: .*\. Call it dir"):
        sl.fold(module)


def test_a_state_further_down_is_refused_too() -> None:
    with pytest.raises(ValueError, match=r"fold got Sequential .* with a state \(1\): .*\. Use sl"):
        sl.fold(nn.Sequential(nn.ReLU(), sl.LIF()))
    with pytest.raises(TypeError, match=r"fold got .*: layers are modules"):
        sl.fold(torch.relu)  # type: ignore[arg-type]


def test_inputs_that_cannot_be_folded() -> None:
    linear = sl.fold(nn.Linear(3, 3))
    with pytest.raises(ValueError, match=r"fold got x of shape \(4, 3\), which has no time axis: "):
        linear(torch.rand(4, 3))
    with pytest.raises(TypeError, match=r"fold got x of type list: .*\. Convert"):
        linear([torch.rand(4, 3)])
    with pytest.raises(ValueError, match=r"Conv2d .*got x of shape \(4, 2, 6, 6\): .*five axes"):
        sl.fold(nn.Conv2d(2, 2, 3))(torch.rand(4, 2, 6, 6))
