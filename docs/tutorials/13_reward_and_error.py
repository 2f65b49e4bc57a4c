# %% [markdown]
# # 13. Reward and error
#
# STDP alone learns what the world is like, not what is wanted. A third factor says that: a reward
# that reaches all synapses alike, or an error that knows the neuron. This tutorial lets a synapse
# wait for its reward, then teaches the digits by BP-STDP, backpropagation written as STDP, and at
# last pretrains one layer by STDP for a network that learns the rest by gradients.

# %%
import torch
from matplotlib import pyplot as plt
from torch import nn

import spikeloom as sl
from spikeloom import plasticity
from spikeloom.plasticity import Dense, Local, Network, mstdpet

# %% [markdown]
# ## Who did it?
# Reward comes late. A synapse that saw its input fire just before its neuron remembers that for a
# while, in its *eligibility*; a reward turns what is remembered into weight (Florian's MSTDPET).
# Two inputs make the same neuron fire, A every 400 ms, B 200 ms after it. Each time 20 ms after A
# there is a reward. B's eligibility has long decayed by then, so A alone is strengthened.

# %%
x = torch.zeros(4000, 1, 2)
x[100::400, 0, 0] = x[300::400, 0, 1] = 1.0
reward = torch.zeros(4000)
reward[120::400] = 1.0

rule = mstdpet(0.2, a_minus=-0.5, tau_e=25e-3)
net = Network(dt=1e-3).source("in", 2).population("out", sl.LIF.from_tau(10e-3, dt=1e-3), 1)
net.connect("in", "out", Dense(torch.full((2, 1), 1.2), rule=rule, low=0.0, high=5.0))
kept, state = [net.weight("in -> out").flatten().clone()], None
for part, earned in zip(x.split(100), reward.split(100), strict=True):
    state = net.run({"in": part}, state, reward=earned).state
    kept.append(net.weight("in -> out").flatten().clone())
weights = torch.stack(kept)
ax = sl.plot.history(weights, at=[0.1 * k for k in range(len(kept))], x_label="time (s)")
ax.legend(["A, then a reward", "B, without one"], frameon=False)

# %% [markdown]
# A hundred lines of that learn exclusive or: `spikeloom run rstdp-xor`.
#
# ## An error that knows the neuron
# In BP-STDP (Tavanaei & Maida) a teacher fires every few steps for the right class. An output
# neuron that should have fired and did not gets STDP, one that should not have and did gets
# anti-STDP; hidden neurons that fired inherit the errors of the outputs through the weights. All
# that a synapse uses is who fired in the last few steps. `BPSTDP` wraps a network so that
# `backward` does that, hence any torch optimizer can follow.

# %%
images, labels = sl.data.digits("train")
test_images, test_labels = sl.data.digits("test")
generator = torch.Generator().manual_seed(0)


def spikes(x):
    """Bernoulli spikes, a quarter of the steps for a black pixel."""
    return sl.encode.rate(x / 16, steps=24, gain=0.25, generator=generator)


net = sl.models.TavanaeiAndMaida2017(
    64, (100,), 10, deviation=0.3, out_threshold=0.02, generator=generator
)
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
errors = []
for epoch in range(8):
    for x, y in sl.data.Batches(images, labels, size=32).epoch(epoch):
        out, _ = net(spikes(x))
        loss = net.loss(out, y)  # wrong windows per image
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
with torch.no_grad():
    out, _ = net(spikes(test_images))
by_error = float(sl.metric.accuracy(out, test_labels))
print(f"{100 * by_error:.1f} % of new digits, learned by BP-STDP")
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
left.plot(errors)
left.set(xlabel="batch", ylabel="errors per image")
sl.plot.confusion(test_labels, out.sum(0).argmax(1), ax=right)

# %% [markdown]
# ## One layer at a time
# Rules act on the layers of an ordinary network too. `Local` runs an `sl.Sequential` and lets the
# layers that it is told of learn from the spikes on both of their sides; a `WinnerTakeAll` behind
# the neurons decides who learns. Here a convolution finds strokes by STDP, without labels; then a
# linear layer behind it learns by gradients, with the convolution as it is.

# %%
conv = nn.Conv2d(1, 16, 4, bias=False)
nn.init.uniform_(conv.weight, 0.6, 0.9)
competing = sl.Sequential(
    conv,
    sl.IF(threshold=4.0, reset=-1e6, emit=("spike", "v")),  # fires once
    sl.WinnerTakeAll(over="features", lasting=True, ties="random"),
    sl.WinnerTakeAll(over="space", lasting=True, ties="random"),
)
learner = Local(competing, {0: plasticity.simplified(0.02, 0.015)})
for x, _ in sl.data.Batches(images / 16, labels, size=16).epoch(0):
    learner.run(sl.encode.latency(x, steps=8, threshold=0.1))
sl.plot.weights(conv.weight.detach()[:, 0], columns=8)

torch.manual_seed(0)
net = sl.Sequential(
    conv.requires_grad_(False), sl.IF(threshold=4.0, reset="none"), nn.Flatten(), nn.Linear(400, 10)
)
optimizer = torch.optim.Adam(net[-1].parameters(), lr=5e-3)
for epoch in range(8):
    for x, y in sl.data.Batches(images / 16, labels, size=64).epoch(epoch):
        out, _ = net(sl.encode.latency(x, steps=8, threshold=0.1))
        loss = nn.functional.cross_entropy(out.mean(0), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    out, _ = net(sl.encode.latency(test_images / 16, steps=8, threshold=0.1))
by_both = float((out.mean(0).argmax(1) == test_labels).float().mean())
print(f"{100 * by_both:.1f} % with strokes learned by STDP and a linear layer behind them")
plt.show()

# %%
assert weights[-1, 0] > 1.5 and weights[-1, 1] < 1.25
assert by_error > 0.85
assert by_both > 0.9
