# %% [markdown]
# # 12. Local plasticity
#
# Synapses in the brain know neither the error nor a gradient. They know who fired before them and
# who after, and that is enough to learn what an image set consists of. This tutorial measures the
# classic learning window, writes a rule of its own, and lets neurons that compete learn digits
# without labels: Diehl & Cook's network, at a small size.

# %%
import torch
from matplotlib import pyplot as plt
from torch import nn

import spikeloom as sl
from spikeloom import plasticity
from spikeloom.plasticity import Dense, Network, readout, stdp

# %% [markdown]
# ## The window
# A presynaptic spike followed by a postsynaptic one strengthens the synapse, the other order
# weakens it, both the less the further they are apart. In spikeloom a rule is two small functions:
# one is called where a presynaptic spike arrives, one where the postsynaptic neuron fires. What
# they know of earlier spikes are traces, which decay. `stdp_window` assumes nothing of that: it
# sends pairs of spikes through the rule and looks at the weight.

# %%
classic = stdp.pair(nu_pre=0.009, nu_post=0.012, tau_pre=17e-3, tau_post=34e-3)
ax = sl.plot.stdp_window(classic, widest=80e-3)
change = ax.lines[-1].get_ydata()
print(f"5 ms before: {change[85]:+.4f}, 5 ms after: {change[75]:+.4f}")

# %% [markdown]
# ## A rule of your own
# Any pure function of the weight, the traces that it names, and constants. This one brings the
# weight closer to the presynaptic trace whenever the neuron fires: it remembers how recently each
# of its inputs was active.


# %%
def towards(w, x_pre, rate):
    """At a postsynaptic spike."""
    return w + rate * (x_pre - w)


own = plasticity.Rule(
    on_post=towards, pre={"x_pre": plasticity.Trace(20e-3)}, params={"rate": 0.05}
)
sl.plot.stdp_window(own, widest=80e-3, w=0.3, ax=ax)
ax.legend(ax.lines[2:], ["classic", "towards"], frameon=False)

# %% [markdown]
# ## Two neurons
# A `Network` is a graph of populations and connections. What is sent at one step arrives at the
# next. Everything that moves is a value that `run` returns, except the weights, which learn. Here
# ten inputs fire at random, five of them together: with depression stronger than
# potentiation, only the inputs that take part in making the neuron fire keep their weight.

# %%
generator = torch.Generator().manual_seed(0)
alone = torch.rand(20_000, 1, 10, generator=generator) < 0.02
together = torch.rand(20_000, 1, 1, generator=generator) < 0.02
x = alone.float()
x[..., :5] = together.float()

rule = stdp.pair(nu_pre=0.014, nu_post=0.01)
net = Network(dt=1e-3).source("in", 10).population("out", sl.LIF.from_tau(10e-3, dt=1e-3), 1)
net.connect("in", "out", Dense(torch.full((10, 1), 0.4), rule=rule, low=0.0, high=1.0))
kept = [net.weight("in -> out").clone()]
state = None
for part in x.split(500):
    state = net.run({"in": part}, state).state
    kept.append(net.weight("in -> out").clone())
weights = torch.stack(kept).squeeze(-1)
groups = torch.stack([weights[:, :5].mean(1), weights[:, 5:].mean(1)], 1)
ax = sl.plot.history(groups, at=[0.5 * k for k in range(len(kept))], x_label="time (s)")
ax.legend(["in step", "on their own"], frameon=False)

# %% [markdown]
# ## Digits without labels
# In Diehl & Cook's network each neuron that fires inhibits the others, and raises its own threshold
# a little, for hours: so all get their turn, and each learns the images for which it wins. The
# whole presentation, random spikes included, is one compiled loop. Here 49 neurons see the small
# digits that come with spikeloom, enlarged to 24 x 24 pixels, 800 of them, each for 0.35 s.


# %%
def enlarged(images):
    """Levels of grey from 0 to 255, `[M, 1, 24, 24]`."""
    return nn.functional.interpolate(255 / 16 * images, scale_factor=3, mode="bilinear")


images, labels = sl.data.digits("train")
test_images, test_labels = sl.data.digits("test")
images, labels, test_images = enlarged(images[:800]), labels[:800], enlarged(test_images)
model = sl.models.DiehlAndCook2015(
    49, in_features=576, theta_plus=0.2e-3, rule=stdp.triplet(4e-4, 4e-2),
    generator=torch.Generator().manual_seed(0),
)  # fmt: skip
sl.plot.network(model.network)
theta = [model.theta.clone()]
for first in range(0, len(images), 100):
    model.present(images[first : first + 100], first=first)
    theta.append(model.theta.clone())
at = [100 * k for k in range(len(theta))]
sl.plot.history(1e3 * torch.stack(theta), at=at, label="threshold (mV)", x_label="images")

# %% [markdown]
# Only now labels come in: each neuron is named after the digit for which it fires most, and a new
# image is read out by the names of those who fire.

# %%
counts, _ = model.present(images, learn=False, seed=1)
names = readout.assign(counts, labels, classes=10)
seen, _ = model.present(test_images, learn=False, seed=2)
guesses = readout.bayes(seen, names).argmax(1)
accuracy = float((guesses == test_labels).float().mean())

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
sl.plot.weights(model.receptive_fields, ax=left).set_title("what the neurons look for")
sl.plot.confusion(test_labels, guesses, ax=right)
print(f"{100 * accuracy:.1f} % of new digits, learned without labels")
plt.show()

# %% [markdown]
# `spikeloom run diehl-cook-mnist` does it in full size, with images of 28 x 28 pixels and up to
# 6,400 neurons. To train layers of an ordinary network in this way, look at
# `sl.plasticity.Local`.

# %%
assert change[85] > 0 > change[75]
assert groups[-1, 0] > groups[-1, 1] + 0.2
assert accuracy > 0.6
