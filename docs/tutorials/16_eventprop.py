# %% [markdown]
# # 16. EventProp
#
# Leaky integrate-and-fire neurons that fire as often as they like, hidden layers, recurrence,
# convolutions, and gradients that are exact: EventProp (Wunderlich and Pehle, 2021) goes back in
# time from spike to spike and never looks at the steps in between. Here is what "exact" means, what
# it does not, and a network that learns Yin and Yang.

# %%
from functools import partial

import torch
from matplotlib import pyplot as plt

import spikeloom as sl
from spikeloom.spiketime import EventPropLayer, Events

MS = 1e-3
WINDOW = 60 * MS

# %% [markdown]
# ## Events
# Layers hand each other a list of spikes, `Events`: time, neuron, sample. A neuron takes the exact
# flow from arrival to arrival, and where its membrane crosses the threshold the time is solved for.
# A tensor of spikes on a grid is taken too; each spike then stands at the beginning of its step.

# %%
times = MS * torch.tensor([[2.0, 4.0, 5.0, 20.0, 30.0]])
x = Events.from_times(times, window=WINDOW)
layer = EventPropLayer(5, 1, tau_mem=20 * MS, tau_syn=5 * MS).double()
layer.weight.data = torch.tensor([[5.0, 4.0, 5.0, -3.0, 9.0]]).double()
out, state = layer(x)
at = torch.linspace(0, WINDOW, 600).double()
figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
ax.plot(1e3 * at, layer.potential(x, at)[:, 0, 0])
ax.plot(1e3 * out.time.detach(), torch.ones(len(out.time)), "o", color="black")
ax.axhline(1.0, ls="--", color="0.6")
ax.eventplot(1e3 * times[0], lineoffsets=-0.4, linelengths=0.3, color="black")
ax.set(xlabel="ms", ylabel="potential")
print("spikes at", [f"{1e3 * t:.3f} ms" for t in out.time])

# %% [markdown]
# ## Exact, and of what
# Turn the last weight up: the spikes after it come earlier, along smooth curves, and now and then
# there is one more. The gradient is the slope of a curve, to machine precision. It knows nothing of
# the points where a curve begins: of a spike that is not there yet.

# %%
weights = torch.linspace(0.5, 14.0, 300).double()
many = EventPropLayer(5, 300, tau_mem=20 * MS, tau_syn=5 * MS).double()
many.weight.data = layer.weight.data.repeat(300, 1)
many.weight.data[:, 4] = weights
curves = many(x)[0].times()[0]
curves[:, 0].sum().backward()
figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for k in range(curves.shape[1]):
    ax.plot(weights, 1e3 * curves[:, k].detach().masked_fill(curves[:, k].isinf(), torch.nan))
ax.set(xlabel="last weight", ylabel="spike times, ms")


def last_spike(w):
    """Time of the last spike, with another last weight."""
    layer.weight.data[0, 4] = w
    return layer(x)[0].time[-1]


layer.zero_grad()
last_spike(9.0).backward()
slope = layer.weight.grad[0, 4].item()
difference = (last_spike(9 + 1e-6) - last_spike(9 - 1e-6)).item() / 2e-6
print(f"dt/dw = {1e3 * slope:.8f} ms, by differences {1e3 * difference:.8f} ms")

# %% [markdown]
# What is kept for the way back are the spikes; so memory grows with their number and not with time
# steps times neurons. `spikeloom bench eventprop` measures it beside surrogate gradients.
#
# ## Yin and Yang
# A point of the plane becomes five spikes. `models.Nowotny2025` is a hidden layer and leaky
# integrators, whose mean potential is the answer: a loss that hardly ever asks a hidden spike to
# vanish. `peak_penalty`, which is part of it, lifts neurons that are silent for a whole batch, and
# which no exact gradient could reach.

# %%
LATEST = 30 * MS


def encode(x, generator=None):
    """Coordinates and their mirror images as times, and one more spike."""
    fifth = torch.full_like(x[:, :1], LATEST / 3)
    return Events.from_times(torch.cat((x * LATEST, fifth), 1), window=4 / 3 * LATEST)


torch.manual_seed(0)
points, labels = sl.data.yin_yang(1500, seed=0)
test_points, test_labels = sl.data.yin_yang(500, seed=1)
net = sl.models.Nowotny2025(5, 60, 3, sharpness=10.0, spread=0.8)
history = sl.train.fit(
    net,
    train=sl.data.Batches(points, labels, size=50),
    test=sl.data.Batches(test_points, test_labels, size=500, shuffle=False),
    encode=encode,
    loss=net.loss,
    metric=net.accuracy,
    optimizer=partial(torch.optim.Adam, lr=2e-2),
    clip=1.0,
    epochs=6,
    progress=False,
)

# %% [markdown]
# Its picture of the plane (the recipe `eventprop-yin-yang` trains longer, on more points), and the
# hidden spikes for one point.

# %%
axis = torch.linspace(0, 1, 60)
a, b = torch.meshgrid(axis, axis, indexing="xy")
plane = torch.stack((a, b, 1 - a, 1 - b), -1).reshape(-1, 4)
with torch.no_grad():
    (mean, _), _ = net(encode(plane))
    (_, hidden), _ = net(encode(test_points[:1]))
figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), layout="constrained")
left.imshow(
    mean.argmax(1).reshape(60, 60).numpy(), extent=(0, 1, 0, 1), origin="lower", cmap="Pastel1"
)
left.scatter(test_points[:, 0], test_points[:, 1], c=test_labels, s=3, cmap="Set1")
right.plot(1e3 * hidden.time, hidden.index, "|", color="black", ms=4)
right.set(xlabel="ms", ylabel="hidden neuron")

# %%
print(f"{100 * history.test_metric:.1f} % right, {len(hidden.time)} hidden spikes for a point")
assert history.test_metric > 0.6 and abs(slope / difference - 1) < 1e-4
plt.show()
