r"""SpikeProp on breast cancer, after Bohte, Kok and La Poutre (2002).

569 tumours, benign or malignant, by 30 measurements of their cell nuclei (Wisconsin, diagnostic:
scikit-learn's copy, which has to be installed). Each measurement, within 2.5 standard deviations
of the training mean, is spread over 6 receptive fields, which fire the earlier the stronger they
respond; a reference neuron fires at 0. 15 hidden neurons, and one output per class, asked to fire
at 12 ms for the class shown and at 16 ms for the other. Whichever fires first is the answer.

Five splits into two halves, the classes in equal parts, are learned side by side. The options were
chosen on a part of the training halves held back.

The paper used the older data set of 9 measurements (64 inputs, 15 hidden neurons, two outputs). Of
ours are the threshold, the initial weights and the learning rate, which falls to zero along a line.

References:
    S. M. Bohte, J. N. Kok, H. La Poutre, "Error-backpropagation in temporally encoded networks of
    spiking neurons", Neurocomputing 48 (2002), section 4.2, doi:10.1016/S0925-2312(01)00658-0.
    W. Wolberg, O. Mangasarian, N. Street, W. Street, "Breast Cancer Wisconsin (Diagnostic)", UCI
    Machine Learning Repository (1995), doi:10.24432/C5DW2B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.splits import OnSplits, encode, halves, learn

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Options(OnSplits):
    """How to train."""

    epochs: int = 6
    lr: float = 5e-4
    fields: int = 6
    hidden: int = 15


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train and test on each split.

    Args:
        options: How to train.
        run: Where to, with the seed of the first split.

    Returns:
        Mean accuracy on test and training tumours over the splits and the standard deviation of
        the former, in percent, and the seconds that training took.

    Raises:
        ModuleNotFoundError: If scikit-learn is not installed.
    """
    import torch

    sl.train.seed_everything(run.seed)
    x, label = tumours()
    parts = []
    for seed in range(run.seed, run.seed + options.seeds):
        train, test = halves(label, torch.Generator().manual_seed(seed))
        middle, spread = x[train].mean(0), 2.5 * x[train].std(0)
        times = encode(x, middle - spread, middle + spread, options, references=1)
        parts.append(((times[train], label[train]), (times[test], label[test])))

    generator = torch.Generator().manual_seed(run.seed)
    net = sl.models.Bohte2002(
        x.shape[1] * options.fields + 1,
        hidden=options.hidden,
        out_features=2,
        inhibitory=1,
        initial=(0.006, 0.03),
        members=options.seeds,
        generator=generator,
    )
    figures = learn(net, parts, options, generator)
    run.save_model(net)
    return figures


def tumours() -> tuple[Tensor, Tensor]:
    """The data set, from scikit-learn.

    Returns:
        Measurements `[569, 30]` and classes `[569]`: 0 malignant, 1 benign.

    Raises:
        ModuleNotFoundError: If scikit-learn is not installed.
    """
    import torch

    try:
        from sklearn.datasets import load_breast_cancer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "spikeprop-breast-cancer got no scikit-learn, which brings its data. Install it: "
            "pip install scikit-learn."
        ) from error
    x, label = load_breast_cancer(return_X_y=True)
    return torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(label, dtype=torch.int64)


RECIPE = Recipe(
    name="spikeprop-breast-cancer",
    summary="SpikeProp tells benign from malignant tumours by exact spike times.",
    paper="Bohte et al. 2002, Neurocomputing 48:17, doi:10.1016/S0925-2312(01)00658-0",
    options=Options,
    promises=(Promise("test_accuracy", 96.0, minutes=5, paper=97.0),),
    main=main,
)
