# %% [markdown]
# # 15. First spikes in closed form
#
# If every neuron fires once at most, an image is read after a few milliseconds and a few hundred
# spikes. For some neurons the time of that spike is a formula (Mostafa, 2017; Goeltz and others,
# 2021), and a network of them is trained like any other. This tutorial derives the formula from the
# layer, looks at what can go wrong, and reads digits.

# %%
from functools import partial

import torch
from matplotlib import pyplot as plt
from torch import nn

import spikeloom as sl

MS = 1e-3

# %% [markdown]
# ## Which inputs count?
# `IFFirstSpike` integrates exponential currents and does not leak, so an input of weight $w$ lifts
# the membrane to $w$ in the end. In $z = e^{t / \tau}$ the first spike is a fraction of sums over
# the inputs that came before it, the causal set:
#
# $$ z_o = \frac{\sum_{i \in C} w_i z_i}{\sum_{i \in C} w_i - \theta} $$
#
# Nobody knows $C$ beforehand. The layer sorts the inputs and goes through them until the crossing
# that the formula gives lies before the next input.

# %%
tau = 10 * MS
layer = sl.spiketime.IFFirstSpike(4, 1, tau_syn=tau, window=50 * MS)
layer.weight.data = torch.tensor([[0.9, 0.7, -0.5, 0.8]])
times = MS * torch.tensor([[2.0, 5.0, 9.0, 14.0]])
fires = layer(times).item()
for count in range(1, 5):
    w, z = layer.weight[0, :count].detach(), torch.exp(times[0, :count] / tau)
    t = tau * torch.log((w * z).sum() / (w.sum() - 1)) if w.sum() > 1 else torch.tensor(torch.inf)
    print(f"with {count} inputs {1e3 * t:5.1f} ms, the next comes at", end=" ")
    print(f"{1e3 * times[0, count]:.0f} ms" if count < 4 else "no time")
print(f"the layer says {1e3 * fires:.1f} ms")

# %% [markdown]
# Three neurons with these weights, in a picture: without a leak, and the two leaky ones that have a
# closed form, `LIFFirstSpike` with $\tau_{mem} = 2 \tau_{syn}$ (a square root) and $\tau_{mem} =
# \tau_{syn}$ (Lambert's W). Their responses are a quarter and $1 / e$ high, so they get larger
# weights here.

# %%
at = torch.linspace(0, 40 * MS, 400)
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for name, other, scale in (
    ("no leak", layer, 1.0),
    ("ratio 2", sl.spiketime.LIFFirstSpike(4, 1, ratio=2, tau_syn=tau), 4.0),
    ("ratio 1", sl.spiketime.LIFFirstSpike(4, 1, ratio=1, tau_syn=tau), 2.7),
):
    other.weight.data = scale * torch.tensor([[0.9, 0.7, -0.5, 0.8]])
    (line,) = ax.plot(1e3 * at, other.potential(times, at)[:, 0, 0].detach(), label=name)
    ax.plot(1e3 * other(times).detach(), [[1.0]], "o", color=line.get_color())
ax.axhline(1.0, ls="--", color="0.6")
ax.eventplot(1e3 * times[0], lineoffsets=-0.3, linelengths=0.3, color="black")
ax.set(xlabel="ms", ylabel="potential")
ax.legend(frameon=False)

# %% [markdown]
# ## Silence
# A neuron that does not fire has the time infinity and no gradient, so nothing brings it back.
# Three remedies: `silent="window"` gives it the end of the window as its time, with the gradient of
# a crossing there; `silence_loss` lifts the highest potential of silent neurons; `weight_sum_loss`
# asks that all inputs together could make a neuron fire. If a whole layer is silent, it warns.

# %%
quiet = sl.spiketime.IFFirstSpike(4, 1, tau_syn=tau, initial=(0.1, 0.1))
woken = []
optimizer = torch.optim.SGD(quiet.parameters(), lr=0.2)
while not quiet.fires(times).any():
    loss = sl.spiketime.silence_loss(quiet, times)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    woken.append(loss.item())
print(f"woken after {len(woken)} steps, fires at {1e3 * quiet(times).item():.1f} ms")

# %% [markdown]
# ## Digits
# A pixel fires the earlier the brighter it is, dark ones not at all. Two layers; the first of ten
# output neurons is the answer, and the loss asks it to lead. Surges, where a potential only just
# arrives, are bounded by `min_slope`.

# %%
images, labels = sl.data.digits("train")
test_images, test_labels = sl.data.digits("test")


def encode(x, generator=None):
    """`[B, 1, 8, 8]` to times `[B, 64]`."""
    bright = x.flatten(1).float() / 16
    return torch.where(bright > 0.1, 20 * MS * (1 - bright), torch.inf)


torch.manual_seed(0)
hidden = sl.spiketime.IFFirstSpike(64, 60, window=50 * MS, min_slope=10.0, initial=(-0.1, 0.25))
read = sl.spiketime.IFFirstSpike(
    60, 10, window=50 * MS, min_slope=10.0, initial=(-0.15, 0.25), silent="window"
)
history = sl.train.fit(
    nn.Sequential(hidden, read),
    train=sl.data.Batches(images, labels, size=32),
    test=sl.data.Batches(test_images, test_labels, size=359, shuffle=False),
    encode=encode,
    loss=partial(sl.spiketime.time_ce, tau=2 * MS),
    metric=lambda times, labels: sl.metric.accuracy(-times, labels),
    optimizer=partial(torch.optim.Adam, lr=8e-3),
    epochs=8,
    progress=False,
)

# %% [markdown]
# When do they fire, and when is the answer there? Most hidden neurons never fire for an image, and
# the answer does not wait for the last pixel.

# %%
with torch.no_grad():
    pixels = encode(test_images)
    spikes = hidden(pixels)
    first = read(spikes).min(-1).values
figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for name, t in (("pixels", pixels), ("hidden", spikes), ("answer", first)):
    ax.hist(1e3 * t[t.isfinite()], bins=60, range=(0, 40), density=True, alpha=0.6, label=name)
ax.set(xlabel="ms", ylabel="density")
ax.legend(frameon=False)
each = (pixels.isfinite().sum() + spikes.isfinite().sum()) / len(pixels)
print(f"{100 * history.test_metric:.1f} % right, {each:.0f} spikes per image,", end=" ")
print(f"the answer after {1e3 * first.mean():.1f} ms")

# %%
assert history.test_metric > 0.9 and abs(fires - 18.5e-3) < 20e-3
plt.show()
