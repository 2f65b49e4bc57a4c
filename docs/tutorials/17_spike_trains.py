# %% [markdown]
# # 17. Learning spike trains
#
# Before gradients there were rules: compare what a neuron sent with what it should have sent, and
# change each weight by what its input did just before. This tutorial teaches one neuron a train of
# spikes with three such rules, measures how far it is off, and trains a tempotron, which need not
# fire at given times, only for some patterns and not for others.

# %%
import torch
from matplotlib import pyplot as plt

import spikeloom as sl
from spikeloom.spiketime import SPAN, Chronotron, EventPropLayer, EventPropReadout, Events, ReSuMe

MS = 1e-3
WINDOW, INPUTS = 200 * MS, 200

# %% [markdown]
# ## A task
# Two hundred inputs fire at random, always the same way. The neuron should fire five times.

# %%
generator = torch.Generator().manual_seed(0)
x = Events.from_times(WINDOW * torch.rand(1, INPUTS, 2, generator=generator), WINDOW)
target = Events.from_times(MS * torch.tensor([[[40.0, 75.0, 110.0, 150.0, 180.0]]]), WINDOW)

# %% [markdown]
# ## How far is a train from another?
# Victor and Purpura count what it costs to turn one into the other: 1 to take a spike out or put
# one in, $q$ times the distance to move it. Two spikes further apart than $2 / q$ are no longer the
# same spike. Exact times have an exact distance, with a gradient.

# %%
shifts = torch.linspace(-60 * MS, 60 * MS, 241)
one = torch.full((241, 1), 100 * MS)
for cost in (25.0, 50.0, 100.0):
    d = sl.spiketime.victor_purpura(one + shifts[:, None], one, cost=cost, reduction="none")
    plt.plot(1e3 * shifts, d, label=f"q = {cost:.0f} / s")
plt.legend(frameon=False)
plt.xlabel("shift of a spike, ms")
plt.ylabel("distance")

# %% [markdown]
# ## Three rules
# For every input $i$, a sum over the spikes asked for minus the same sum over those sent:
#
# - `ReSuMe`: how recently the input fired, $e^{-s / \tau}$;
# - `SPAN`: how much input and output overlap once both are smoothed, before *and* after;
# - `Chronotron`: pairs spikes by the distance above; adds, removes or shifts each by what the input
#   did to the potential there.
#
# Each is an optimizer that teaches one layer: `rule.learn(x, target)` presents once. Where the
# train is the target, nothing changes.

# %%
rules = {"ReSuMe": (ReSuMe, 0.03), "SPAN": (SPAN, 0.01), "Chronotron": (Chronotron, 0.15)}
figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained", sharey=True)
distances = {}
for ax, (name, (rule, lr)) in zip(axes, rules.items(), strict=True):
    neuron = EventPropLayer(
        INPUTS, 1, tau_mem=10 * MS, tau_syn=2 * MS, fan=40, reach=0.5,
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    update = rule(neuron, lr=lr)
    distances[name] = []
    sent = []
    for _ in range(80):
        out = update.learn(x, target)
        sent.append(1e3 * out.time)
        distances[name].append(
            float(sl.spiketime.victor_purpura(out.times(), target.times(), cost=100.0))
        )
    ax.eventplot(sent, color="black")
    ax.vlines(1e3 * target.time, 0, 80, color="tab:red", lw=0.5)
    ax.set(title=name, xlabel="ms")
axes[0].set_ylabel("presentation")
figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
for name, d in distances.items():
    ax.plot(d, label=name)
    print(f"{name:10}: distance {d[0]:.2f} at first, {d[-1]:.2f} after {len(d)} presentations")
ax.set(xlabel="presentation", ylabel="distance, q = 100 / s")
ax.legend(frameon=False)

# %% [markdown]
# ## The tempotron
# Twenty patterns of a hundred inputs, each of which fires once, at random. For half of them the
# neuron should fire, at any time, for the others not at all (Guetig and Sompolinsky, 2006). Its
# potential is a leaky integrator's; it fires if the highest value passes the threshold. Wherever
# the answer is wrong, the weights move by what each input did to the potential at its highest: the
# gradient of `tempotron_loss`, which any torch optimizer takes.

# %%
g = torch.Generator().manual_seed(2)
patterns = Events.from_times(0.5 * torch.rand(20, 100, generator=g), window=0.5)
fires = (torch.arange(20) < 10)[:, None]
tempotron = EventPropReadout(100, 1, tau_mem=15 * MS, tau_syn=3.75 * MS, read="max", generator=g)
optimizer = torch.optim.SGD(tempotron.parameters(), lr=0.1, momentum=0.9)
with torch.no_grad():
    before, _ = tempotron(patterns)
rounds = []  # the part of the patterns answered rightly
while len(rounds) < 200 and 1.0 not in rounds:
    peak, _ = tempotron(patterns)
    rounds.append(((peak >= 1.0) == fires).float().mean().item())
    optimizer.zero_grad()
    sl.spiketime.tempotron_loss(peak, fires).backward()
    optimizer.step()
figure, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
for column, values in enumerate((before, peak.detach())):
    side = torch.where(fires, 0.1, -0.1)
    ax.scatter(column + side, values, c=fires.float(), cmap="coolwarm", s=12)
ax.axhline(1.0, ls="--", color="0.6")
ax.set_xticks([0, 1], ["before", "after"])
ax.set_ylabel("highest potential")
print(f"tempotron: {100 * rounds[-1]:.0f} % of the patterns after {len(rounds)} epochs")

# %%
assert all(d[-1] < 0.7 for d in distances.values()) and rounds[-1] == 1.0
plt.show()
