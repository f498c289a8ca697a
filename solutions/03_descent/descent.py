# %% [markdown]
# # 03 · Descent
#
# **How a network learns: a loss, a gradient, and many small steps downhill.**
#
# A network with a million weights can be wrong in a million ways. Training needs one number that says *how*
# wrong it is now, and a rule that makes this number smaller. The number is the **loss**; the rule is
# **gradient descent**. Everything later in this course (schedules, Adam, weight decay …) changes details of the
# loop that you build here.
#
# By the end you can
#
# * write a classification loss that survives huge scores,
# * follow the gradient downhill and say when the steps are too large,
# * train on mini-batches, and say what their noise costs,
# * find the faults in a training loop that runs but does not learn,
# * explain what momentum does and what it does not do, and show both by an experiment.
#
# {{overview descent}}
#
# Each exercise is a short function. Run the cell below it and you learn at once whether it is right, and if it is
# not, which mistake it looks like. Experiments use the library's versions, so being stuck at one exercise never
# blocks the next.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course import descent, effects
from course.check import check
from course.data import digits
from course.study import hint, predict, progress
from course.training import accuracy

# %% [markdown]
# ## Play first
#
# The map is a loss over two weights, dark where it is low. The dashed path takes plain gradient steps from the
# round marker, the solid one has *momentum*. Drag the marker, try the presets, and look for two things:
#
# 1. a learning rate at which the path explodes,
# 2. a place where plain descent gets stuck and momentum does not (look at *local minimum* and *saddle*).
#
# By the end of this notebook you will have written all that this picture computes.
# %%
from course.widgets import Descent

Descent(surface="ravine")

# %% [markdown]
# ---
# ## 1 · A number for "wrong"
#
# Our data $\mathcal D$ are $N$ pairs of a picture $X_i$ and its class $y_i$; $\Theta$ stands for all weights of the
# model $F_\Theta$ (a single tensor of them is called $w$). The model gives each picture a score per class, the
# **logits** $z_i = F_\Theta(X_i) \in \mathbb{R}^K$. Softmax turns them into probabilities, and the **cross-entropy**
# asks how surprised we are by the true class:
#
# $$
# P_{ik} = \frac{e^{z_{ik}}}{\sum_j e^{z_{ij}}}, \qquad
# L(\Theta \mid \mathcal D) = \frac1N \sum_{i=1}^N -\log P_{i,y_i}
#   = \frac1N \sum_{i=1}^N \Big(\log \sum_k e^{z_{ik}} - z_{i,y_i}\Big)
# $$
#
# A sure and right prediction costs almost nothing, a sure and wrong one a lot. (The lecture counts classes
# $1 \dots K$; in code they are $0 \dots K-1$.)
#
# One trap: $e^{100}$ is already infinite in float32 ($e^{89}$ is the first that is). The sum can be rescued,
# since subtracting the row's largest score $m$ changes nothing:
# $\log \sum_k e^{z_k} = m + \log \sum_k e^{z_k - m}$.
#
# ### `cross_entropy(logits, y)`
# {{card descent.cross_entropy}}
#
# `logits` has shape (N, K), `y` has shape (N,) and holds class ids. Return the **mean** loss, a tensor without
# dimensions. It must stay finite and exact for logits such as ±900, and autograd must be able to follow it. Leave
# `logits` itself unchanged.
#
# *Write it with `torch.logsumexp` or `log_softmax`, or by hand with the trick above (`z = z - m`, not `z -= m`).*


# %% exercise="descent.cross_entropy"
def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of class scores (N, K) and class ids (N,)."""
    ### BEGIN SOLUTION
    log_p = F.log_softmax(logits, dim=1)
    return -log_p[torch.arange(len(y)), y].mean()
    ### END SOLUTION


# %% check="descent.cross_entropy"
check("descent.cross_entropy", cross_entropy)

# %% [markdown]
# > **A number to remember.** A model that knows nothing gives every class the same probability, and its loss is
# > $\log K$: 2.30 for ten classes. A first loss far above that says that something is wrong before training even
# > begins.

# %% [markdown]
# ---
# ## 2 · Downhill
#
# The gradient $\nabla L$ points where the loss grows fastest. So walk the other way, a little:
#
# $$\Theta^{(t)} = \Theta^{(t-1)} - \eta\, \nabla_\Theta L\big(\Theta^{(t-1)}\big)$$
#
# The **learning rate** $\eta$ says how far. Where the slope is steep the step is long, near a minimum it shrinks
# by itself.
#
# ![A curve of the loss over one weight. From a point high on the left, arrows step down the slope; each step is
# shorter than the one before, because the slope gets flatter.](figures/downhill.svg)
#
# ### `gd_step(w, grad, lr)`
# {{card descent.gd_step}}
#
# `w` and `grad` are tensors of the same shape, any shape. Return the new `w` (changing the old one in place is fine).


# %% exercise="descent.gd_step"
def gd_step(w: Tensor, grad: Tensor, lr: float) -> Tensor:
    """One step of gradient descent."""
    ### BEGIN SOLUTION
    return w - lr * grad
    ### END SOLUTION


# %% check="descent.gd_step"
check("descent.gd_step", gd_step)

# %% [markdown]
# ### `gradient_descent(loss, w0, lr, steps)`
# {{card descent.gradient_descent}}
#
# Now the whole path. `loss` is a function from a tensor `w` to a single number, `w0` the start. Take `steps`
# steps and return **all** points as one tensor of shape `(steps + 1, *w0.shape)`: entry 0 is `w0`, the last entry
# is where you end.
#
# *Autograd gives you the gradient:* `(g,) = torch.autograd.grad(loss(w), w)` *for a `w` that requires grad. Two
# classics wait here: gradients that add up over steps, and a list that holds the same tensor many times.*


# %% exercise="descent.gradient_descent"
def gradient_descent(loss, w0: Tensor, lr: float, steps: int) -> Tensor:
    """The points w0, w1, …, w_steps of gradient descent on `loss`."""
    ### BEGIN SOLUTION
    path = [w0.detach().clone()]
    for _ in range(steps):
        w = path[-1].clone().requires_grad_()
        (grad,) = torch.autograd.grad(loss(w), w)
        path.append((w - lr * grad).detach())
    return torch.stack(path)
    ### END SOLUTION


# %% check="descent.gradient_descent"
check("descent.gradient_descent", gradient_descent)

# %% [markdown]
# ### Predict, run, compare: how large may the step be?
#
# Take the ravine $L(w) = \tfrac12 (w_1^2 + \kappa\, w_2^2)$ with $\kappa = 20$: twenty times steeper across than
# along. One step multiplies $w_1$ by $(1-\eta)$ and $w_2$ by $(1-20\,\eta)$.
#
# **Predict first:** from which learning rate on does descent no longer converge? Put your number into the cell,
# then run it.

# %%
predicted = None  # your prediction, e.g. 0.5

rates = torch.linspace(0.005, 0.2, 196)
starts = torch.ones(196, 2)  # one start per rate, all at (1, 1), all descending side by side
ends = descent.gradient_descent(descent.ravine(20).loss, starts, rates[:, None], steps=40)[-1]
largest = rates[ends.norm(dim=1) < 1].max().item()
print(f"measured: the largest rate that still comes closer within 40 steps is {largest:.3f}")
if predicted is None:
    print("no prediction yet: write one into the first line, it makes the answer stick")
else:
    close = abs(predicted - largest) < 0.005
    print(f"predicted: {predicted:.3f} — {'well predicted' if close else 'look at the factor of w₂ once more'}")

# %% [markdown]
# The steep direction decides: $|1 - \kappa\eta| < 1$ means $\eta < 2/\kappa$. The flat direction pays for it: each
# step multiplies it by $1 - \eta$ only, and that is close to 1. The ratio $\kappa$ of the steepest to the flattest
# curvature is the **condition number**, the enemy for the rest of this section. (Here the flattest curvature is 1,
# so $\kappa$ is also the steepest; in general $\eta < 2/\lambda_{\max}$.)

# %% [markdown]
# ---
# ## 3 · Mini-batches: a cheap, noisy gradient
#
# The true gradient is a mean over *all* $N$ samples, and $N$ may be millions. Stochastic gradient descent
# replaces it by the mean over a random **mini-batch** $\mathcal B$ of $B$ samples, some dozens to hundreds ($\ell$ is
# the loss of a single sample):
#
# $$\nabla L(\Theta) \approx \frac1B \sum_{i \in \mathcal B} \nabla \ell\big(F_\Theta(X_i), y_i\big)$$
#
# One pass over all mini-batches is an **epoch**. Within an epoch each sample should come up exactly once, in an
# order that is new in each epoch.
#
# ### `minibatches(n, size, generator)`
# {{card descent.minibatches}}
#
# Return the indices $0 \dots n-1$ in random order, cut into batches of `size`; the last one holds what is left.
# A list of index tensors is fine, and so is a function that yields them. Draw the order from `generator`, so that
# the same seed gives the same epoch.


# %% exercise="descent.minibatches"
def minibatches(n: int, size: int, generator: torch.Generator):
    """A random partition of 0 … n−1 into batches of `size`."""
    ### BEGIN SOLUTION
    order = torch.randperm(n, generator=generator)
    return [order[start : start + size] for start in range(0, n, size)]
    ### END SOLUTION


# %% check="descent.minibatches"
check("descent.minibatches", minibatches)

# %% [markdown]
# ### Experiment: what does a bigger batch buy?
#
# On 1 097 real handwritten digits we compute the gradient of *every single sample*, then the gradients of many
# random mini-batches, and look at how far these, $g_B$, stray from the full gradient $\bar g$. Were the samples drawn
# independently, the mean squared distance would be $\sigma^2/B$, with $\sigma^2$ that of a single sample. Ours are
# drawn without replacement; a factor $(N-B)/(N-1)$ takes it to 0 at $B = N$.

# %%
effects.get("descent.gradient_noise").show()

# %% [markdown]
# Twice the batch costs twice the work, but shrinks the typical error by $\sqrt 2$ only. So beyond some size, further
# steps are a better use of the same work than a more exact gradient.

# %% [markdown]
# ---
# ## 4 · The training loop
#
# ![Four boxes in a circle: take a mini-batch, forward pass to the loss, backward pass to the gradients, update
# the weights; an arrow leads back to the first. A note at the backward pass says that gradients must be cleared
# before it.](figures/loop.svg)
#
# PyTorch **adds** each new gradient to what lies in `p.grad` already. That is handy for some tricks, and the
# most common bug in all training loops: gradients must be cleared before each backward pass.
#
# ### `sgd_epoch(model, batches, lr)`
# {{card descent.sgd_epoch}}
#
# `batches` is a sequence of pairs `(x, y)`. For each: cross-entropy of `model(x)` against `y`, gradient, one step
# of plain SGD on **all** parameters. Return the mean loss over the *samples* of the epoch (each batch's loss
# before its step). Batches may differ in size.
#
# *Use `F.cross_entropy`, and `torch.optim.SGD` or a loop over `model.parameters()` under `torch.no_grad()`.*


# %% exercise="descent.sgd_epoch"
def sgd_epoch(model: nn.Module, batches, lr: float) -> float:
    """One pass of SGD over the batches; the model changes in place. Returns the mean loss per sample."""
    ### BEGIN SOLUTION
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    total, count = 0.0, 0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count
    ### END SOLUTION


# %% check="descent.sgd_epoch"
check("descent.sgd_epoch", sgd_epoch)

# %% [markdown]
# Time to let it loose on real digits, with the library's loop, which repeats such epochs: a linear classifier, 64
# pixels in, 10 scores out. Is the loss near $\log 10 = 2.30$ before the first step?

# %%
torch.manual_seed(0)
x, y = digits("train")
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
print(f"loss before training: {descent.cross_entropy(model(x), y):.2f}")
losses = descent.train(model, x, y, lr=0.5, epochs=3, size=64, generator=torch.Generator().manual_seed(0))
print("loss in each epoch:", " ".join(f"{v:.2f}" for v in losses))
print(f"accuracy on unseen digits: {100 * accuracy(model, *digits('test')):.1f} %")

# %% [markdown]
# ---
# ## 5 · Bug hunt
#
# A colleague sends you this loop: "it runs, but learns badly". No error, no warning, and yet **three** faults.
# They are of the kind that costs real projects days, because nothing crashes.
#
# ### `train(model, x, y, lr, epochs, size, generator)`
# {{card descent.train}}
#
# Repair the cell. Keep the rest as it is: the order of the samples comes from `generator`, a new one in each epoch,
# and the result is one loss per epoch, the mean over its samples. The check looks at which samples your loop really
# uses, with which labels, and where the weights end.


# %% exercise="descent.train"
def train(model: nn.Module, x: Tensor, y: Tensor, lr: float, epochs: int, size: int, generator) -> list[float]:
    """Train by mini-batch SGD; returns the mean loss of each epoch."""
    ### BEGIN SOLUTION
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _epoch in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        x, y = x[order], y[order]
        total = 0.0
        for start in range(0, len(x), size):
            images, labels = x[start : start + size], y[start : start + size]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        losses.append(total / len(x))
    return losses
    ### STUDENT
    # optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    # losses = []
    # for _epoch in range(epochs):
    #     x = x[torch.randperm(len(x), generator=generator)]
    #     total = 0.0
    #     for start in range(0, len(x) - size, size):
    #         images, labels = x[start : start + size], y[start : start + size]
    #         loss = F.cross_entropy(model(images), labels)
    #         loss.backward()
    #         optimizer.step()
    #         total += loss.item() * len(images)
    #     losses.append(total / len(x))
    # return losses
    ### END SOLUTION


# %% check="descent.train"
check("descent.train", train)

# %% [markdown]
# Does it learn now? The cell runs *your* loop and the library's from the same start; what is left between them is
# the luck of the order. Mind that curves do not show every fault: labels left behind show in the loss, gradients that
# pile up mostly do, the lost last batch does not. That is why the check compares samples.

# %%
torch.manual_seed(0)
yours, ours = (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)) for _ in range(2))
ours.load_state_dict(yours.state_dict())
for name, loop, net in (("your loop", train, yours), ("library", descent.train, ours)):
    curve = loop(net, x, y, 1.0, 2, 32, torch.Generator().manual_seed(1))
    right = 100 * accuracy(net, *digits("test"))
    print(f"{name:>9}: last loss {curve[-1]:8.3f}, accuracy on unseen digits {right:.1f} %")

# %% [markdown]
# ---
# ## 6 · Momentum
#
# In a ravine, plain descent bounces from wall to wall and crawls along the floor. A heavy ball does better: it
# remembers where it was going. Momentum accumulates the gradients in $\Delta$ and moves along that:
#
# $$
# \Delta^{(0)} = 0, \qquad
# \Delta^{(t)} = \alpha\, \Delta^{(t-1)} + \nabla_w L, \qquad
# w^{(t)} = w^{(t-1)} - \eta\, \Delta^{(t)}
# $$
#
# Across the ravine the gradients alternate in sign and cancel; along it they add up. With a constant gradient $g$
# the sum tends to $g/(1-\alpha)$: at $\alpha = 0.9$ the ball ends up ten times as fast.
#
# ![Two arrows are added: α times the old Δ, and the new gradient; their sum is the new Δ, and w moves against
# it.](figures/momentum.svg)
#
# ### `momentum_step(w, grad, delta, lr, alpha)`
# {{card descent.momentum_step}}
#
# Return two tensors: the new `w` and the new `delta`.


# %% exercise="descent.momentum_step"
def momentum_step(w: Tensor, grad: Tensor, delta: Tensor, lr: float, alpha: float) -> tuple[Tensor, Tensor]:
    """One step with momentum; returns the new w and the new Δ."""
    ### BEGIN SOLUTION
    delta = alpha * delta + grad
    return w - lr * delta, delta
    ### END SOLUTION


# %% check="descent.momentum_step"
check("descent.momentum_step", momentum_step)

# %% [markdown]
# > **Three conventions, one name.** The lecture's formula is `torch.optim.SGD`'s (`momentum=α`, `dampening=0`).
# > Older texts put $\eta$ inside: $v \leftarrow \alpha v - \eta g$, $w \leftarrow w + v$; the same path as long as
# > $\eta$ stays constant. Others average, $\Delta \leftarrow \alpha\Delta + (1-\alpha) g$, and then need a rate
# > $1/(1-\alpha)$ times as large. Read the formula before you copy a learning rate.

# %% [markdown]
# ### Experiment: the ravine
# Both methods at their best settings, from random starts, in a valley with $\kappa = 100$.

# %%
effects.get("descent.ravine").show()

# %% [markdown]
# ### Experiment: out of a local minimum
# Two wells, a shallow and a deep one; all starts lie on the shallow side. At the bottom of a well the gradient is 0,
# so plain descent with small steps ends there and stays. The ball may arrive with enough speed to roll over the pass,
# or not: that depends on where it started, on $\eta$ and on $\alpha$. The map shows how much.

# %%
guess = predict("descent.local_minimum")
guess

# %%
guess.show()

# %% [markdown]
# ### Experiment: off a saddle
# Near a saddle the gradient is tiny, though the loss could still fall a lot. How many steps until each method has
# left it? Read the caption to the end: part of the answer is not what the textbooks say.

# %%
effects.get("descent.saddle").show()

# %% [markdown]
# ### Experiment: real digits
# All samples at once or mini-batches, each without and with momentum, each at its best learning rate, compared at
# equal numbers of samples seen.

# %%
effects.get("descent.digits_curves").show()

# %% [markdown]
# ### An honest look: is it momentum, or just a bigger step?
# If constant gradients make the ball $1/(1-\alpha)$ times as fast, then plain descent with the rate
# $\eta/(1-\alpha)$ might do the same. Where does it, and where not? (On the digits we take $\eta = 0.003$.)

# %%
effects.get("descent.effective_rate").show()

# %% [markdown]
# ### And the noise?
# Momentum is often said to "reduce the fluctuations of SGD". Keep either $\eta$ or the effective rate
# $\eta/(1-\alpha)$ equal, and you get two different answers:

# %%
effects.get("descent.fluctuations").show()

# %% [markdown]
# ---
# ## 7 · In your own words
#
# {{card fair_test}}
#
# Your run with $\alpha = 0.9$, $\eta = 0.1$ learns faster than a run without momentum at the same $\eta$. A friend
# says: "then momentum is better." Give **one** further run that would test this claim fairly, say which outcome
# would prove your friend wrong, and name a situation from this notebook in which momentum does win such a fair
# test. Three to six sentences.

# %% [markdown] question="fair_test" points=3 minutes=10 title="A fair test of momentum"
# ### BEGIN SOLUTION
# *A model answer.* At the same $\eta$ the run with $\alpha = 0.9$ takes steps that are up to $1/(1-\alpha) = 10$
# times as long, so the comparison mixes two causes. A fair test gives plain descent the rate
# $\eta/(1-\alpha) = 1$ (or tunes $\eta$ for both, with the same budget). If it then does equally well, the speed
# came from the longer step and my friend is wrong. Momentum wins such a test in the ravine with a large condition
# number: there plain descent cannot take the larger rate, because the steep direction would diverge at
# $\eta > 2/\kappa$, while momentum cancels the zigzag and adds up the steps along the floor. (Also right: the digits,
# each method at its best rate, where momentum needs fewer passes. That the two coincide was measured at small rates
# only.)
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>element 0 of tensors does not require grad and does not have a grad_fn</code></summary>
#
# The loss was not computed from the parameters by torch operations: an `.item()`, `.numpy()`, `.detach()` or
# `torch.tensor(loss)` on the way cuts the chain. Or `w` never had `requires_grad_()`.
# </details>
# <details><summary><code>a leaf Variable that requires grad is being used in an in-place operation</code></summary>
#
# You changed a tensor while autograd was recording. If it is a parameter to update, put the update under
# `with torch.no_grad():`. If it is an argument such as `logits`, write `z = z - m` instead of `z -= m`.
# </details>
# <details><summary><code>Trying to backward through the graph a second time</code></summary>
#
# Each backward pass uses up its graph. Compute the loss anew in each step, inside the loop.
# </details>
# <details><summary><code>name 'gd_step' is not defined</code></summary>
#
# The cell that defines it has not run, or stopped with an error. Run it, then the check.
# </details>
# <details><summary>The loss is <code>nan</code></summary>
#
# Usually the learning rate is too large and the weights have exploded; divide it by 10. If it is nan from the
# first step on, look at the loss itself: an overflow as in exercise 1?
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | loss | mean cross-entropy; starts near $\log K$; use log-probabilities throughout |
# | step | against the gradient; stable for $\eta < 2/\lambda_{\max}$ (largest curvature) |
# | mini-batch | error of the gradient falls as $1/\sqrt B$; the cost grows as $B$ |
# | loop | clear, forward, backward, step; images and labels in the same order; all samples |
# | momentum | at small rates just a longer step; wins where that longer step cannot be taken |
#
# Next: **04 · schedules**: the best learning rate at the start is not the best one at the end.

# %%
progress("descent")
