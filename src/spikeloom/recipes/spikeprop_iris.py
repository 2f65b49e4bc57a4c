r"""SpikeProp on Fisher's Iris, by Bohte, Kok and La Poutre (2002).

Each of the four lengths is spread over 12 receptive fields, which fire the earlier the stronger
they respond, within 9 ms; two reference neurons fire at 0. The network has 10 hidden neurons and
one output per species, asked to fire at 12 ms for the species shown and at 16 ms for the others.
Whichever fires first is the answer.

Twenty splits into 75 flowers to learn from and 75 to test on, the species in equal parts, are
learned side by side, one flower at a time. The range of the fields comes from the training flowers.
Training ends after a number of epochs that, with the other options, was chosen by three-fold
cross-validation within the training halves.

Ours where the paper is silent: threshold and initial weights, and so the learning rate, which falls
to zero along a line; one hidden neuron starts inhibitory, and weights may change sign. The paper
trains for 1,000 epochs.

References:
    S. M. Bohte, J. N. Kok, H. La Poutre, "Error-backpropagation in temporally encoded networks of
    spiking neurons", Neurocomputing 48 (2002), section 4.2, doi:10.1016/S0925-2312(01)00658-0.
"""

from __future__ import annotations

from dataclasses import dataclass

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.splits import OnSplits, encode, halves, learn


@dataclass(frozen=True)
class Options(OnSplits):
    """How to train."""

    seeds: int = 20


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train and test on each split.

    Args:
        options: How to train.
        run: Where to, with the seed of the first split.

    Returns:
        Mean accuracy on test and training flowers over the splits and the standard deviation of
        the former, in percent, and the seconds that training took.
    """
    import torch

    sl.train.seed_everything(run.seed)
    x, species = sl.data.iris()
    parts = []
    for seed in range(run.seed, run.seed + options.seeds):
        train, test = halves(species, torch.Generator().manual_seed(seed))
        low, high = x[train].amin(0), x[train].amax(0)
        times = encode(x, low, high, options, references=2)
        parts.append(((times[train], species[train]), (times[test], species[test])))
    generator = torch.Generator().manual_seed(run.seed)
    net = sl.models.Bohte2002(
        4 * options.fields + 2,
        hidden=options.hidden,
        inhibitory=1,
        members=options.seeds,
        generator=generator,
    )
    figures = learn(net, parts, options, generator)
    run.save_model(net)
    return figures


RECIPE = Recipe(
    name="spikeprop-iris",
    summary="SpikeProp learns Iris from exact spike times, on twenty splits at once.",
    paper="Bohte et al. 2002, Neurocomputing 48:17, doi:10.1016/S0925-2312(01)00658-0",
    options=Options,
    promises=(
        Promise("test_accuracy", 95.0, minutes=1, paper=96.1),
        Promise("seconds", 60, op="<=", unit="s", minutes=1),
    ),
    main=main,
)
