"""A rule on a matrix of weights, given the spikes on both of its sides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from spikeloom.plasticity.rule import Rule
from spikeloom.plasticity.trace import Trace

_MOST = 1 << 22  # numbers in a temporary tensor


class MatrixState(NamedTuple):
    """What the synapses of a matrix remember."""

    traces: dict[str, Tensor]
    """Trace to its values, presynaptic `[N, I]`, postsynaptic `[N, O]`."""
    eligibility: Tensor | None
    """`[N, O, I]`, if the rule has one."""


@torch.no_grad()
def learn(
    weight: Tensor,
    rule: Rule,
    pre: Tensor,
    post: Tensor,
    state: MatrixState | None = None,
    *,
    dt: float = 1e-3,
    reward: Tensor | None = None,
    low: float = -math.inf,
    high: float = math.inf,
) -> MatrixState:
    """Change weights in place by a rule, in the order that `Rule` gives.

    Only synapses at which a spike arrives or leaves are visited, unless the rule acts at every
    step; where a rule adds what does not depend on the weight, such as `stdp.pair`, their changes
    are a matrix product.

    Args:
        weight: `[O, I]`, changed.
        rule: How it learns.
        pre: Spikes as they arrive, `[T, N, I]`, of N samples; all that is not 0 is one.
        post: Spikes of the neurons that they reach, `[T, N, O]`.
        state: What the call before returned for these samples; None begins anew.
        dt: Seconds per step.
        reward: `[T, N]`; None is 0.
        low: Least weight.
        high: Largest weight.

    Returns:
        The state after the last step.

    Example:
        >>> from spikeloom.plasticity import stdp
        >>> w = torch.zeros(1, 2)
        >>> pre = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]])  # one input fires, then the neuron
        >>> post = torch.tensor([[[0.0]], [[1.0]]])
        >>> state = learn(w, stdp.pair(nu_post=0.1), pre, post)
        >>> w  # 0.1 * exp(-1 / 20)
        tensor([[0.0951, 0.0000]])
    """
    steps, samples, _ = pre.shape
    if reward is None:
        reward = pre.new_zeros(steps, samples)
    if state is None:
        traces = {x: pre.new_zeros(pre.shape[1:]) for x in rule.pre}
        traces |= {x: post.new_zeros(post.shape[1:]) for x in rule.post}
        e = None if rule.eligibility is None else pre.new_zeros(samples, *weight.shape)
    else:
        traces, e = dict(state.traces), state.eligibility
        e = None if e is None else e.clone()
    additive = frozenset(event for event in ("on_pre", "on_post") if _is_additive(rule, event))
    pre, post = ((spikes != 0).to(spikes.dtype) for spikes in (pre, post))
    for arrived, fired, paid in zip(pre, post, reward, strict=True):
        for x, kind in (*rule.pre.items(), *rule.post.items()):
            traces[x] = traces[x] * kind.decay(dt)
        if e is not None and rule.eligibility is not None:
            e *= rule.eligibility.decay(dt)
        now = _Now(rule, traces, paid, low, high, additive)
        _at_spikes(now, "on_pre", weight.T, None if e is None else e.transpose(1, 2), arrived)
        traces |= {x: kind.after(traces[x], arrived) for x, kind in rule.pre.items()}
        _at_spikes(now, "on_post", weight, e, fired)
        traces |= {x: kind.after(traces[x], fired) for x, kind in rule.post.items()}
        _always(now, weight, e)
    return MatrixState(traces, e)


class _Now(NamedTuple):
    """What a rule is told in one step, apart from who fires."""

    rule: Rule
    traces: dict[str, Tensor]
    """Of this moment: spikes enter it one side after the other."""
    reward: Tensor
    """`[N]`."""
    low: float
    high: float
    additive: frozenset[str]
    """Events at which it adds something that does not depend on the weight."""


def _at_spikes(
    now: _Now,
    event: Literal["on_pre", "on_post"],
    weight: Tensor,
    e: Tensor | None,
    spikes: Tensor,
) -> None:
    """What happens at the spikes `[N, A]` of one side, for weights `[A, other side]`."""
    rule, change = now.rule, getattr(now.rule, event)
    if change is None:
        return
    own, other = _sides(rule, event)
    if event in now.additive:
        given = {"w": weight.new_zeros(()), **_constants(rule, weight)}
        given |= {x: now.traces[x] for x in other}
        added = change(*(given[name] for name in rule.takes(event)))
        _add(weight, spikes.T @ added.expand(len(spikes), weight.shape[1]), now)
        return
    where = spikes.nonzero()
    total = torch.zeros_like(weight)
    for n, a in (part.unbind(1) for part in where.split(max(1, _MOST // weight.shape[1]))):
        w = weight[a]
        values = {"w": w, "reward": now.reward[n][:, None], **_constants(rule, w)}
        values |= {x: now.traces[x][n, a][:, None] for x in own}
        values |= {x: now.traces[x][n] for x in other}
        if e is not None:
            values["e"] = e[n, a]
        new = change(*(values[name] for name in rule.takes(event)))
        if e is not None:
            e[n, a] = new.expand_as(w)
        else:
            total.index_add_(0, a, (new - w).expand_as(w))
    _add(weight, total, now)


def _always(now: _Now, weight: Tensor, e: Tensor | None) -> None:
    """What happens at every step, at every synapse."""
    rule = now.rule
    if rule.every is None:
        return
    total = torch.zeros_like(weight)
    for part in torch.arange(len(now.reward)).split(max(1, _MOST // weight.numel())):
        values = {
            "w": weight,
            "reward": now.reward[part][:, None, None],
            **_constants(rule, weight),
        }
        values |= {x: now.traces[x][part][:, None, :] for x in rule.pre}
        values |= {x: now.traces[x][part][:, :, None] for x in rule.post}
        if e is not None:
            values["e"] = e[part]
        new = rule.every(*(values[name] for name in rule.takes("every")))
        total += (new - weight).expand(len(part), *weight.shape).sum(0)
    _add(weight, total, now)


def _sides(rule: Rule, event: str) -> tuple[Mapping[str, Trace], Mapping[str, Trace]]:
    """Traces of the side that fires, and of the other one."""
    return (rule.pre, rule.post) if event == "on_pre" else (rule.post, rule.pre)


def _is_additive(rule: Rule, event: str) -> bool:
    """Whether all that is added at a spike comes from traces of the other side: tried out."""
    change = getattr(rule, event)
    if change is None or rule.eligibility is not None:
        return False
    _, other = _sides(rule, event)
    if not set(rule.takes(event)) <= {"w", *other, *rule.params}:
        return False
    tried = torch.tensor([-2.0, -0.5, 0.0, 0.3, 1.0, 3.0], dtype=torch.float64)
    values = _constants(rule, tried) | {x: tried.roll(k) for k, x in enumerate(other, 1)}
    deltas = []
    for w in (tried, tried.flip(0), torch.zeros_like(tried)):
        given = values | {"w": w}
        deltas.append(change(*(given[name] for name in rule.takes(event))) - w)
    return all(torch.allclose(delta, deltas[0], rtol=1e-9, atol=1e-12) for delta in deltas)


def _constants(rule: Rule, like: Tensor) -> dict[str, Tensor]:
    return {name: like.new_tensor(value) for name, value in rule.params.items()}


def _add(weight: Tensor, change: Tensor, now: _Now) -> None:
    """Bounds hold for the weights that change."""
    if now.low == -math.inf and now.high == math.inf:
        weight += change
        return
    weight.copy_(torch.where(change != 0, (weight + change).clamp(now.low, now.high), weight))
