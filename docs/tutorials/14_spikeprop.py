# %% [markdown]
# # 14. SpikeProp
#
# A neuron may answer with *when* it fires. SpikeProp (Bohte, Kok and La Poutre, 2002) trains such
# networks: spike times in, spike times out, and the exact derivative of one by the other. Here are
# its synapses, its XOR network from the inside, and its code for numbers.

# %%
import torch
from matplotlib import pyplot as plt

import spikeloom as sl

MS = 1e-3

# %% [markdown]
# ## One connection, sixteen synapses
# A pair of neurons is joined by synapses with delays of 1 to 16 ms. Each spike causes the response
# $\varepsilon(u) = u / \tau\; e^{1 - u / \tau}$ in every one of them, a delay later; the weights
# decide what becomes of the sum. Left, the responses to a spike at 0; right, two sets of weights,
# and where the neuron fires: at the first crossing of the threshold, 1.
#
# A layer of spike times knows no grid: between two arrivals the potential has a closed form, and so
# has its first crossing. `potential` is there for pictures.

# %%
at = torch.linspace(0, 30 * MS, 400)
spike = torch.zeros(1, 1)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained", sharex=True)
alone = sl.spiketime.SpikeTimeLayer(1, 16)
alone.weight.data = torch.eye(16)[:, None]  # output k has the synapse with delay k alone
left.plot(1e3 * at, alone.potential(spike, at)[:, 0].detach(), color="0.6", lw=0.8)
left.set(xlabel="ms", ylabel="potential")
pair = sl.spiketime.SpikeTimeLayer(1, 2)
pair.weight.data = torch.stack([torch.linspace(0.2, 0, 16), torch.linspace(0, 0.2, 16)])[:, None]
fires = pair(spike)[0].detach()
right.plot(1e3 * at, pair.potential(spike, at)[:, 0].detach(), label=["early", "late"])
right.plot(1e3 * fires, torch.ones(2), "o", color="black")
right.axhline(1.0, ls="--", color="0.6")
right.legend(frameon=False)
print("fires at", [f"{1e3 * t:.2f} ms" for t in fires])

# %% [markdown]
# ## The derivative
# Around the crossing the potential is a line, so what lifts it by $\delta$ brings the spike forward
# by $\delta / V'$. That is all of SpikeProp, $\partial t / \partial w = -\varepsilon / V'$, and
# autograd does the rest: any torch optimizer and any loss of the times will do. Compare with
# differences:

# %%
weight = pair.weight.detach().double()
exact = sl.spiketime.SpikeTimeLayer(1, 2).double()
exact.weight.data = weight.clone()
exact(spike.double())[0, 0].backward()
exact.weight.data[0, 0, 4] += 1e-6
later = exact(spike.double())[0, 0].item()
exact.weight.data[0, 0, 4] -= 2e-6
difference = (later - exact(spike.double())[0, 0].item()) / 2e-6
slope = exact.weight.grad[0, 0, 4].item()
print(f"dt/dw = {1e3 * slope:.6f} ms, by differences {1e3 * difference:.6f} ms")

# %% [markdown]
# ## XOR
# A bit is a spike at 0 or 6 ms; a third input fires at 0. The output should fire at 10 ms if the
# bits differ, else at 16 ms. Five hidden neurons, one of them inhibitory, learn the patterns one by
# one with the paper's own rule; ten networks side by side (`members`) show how the error falls.

# %%
SEEDS = 10
generator = torch.Generator().manual_seed(0)
bits = torch.tensor([[a, b, 0.0] for a in (0, 6 * MS) for b in (0, 6 * MS)])
targets = torch.tensor([[16 * MS], [10 * MS], [10 * MS], [16 * MS]])
net = sl.models.Bohte2002(
    3, hidden=5, out_features=1, inhibitory=1, keep_signs=True, initial=(0.2, 0.2),
    members=SEEDS, generator=generator,
)  # fmt: skip
rule = sl.spiketime.SpikePropUpdate(net, lr=5e-3, largest=0.02)
errors = []
for _ in range(200):
    error = torch.zeros(SEEDS)
    for k in torch.randperm(4, generator=generator).tolist():
        out = rule.learn(bits[k].expand(SEEDS, 1, 3), targets[k].expand(SEEDS, 1, 1))
        error += (1e3 * (out - targets[k])).square().flatten()
    errors.append(error)
figure, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.semilogy(torch.stack(errors), color="0.5", lw=0.8)
ax.axhline(1.0, ls="--", color="black", lw=0.8)
ax.set(xlabel="epoch", ylabel="squared error, ms²")

# %% [markdown]
# ## The network from the inside
# One of them, all four patterns: the potential of the output neuron, its spike, and below the
# spikes of the inputs (black) and of the hidden neurons (blue; the inhibitory one is red). Where
# the bits differ, hidden spikes come together early enough; where they do not, they come late.

# %%
best = int(errors[-1].argmin())
shown = bits.expand(SEEDS, 4, 3)
with torch.no_grad():
    hidden = net.fc1(shown)
    out = net.fc2(hidden)
    v = net.fc2.potential(hidden, at)[:, best, :, 0]
figure, axes = plt.subplots(2, 2, figsize=(8, 4.4), layout="constrained", sharex=True, sharey=True)
for k, ax in enumerate(axes.flat):
    ax.plot(1e3 * at, v[:, k])
    ax.axhline(1.0, ls="--", color="0.6", lw=0.8)
    ax.plot(1e3 * out[best, k], 1.0, "o", color="black")
    ax.eventplot(1e3 * bits[k], lineoffsets=-0.4, linelengths=0.3, color="black")
    ax.eventplot(1e3 * hidden[best, k, :4], lineoffsets=-0.8, linelengths=0.3, color="tab:blue")
    ax.eventplot(1e3 * hidden[best, k, 4:], lineoffsets=-0.8, linelengths=0.3, color="tab:red")
    ax.set_title(f"{1e3 * bits[k, 0]:.0f} and {1e3 * bits[k, 1]:.0f} ms", fontsize=9)
for ax in axes[1]:
    ax.set_xlabel("ms")

# %% [markdown]
# ## Between the corners
# Nothing asked for times between the four patterns, but the network has an answer to all of them, a
# smooth one. (The paper trains an interpolated XOR; this is the one it gets for free.)

# %%
axis = torch.linspace(0, 6 * MS, 25)
a, b = torch.meshgrid(axis, axis, indexing="ij")
plane = torch.stack((a, b, torch.zeros_like(a)), -1).reshape(-1, 3)
with torch.no_grad():
    surface = 1e3 * net(plane.expand(SEEDS, -1, 3))[best].reshape(25, 25)
figure, ax = plt.subplots(figsize=(4, 3.2), layout="constrained")
figure.colorbar(ax.contourf(1e3 * axis, 1e3 * axis, surface.T, 12), label="output, ms")
ax.set(xlabel="first input, ms", ylabel="second input, ms")

# %%
solved = int((torch.stack(errors) < 1.0).any(0).sum())
print(f"{solved} of {SEEDS} networks know XOR, the best to {errors[-1].min():.3f} ms²")
assert solved >= 9 and abs(slope / difference - 1) < 1e-4
plt.show()
