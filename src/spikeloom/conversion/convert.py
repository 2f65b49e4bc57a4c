"""`convert`: a trained ANN as a spiking network, with receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from spikeloom.conversion.build import Builder, Rule
from spikeloom.conversion.calibration import Batch, check_batches, check_model, check_same
from spikeloom.conversion.coding import encode
from spikeloom.conversion.diehl_data import diehl_data
from spikeloom.conversion.diehl_model import diehl_model
from spikeloom.conversion.graph import Graph, Node
from spikeloom.conversion.measure import accuracy, agreement
from spikeloom.conversion.mmse import mmse
from spikeloom.conversion.network import Converted
from spikeloom.conversion.options import ConversionOptions, Method, Options
from spikeloom.conversion.percentile import percentile
from spikeloom.conversion.report import Report
from spikeloom.conversion.rewrite import rewrite
from spikeloom.conversion.spike_norm import spike_norm
from spikeloom.conversion.trace import trace
from spikeloom.diagnose.operations import count_operations

_AT_ONCE = 32  # samples that spike together while thresholds are sought: T times their memory
_COUNTED = 16  # samples on which operations are counted


def convert(
    ann: nn.Module,
    calibration: Iterable[Any],
    *,
    method: Method = "percentile",
    steps: int = 32,
    test: Iterable[Any] | None = None,
    **options: Unpack[ConversionOptions],
) -> tuple[Converted, Report]:
    r"""Convert a trained feed-forward ANN to integrate-and-fire neurons.

    Every activation becomes neurons that keep the weights before them. With thresholds $\lambda$
    in the ANN's units and $u$ the unit of the spikes that they read,

    $$ v_t = v_{t-1} + \sum_j W_{ij} s_j[t] + \frac{b_i}{u} - \theta\, s_i[t], \qquad
       \theta = \frac{\lambda_l}{u}, \qquad \frac{\lambda_l}{T} \sum_t s_i[t] \approx a_i, $$

    where u is $\lambda_{l-1}$, unless corrected: thresholds are ratios. Batch norm is folded into
    the weights; sums and concatenations get inputs of one scale; max-pooling becomes a gate that
    follows the neuron with the largest running sum; a leaky ReLU becomes two populations. `QCFS`
    and `TrainableClip` bring their thresholds along. What has no spiking counterpart is refused.

    Args:
        ann: A network in evaluation mode, of Linear, Conv1d, Conv2d, BatchNorm, dropout, pooling,
            flattening, sums, concatenations and the ReLU family, as modules or functions.
        calibration: Samples as in training, with the same preprocessing: a tensor `[B, ...]`, or
            batches, tensors or pairs `(samples, labels)`. Some hundred will do.
        method: How thresholds are found: `"percentile"` (Rueckauer 2017), `"mmse"` per channel (Li
            2021, the best for few steps), `"diehl-data"`, `"diehl-model"` (Diehl 2015),
            `"spike-norm"` (Sengupta 2019).
        steps: $T$, for which the network is meant; it runs for as long as you like.
        test: Batches with labels for the accuracy in the report; the calibration set's if None.
        **options: `percentile` (99.9), for the method of that name. `reset`: `"subtract"`, which
            loses nothing, or `"zero"` as in the older papers. `v0` (0.5): membrane at the start, as
            a fraction of the threshold; a half makes rounding out of truncation. `gain` (1.0):
            factor of all thresholds that are measured; 0.8 to 0.9 trades clipping for latency.
            `bias_shift`: $\theta / 2T$ at every step (Deng & Gu 2021), another way to round, to be
            used with `v0=0`. `correct`: some of `"scale"`, `"bias"`, `"potential"`, layer by layer:
            the unit u of a spike, for `reset="zero"` (after Rueckauer 2017), and what rates lack on
            average (Li 2021). `input`: `"constant"`, `"poisson"`, or `"signed"` for inputs with a
            sign. `readout`: `"membrane"` sums the last layer's current, `"count"` lets it spike,
            `"softmax"` gives probabilities. `max_pool`: `"gate"` or `"average"`, which changes the
            network. `seed`: of random input.

    Returns:
        The spiking network, and the report.

    Raises:
        TypeError: If the network is no module or a batch no tensor.
        ValueError: If the network is in training mode or cannot be converted, or the calibration
            set is empty, does not fit, or leaves a layer silent.

    References:
        Diehl et al. (2015), doi:10.1109/IJCNN.2015.7280696; Rueckauer et al. (2017),
        doi:10.3389/fnins.2017.00682; Sengupta et al. (2019), doi:10.3389/fnins.2019.00095; Deng &
        Gu (2021), arXiv:2103.00476; Li et al. (2021), arXiv:2106.06984.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> ann = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
        >>> x = torch.rand(64, 4)
        >>> snn, report = convert(ann, x, method="mmse", steps=64)
        >>> y, state = snn(snn.encode(x))
        >>> tuple(y.shape), bool((snn.scale * y.mean(0) - ann(x)).abs().max() < 0.02)
        ((64, 64, 3), True)
    """
    chosen = Options.of(method=method, steps=steps, **options)
    check_model(ann)
    batches = check_batches(ann, calibration)
    tests = batches if test is None else check_batches(ann, test, "test")
    images = [part for batch in batches for part in batch.x.split(_AT_ONCE)]
    with torch.no_grad():
        traced, notes = trace(ann, images[0][:2])
        check_same(ann, traced, images[0], notes)
        graph = _prepared(traced, chosen).to(images[0])
        if not graph.of_kind("activation"):
            raise ValueError(
                f"convert got {type(ann).__name__}, in which nothing could spike: neurons take the "
                "place of activations. Put nn.ReLU() between the layers."
            )
        input_scale = _input_scale(images, chosen)
        generator = torch.Generator(images[0].device).manual_seed(chosen.seed)
        inputs = [encode(x, steps, chosen.input, input_scale, generator) for x in images]
        builder = Builder(graph, _rule(graph, images, chosen), chosen, images, inputs, input_scale)
        net, scale, neurons = builder.build()
    found = builder.thresholds, builder.units
    snn = Converted(net, scale, input_scale, chosen, neurons, *found).eval()
    return snn, Report(
        chosen,
        tuple(notes),
        agreement(graph, snn, images, generator),
        count_operations(snn, inputs[0][:, :_COUNTED]),
        accuracy(ann, snn, tests, steps, generator) if _labelled(tests) else None,
    )


def _labelled(batches: Sequence[Batch]) -> bool:
    return all(batch.labels is not None for batch in batches)


def _prepared(traced: Graph, options: Options) -> Graph:
    graph = rewrite(traced, options.max_pool)
    if options.readout == "count" and graph[graph.output].kind != "activation":
        last = Node("readout", "activation", (graph.output,), nn.ReLU())
        graph = Graph((*graph, last), "readout")
    return graph


def _input_scale(images: Sequence[Tensor], options: Options) -> Tensor:
    """Poisson and signed input cannot exceed a spike per step: the largest value is one."""
    one = images[0].new_ones(())
    if options.input == "constant":
        return one
    return torch.stack([one, *(x.abs().max() for x in images)]).max()


def _rule(graph: Graph, images: Sequence[Tensor], options: Options) -> Rule:
    if options.method == "spike-norm":
        return spike_norm
    found = {
        "diehl-data": lambda: diehl_data(graph, images),
        "diehl-model": lambda: diehl_model(graph, images),
        "percentile": lambda: percentile(graph, images, options.percentile),
        "mmse": lambda: mmse(graph, images, options.steps, options.v0),
    }[options.method]()
    return lambda site: found[site.node.name]
