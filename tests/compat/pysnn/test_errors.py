"""What does not fit is refused, by a message that says what to do."""

from collections import OrderedDict
from typing import Any, cast

import pytest
import torch
from torch import nn

from spikeloom.compat.pysnn.connection import Connection, Conv2d, Linear
from spikeloom.compat.pysnn.learning import MSTDPET, FedeSTDP, OnlineSTDP
from spikeloom.compat.pysnn.network import SNNNetwork
from spikeloom.compat.pysnn.neuron import BaseNeuron, FedeNeuron, IFNeuron, Input, LIFNeuron

CELLS = (2, 1, 5)
FIRST = (1.0, 0.0, 0.6, 1.0, 1, 2)  # thresh, v_rest, alpha_v, alpha_t, dt, duration_refrac
WAYS = (0.5, 0.5)  # tau_v, tau_t
ONE, IMAGE = torch.ones(3, 1, 4), torch.ones(3, 1, 4, 4)


def linear(delay: Any = 0, inputs: int = 4, batch: int = 3) -> Connection:
    return Linear(inputs, 5, batch, 1, delay)


def lif(*ways: Any) -> BaseNeuron:
    return LIFNeuron(CELLS, *FIRST, *ways)


def layers() -> Any:
    net = SNNNetwork()
    net.add_layer("fc", Linear(5, 5, 2, 1, 0), lif(*WAYS))
    return net.layer_state_dict()


def add(name: str, connection: Any = None, neuron: Any = None) -> None:
    net = SNNNetwork()
    net.add_layer("fc", linear(), lif(*WAYS))
    net.add_layer(name, connection or linear(), neuron or lif(*WAYS))


WRONG = {
    "delay 1.5": (lambda: linear(cast("int", 1.5)), TypeError, "counts steps"),
    "delay -1": (lambda: linear(-1), ValueError, "whole number of steps"),
    "delay 0.5": (lambda: linear(torch.tensor(0.5)), ValueError, "whole number of steps"),
    "delays 3 x 3": (lambda: linear(torch.ones(3, 3)), ValueError, "per synapse"),
    "other inputs": (lambda: linear(inputs=5)(ONE, ONE), ValueError, "B, F, 5"),
    "another batch": (lambda: linear(batch=2)(ONE, ONE), ValueError, "batch_size=2"),
    "a distribution": (lambda: linear().reset_weights("x"), ValueError, "kaiming_normal"),
    "a large kernel": (lambda: Conv2d(1, 1, 5, (3, 3), 1, 1, 0), ValueError, "does not fit"),
    "one axis": (lambda: Conv2d(1, 1, 3, (9,), 1, 1, 0), ValueError, "height and the width"),
    "another image": (
        lambda: Conv2d(1, 1, 3, (9, 9), 3, 1, 0)(IMAGE, IMAGE), ValueError, "of both",
    ),
    "a decay": (lambda: lif(5.0, 0.5), ValueError, "tau_v=5.0"),
    "a time constant": (lambda: lif(5.0, 0.0, "exponential"), ValueError, "tau_t=0.0"),
    "a word": (lambda: lif(*WAYS, "cubic"), ValueError, "there are two"),
    "an argument": (lambda: lif(), TypeError, "It takes"),
    "no multiple": (
        lambda: IFNeuron(CELLS, 1.0, 0.0, 1.0, 1.0, 1, 2.5, 0.5), ValueError, "multiple of dt",
    ),
    "other cells": (lambda: lif(*WAYS)(torch.ones(2, 1, 4, 3)), ValueError, "synapses of each"),
    "no trace": (
        lambda: FedeNeuron(CELLS, *FIRST, 5.0, 5.0)(torch.ones(*CELLS, 1)), TypeError, "no trace",
    ),
    "another input": (lambda: Input(CELLS, 1, 1.0, 0.5)(ONE), ValueError, "one value per cell"),
    "no layers": (lambda: OnlineSTDP(OrderedDict()), ValueError, "add_layer"),
    "a network": (lambda: OnlineSTDP(cast("Any", SNNNetwork())), TypeError, "layer_state_dict"),
    "a rate": (lambda: FedeSTDP(layers(), 0.0, 0.5, 0.0), ValueError, "lr=0.0"),
    "rewards": (
        lambda: MSTDPET(layers(), 1, 1, 1, 0).step(torch.ones(3)), ValueError, "2 samples",
    ),
    "a name twice": (lambda: add("fc"), KeyError, "Choose another"),
    "no name": (lambda: add(""), KeyError, "not empty"),
    "a dot": (lambda: add("a.b"), KeyError, "no dot"),
    "no neuron": (lambda: add("a", neuron=linear()), TypeError, "add_layer"),
    "torch's layer": (lambda: add("a", nn.Linear(4, 5)), TypeError, "Conv2d connection"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_errors_say_what_to_do(what: str) -> None:
    call, kind, words = WRONG[what]
    with pytest.raises(kind, match=words):
        call()
