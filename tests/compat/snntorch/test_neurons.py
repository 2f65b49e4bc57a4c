"""Closed forms of the steps, and what the old interface promises of calls."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportOptionalMemberAccess=false, reportIncompatibleMethodOverride=false

import pytest
import torch
from torch import nn

import spikeloom.compat.snntorch as snn
from spikeloom.compat.snntorch.functional import quant

ONE = torch.ones(1, 1)


def stepped(layer, inputs, **first):
    """Spikes and membranes of one neuron, fed with these inputs."""
    state, spikes, membranes = first, [], []
    for x in inputs:
        spk, *states = layer(torch.full((1, 1), float(x)), **state)
        state = dict(zip(layer.states[-len(states) :], states, strict=True))
        spikes.append(spk.item())
        membranes.append(round(states[-1].item(), 6))
    return spikes, membranes


@pytest.mark.parametrize(
    ("options", "membranes"),
    [
        ({}, [1.5, 0.35, 0.315]),  # 0.9 * 1.5 - 1
        ({"reset_delay": False}, [0.5, 0.45, 0.405]),  # 0.9 * (1.5 - 1)
        ({"reset_mechanism": "zero"}, [1.5, 0.0, 0.0]),
        ({"reset_mechanism": "zero", "reset_delay": False}, [0.0, 0.0, 0.0]),
        ({"reset_mechanism": "none"}, [1.5, 1.35, 1.215]),
    ],
)
def test_when_and_how_a_leaky_neuron_resets(options, membranes):
    assert stepped(snn.Leaky(beta=0.9, **options), [1.5, 0, 0])[1] == membranes


def test_a_reset_to_zero_keeps_the_input_of_the_step_in_leaky_alone():
    zero = {"reset_mechanism": "zero", "threshold": 1.0}
    assert stepped(snn.Leaky(0.5, **zero), [2, 0.75])[1] == [2.0, 0.75]
    assert stepped(snn.Lapicque(R=1.0, C=2.0, **zero), [4, 0.75])[1] == [2.0, 0.0]
    assert stepped(snn.Synaptic(0.5, 0.5, **zero), [2, 0.75])[1] == [2.0, 0.0]


def test_a_neuron_at_its_threshold_is_silent():
    assert stepped(snn.Leaky(1.0), [1.0, 1e-6])[0] == [0.0, 1.0]


def test_no_gradient_passes_through_the_delayed_reset():
    def slope(delay):
        x = torch.full((1, 1), 1.2, requires_grad=True)
        lif = snn.Leaky(0.9, reset_delay=delay)
        _, mem = lif(x)
        _, mem = lif(torch.zeros(1, 1), mem)
        return torch.autograd.grad(mem, x)[0].item()

    def kept(u):  # 1 - g', with the slope g' of the arc tangent at a distance from the threshold
        return 1 - 1 / (1 + (torch.pi * u) ** 2)

    assert slope(True) == pytest.approx(0.9)
    assert slope(False) == pytest.approx(0.9 * kept(1.2 - 1) * kept(0.9 * 0.2 - 1))


def test_the_synaptic_current_decays_on_its_own():
    _, membranes = stepped(snn.Synaptic(alpha=0.5, beta=0.25), [0.8, 0, 0])
    assert membranes == [0.8, 0.6, 0.35]


def test_the_alpha_neuron_answers_late():
    layer = snn.Alpha(alpha=0.8, beta=0.4, threshold=9.0)
    _, membranes = stepped(layer, [1, 0, 0])
    tau = torch.log(torch.tensor(0.8)) / (torch.log(torch.tensor(0.5))) + 1
    expected = [tau * (0.8**n - 0.4**n) for n in range(3)]
    assert membranes == pytest.approx([e.item() for e in expected], abs=1e-6)


def test_feedback_comes_back_one_step_later():
    layer = snn.RLeaky(beta=0.5, V=0.25, all_to_all=False, reset_mechanism="none")
    spk, mem = layer(2 * ONE)
    spk, mem = layer(0 * ONE, spk, mem)
    assert mem.item() == 1.25  # 0.5 * 2 + 0.25
    spk, syn, mem = snn.RSynaptic(0.5, 0.5, V=0.25, all_to_all=False)(
        0 * ONE, ONE, 0 * ONE, 0 * ONE
    )
    assert syn.item() == mem.item() == 0.25


def test_feedback_through_nothing_or_two_things_is_refused():
    for options in ({}, {"linear_features": 2, "kernel_size": 3}, {"conv2d_channels": 2},
                    {"all_to_all": False, "linear_features": 2}):  # fmt: skip
        with pytest.raises(TypeError, match="through one connection"):
            snn.RLeaky(0.9, **options)


def test_a_fixed_weight_of_feedback_follows_the_module():
    layer = snn.RLeaky(0.9, V=torch.ones(2), all_to_all=False, learn_recurrent=False).double()
    spk, mem = layer(torch.ones(1, 2, dtype=torch.float64))
    assert spk.dtype == mem.dtype == torch.float64
    assert not list(layer.parameters())


def test_an_lstm_remembers_whatever_its_sizes():
    layer = snn.SLSTM(2, 5, threshold=0.1)
    _, _, once = layer(torch.ones(1, 2))
    _, _, twice = layer(torch.ones(1, 2))
    assert once.shape == (1, 5)
    assert not torch.equal(once, twice)


def test_even_kernels_keep_the_size():
    layer = snn.SConv2dLSTM(1, 2, 4)
    assert layer(torch.ones(1, 1, 6, 6))[2].shape == (1, 2, 6, 6)
    with pytest.raises(ValueError, match="one pool"):
        snn.SConv2dLSTM(1, 2, 3, max_pool=2, avg_pool=2)


def test_only_the_highest_membrane_fires_with_inhibition():
    with pytest.warns(UserWarning, match="one neuron"):
        layer = snn.Leaky(0.9, inhibition=True, graded_spikes_factor=3.0)
    spk, _ = layer(torch.tensor([[1.5, 2.5, 0.5], [0.1, 0.2, 0.3]]))
    assert spk.tolist() == [[0, 3, 0], [0, 0, 0]]
    assert layer(torch.rand(2, 3, 4, 4))[0].shape == (2, 3, 4, 4)


def test_graded_spikes_do_not_change_the_reset():
    for factor in (0.0, 2.5):
        layer = snn.Leaky(0.9, graded_spikes_factor=factor, reset_delay=False)
        assert stepped(layer, [1.5, 0]) == ([factor, 0.0], [0.5, 0.45])


def test_a_factor_that_is_changed_in_place_counts():
    layer = snn.Leaky(0.9)
    layer(ONE)
    layer.graded_spikes_factor.fill_(2.0)
    assert layer(2 * ONE)[0].item() == 2.0


def test_decays_are_clamped_and_whole_numbers_learned():
    layer = snn.Leaky(beta=2, threshold=1, learn_beta=True, learn_threshold=True)
    assert {name for name, _ in layer.named_parameters()} == {"beta", "threshold"}
    assert stepped(layer, [0.5, 0.0])[1] == [0.5, 0.5]


def test_the_circuit_follows_a_learned_decay():
    layer = snn.Lapicque(beta=0.5, learn_beta=True)
    _, mem = layer(0 * ONE, ONE / 2)
    assert mem.item() == pytest.approx((1 + torch.log(torch.tensor(0.5)).item()) / 2)
    mem.sum().backward()
    assert layer.beta.grad.item() == pytest.approx(1.0)  # d/d beta of ln(beta) / 2
    with pytest.raises(ValueError, match="two of them"):
        snn.Lapicque(R=5.0)


def test_alpha_wants_its_decays_in_order_and_learns_both():
    for alpha, beta in ((0.5, 0.5), (0.5, 0.9), (1.0, 1.0)):
        with pytest.raises(ValueError, match="beta < alpha"):
            snn.Alpha(alpha, beta)
    layer = snn.Alpha(0.9, 0.8, learn_alpha=True, learn_beta=True)
    layer(ONE)[3].sum().backward()
    assert layer.alpha.grad is not None


def test_setting_and_loading_a_reset_changes_what_is_done():
    layer = snn.Leaky(0.9)
    layer.reset_mechanism = "none"
    assert stepped(layer, [1.5, 0])[1] == [1.5, 1.35]
    layer.load_state_dict(snn.Leaky(0.9, reset_mechanism="zero").state_dict())
    assert layer.reset_mechanism == "zero"
    assert stepped(layer, [1.5, 0], mem=0 * ONE)[1] == [1.5, 0.0]
    with pytest.raises(ValueError, match="no reset has that name"):
        layer.reset_mechanism = "soft"


def test_quantised_states_lie_on_levels():
    quantise = quant.state_quant(num_bits=2, upper_limit=0.5)
    layer = snn.Leaky(0.9, state_quant=quantise, init_hidden=True)
    for _ in range(5):
        layer(torch.rand(4, 6))
    assert set(layer.mem.flatten().tolist()) <= set(quantise.levels.tolist())


def test_what_init_hidden_and_output_return():
    x = torch.rand(2, 3)
    assert len(snn.Synaptic(0.5, 0.5)(x)) == 3
    assert snn.Synaptic(0.5, 0.5, init_hidden=True)(x).shape == (2, 3)
    assert len(snn.Alpha(0.6, 0.5, init_hidden=True, output=True)(x)) == 4
    layer = snn.Leaky(0.5, init_hidden=True)
    layer(ONE / 2)
    with pytest.raises(TypeError, match="init_hidden=True"):
        layer(ONE, mem=ONE)
    assert layer.mem.item() == 0.5  # the call that failed changed nothing


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="Leaky missing a required argument: 'beta'"):
        snn.Leaky()
    with pytest.raises(TypeError, match="unexpected keyword argument 'tau'"):
        snn.Leaky(0.9, tau=3)
    with pytest.raises(TypeError, match="its state is"):
        snn.Leaky(0.9)(ONE, syn=ONE)
    with pytest.raises(NotImplementedError, match="has no step"):
        snn.LIF(0.9)(ONE)
    with pytest.raises(TypeError, match="got no beta"):
        snn.DeltaLeaky(1.0)


def test_a_neuron_of_ones_own():
    class Doubler(snn.SpikingNeuron):
        def forward(self, mem):
            return self.fire(2 * mem), self.mem_reset(mem)

    layer = Doubler(threshold=1.0)
    assert [v.item() for v in layer(0.75 * ONE)] == [1.0, 0.0]
    mem = torch.ones(2)
    snn.SpikingNeuron.zeros(mem)
    assert mem.tolist() == [0, 0]


def test_the_delta_neuron_takes_and_returns_a_pair():
    layer = snn.DeltaLeaky(delta_threshold=0.5, beta=1.0)
    spk, pair = layer(ONE, (None, None))
    assert spk.item() == 1.0
    spk, (mem, before) = layer(0 * ONE, pair)
    assert (spk.item(), mem.item(), before.item()) == (0, 1, 1)
    with pytest.raises(TypeError, match="got no mem"):
        layer(ONE)
    layer.reset_mem()
    assert layer.mem.item() == 0


def test_half_precision_stays_half():
    spk, mem = snn.Leaky(0.9)(torch.rand(2, 3, dtype=torch.bfloat16))
    assert spk.dtype == mem.dtype == torch.bfloat16
    net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9, init_hidden=True), nn.Linear(2, 2)).double()
    assert net(torch.rand(1, 3).double()).dtype == torch.float64
