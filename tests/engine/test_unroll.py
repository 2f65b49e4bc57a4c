"""`unroll`: what goes in, what comes out, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spikeloom.engine import BackendError, unroll

x = torch.rand(4, 2, 3)


def leaky(x, v, beta):
    v = beta * v + x
    return v, v


def anything(value) -> Any:
    """What a type checker would refuse."""
    return value


def two(x, y, v):
    return x + y, v * y, v + x


def test_one_output_is_a_tensor_and_several_are_a_tuple():
    out, state = unroll(leaky, x, (torch.zeros(2, 3),), (torch.tensor(0.5),))
    assert out.shape == x.shape
    assert isinstance(state, tuple) and state[0].shape == (2, 3)
    outs, state = unroll(two, (x, x), (torch.zeros(()),))
    assert isinstance(outs, tuple) and [o.shape for o in outs] == [x.shape, x.shape]


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_inputs_states_and_parameters_broadcast(backend):
    outs, (v,) = unroll(two, (x, x[:1, :1]), (torch.zeros(3),), backend=backend)
    assert outs[0].shape == x.shape and v.shape == (2, 3)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_parts_of_a_sequence_add_up(backend):
    args = (torch.rand(2, 3),), (torch.rand(3),)
    whole, end = unroll(leaky, x, *args, backend=backend)
    first, middle = unroll(leaky, x[:1], *args, backend=backend)
    second, last = unroll(leaky, x[1:], middle, args[1], backend=backend)
    assert torch.equal(torch.cat((first, second)), whole)
    assert torch.equal(last[0], end[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: unroll(leaky, anything([[1.0]])), TypeError, "x of type list.*torch.as_tensor"),
        (lambda: unroll(leaky, x.long()), TypeError, "dtype torch.int64.*x.float()"),
        (lambda: unroll(leaky, x, anything((0.0,))), TypeError, r"state\[0\] of type float"),
        (lambda: unroll(leaky, x, (torch.zeros(2).long(),)), TypeError, r"state\[0\] of dtype"),
        (
            lambda: unroll(leaky, x, (torch.zeros(5),), (torch.tensor(0.5),)),
            ValueError,
            r"state\[0\] of shape \(5,\) for steps of shape \(2, 3\)",
        ),
        (
            lambda: unroll(leaky, x, (torch.zeros(()),), (torch.zeros(2),)),
            ValueError,
            r"params\[0\] of shape \(2,\)",
        ),
        (lambda: unroll(two, (x, x[:3]), (torch.zeros(()),)), ValueError, "do not broadcast"),
        (lambda: unroll(two, (x, x.double()), ()), TypeError, "different kinds"),
        (lambda: unroll(leaky, x, backend="gpu"), ValueError, 'backend=.gpu.*Use "auto"'),
    ],
    ids=["list", "integers", "float state", "integer state", "state", "params", "time", "dtypes",
         "backend"],
)  # fmt: skip
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_backend_that_cannot_run_says_why():
    with pytest.raises(BackendError, match=r'cannot run leaky: .*meta.*backend="auto"'):
        unroll(leaky, x.to("meta"), (torch.zeros((), device="meta"),), (), backend="cpu")


def test_torch_func_transforms_run_on_the_reference():
    def loss(beta, x):
        return unroll(leaky, x, (torch.zeros(()),), (beta,))[0].sum()

    batch = torch.rand(5, *x.shape)
    betas = torch.full((), 0.5)
    found = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(betas, batch)
    for i in range(5):
        beta = betas.clone().requires_grad_()
        (expected,) = torch.autograd.grad(loss(beta, batch[i]), beta)
        torch.testing.assert_close(found[i], expected)


def test_forward_under_inference_mode_and_no_grad():
    args = x.requires_grad_(), (torch.zeros(()),), (torch.tensor(0.5),)
    expected, _ = unroll(leaky, *args, backend="reference")
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            out, _ = unroll(leaky, *args, backend="cpu")
        assert not out.requires_grad
        assert torch.equal(out, expected)
