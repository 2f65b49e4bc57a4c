"""A program of STDP: zeros and ones are learned without labels, and told apart."""

import torch

from spikeloom.compat.n3ml import learning
from spikeloom.compat.n3ml.encoder import PoissonEncoder
from spikeloom.compat.n3ml.model import DiehlAndCook2015, DiehlAndCook2015Infer
from spikeloom.compat.n3ml.network import Network
from spikeloom.plasticity.readout import all_activity, assign
from tests.compat.n3ml.digit_images import images

STEPS = 60


def present(model: Network, image: torch.Tensor, learn: bool) -> None:
    model.init_param()
    for spikes in PoissonEncoder(STEPS)(40 * image).view(STEPS, -1):
        model.run({"inp": spikes})
        if learn:
            model.update()


def responses(model: Network, x: torch.Tensor) -> torch.Tensor:
    """Spikes per neuron, image by image."""
    rows = []
    for image in x:
        present(model, image, learn=False)
        rows.append(model.exc.count.clone())
    return torch.stack(rows)


def test_zeros_and_ones_are_told_apart():
    model = DiehlAndCook2015(neurons=8)
    start = model.xe.w.clone()
    x, labels = images(50)
    for image in x:
        present(model, image, learn=True)
        model.normalize()
    assert torch.allclose(model.xe.w.sum(1), torch.tensor(78.4))
    assert model.xe.w.std(0).max() > 1.3 * start.std(0).max()  # neurons have become different

    judge = DiehlAndCook2015Infer(neurons=8)
    judge.load_state_dict(model.state_dict())
    classes = assign(responses(judge, x[-30:]), labels[-30:], 2)
    test, wanted = images(30, split="test")
    found = all_activity(responses(judge, test), classes).argmax(1)
    assert (found == wanted).float().mean() >= 0.8
    assert torch.equal(judge.xe.w, model.xe.w)


def test_the_network_for_inference_moves_nothing():
    model = DiehlAndCook2015Infer(neurons=5)
    model.exc.theta.fill_(1.0)
    before = model.xe.w.clone()
    present(model, images(1)[0], learn=True)
    assert model.exc.v.ne(-65.0).any()
    assert torch.equal(model.xe.w, before) and (model.exc.theta == 1.0).all()


def test_who_fires_holds_back_all_others():
    model = DiehlAndCook2015(3, learning_rule=learning.PostPre)
    model.xe.w.fill_(0.005)
    model.xe.w[1] = 0.02  # above the threshold at once
    for _ in range(4):
        model.run({"inp": torch.ones(784)})
    assert model.exc.v[0] < -100 and model.exc.v[2] < -100
