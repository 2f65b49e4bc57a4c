"""The private interface of the tested torch still tells what the engine wants to know."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

from spikeloom.engine import private


class Ask(torch.autograd.Function):
    answers: list[bool] = []  # noqa: RUF012

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, *grads):
        Ask.answers.append(private.graph_is_kept())
        return grads[0]


def test_whether_the_graph_is_kept():
    Ask.answers.clear()
    y = Ask.apply(torch.ones(2, requires_grad=True)).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert Ask.answers == [True, False]


def test_transforms_of_torch_func():
    seen = []

    def f(x):
        seen.append(private.in_functorch())
        return x.sum()

    torch.func.grad(f)(torch.ones(2))
    f(torch.ones(2))
    assert seen == [True, False]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.torch.jit.trace:FutureWarning")
def test_tracers():
    seen = []

    def f(x):
        seen.append(private.is_traced())
        return x + 1

    make_fx(f)(torch.ones(2))
    torch.jit.trace(f, torch.ones(2), check_trace=False)
    f(torch.ones(2))
    assert seen == [True, True, False]


def test_forward_mode():
    assert not private.in_forward_ad()
    with forward_ad.dual_level():
        assert private.in_forward_ad()


def test_tensors_without_memory():
    assert private.has_memory(torch.ones(2))
    assert not private.has_memory(torch.ones(2).to_sparse())
    assert not private.has_memory(torch.ops.aten._efficientzerotensor((2,)))


def test_a_torch_that_lacks_a_function_is_answered_safely():
    assert private._find("no.such.thing", lambda: "safe")() == "safe"
