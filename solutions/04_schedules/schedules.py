# %% [markdown]
# # 04 · Schedules
#
# **The best learning rate at the start of training is not the best one at the end.**
#
# A large rate covers ground, but near the goal it keeps jumping over it. A small one settles down, but takes forever to
# arrive. So let the rate depend on time: $\eta(t)$. This notebook builds the common schedules, shows what each of them
# buys (and what it does not), and answers a question that everybody meets who changes the batch size: what happens to
# the rate?
#
# By the end you can
#
# * write the five schedules of the lecture as functions of time, right at every boundary,
# * say why a loss curve falls like stairs, and when to warm up,
# * find a sensible rate for a new task in a minute,
# * scale the rate with the batch, and say where that stops working.
#
# {{overview schedules}}
#
# Each exercise is a short function. Run the cell below it and you learn at once whether it is right, and if it is not,
# which mistake it looks like. Experiments use the library's versions, so being stuck at one exercise never blocks the
# next.

# %%
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course import effects, schedules
from course.check import check
from course.data import digits
from course.descent import SGD
from course.study import hint, predict, progress

# %% [markdown]
# ## Play first
#
# Compose a schedule and see what it does to the loss of a small, noisy problem. Look for two things:
#
# 1. a constant rate that is fast at first and never arrives, and one that arrives but late,
# 2. a schedule that beats both.
# %%
from course.widgets import ScheduleDesigner

ScheduleDesigner()

# %% [markdown]
# ---
# ## 1 · Annealing: start large, end small
#
# Near a minimum the mini-batch gradient is mostly noise, and the weights dance around the minimum instead of resting in
# it. So a constant rate leaves the loss above its minimum, and half of a small rate leaves it about half as far above.
# In the end the rate has to come down. The question is how.
#
# In all functions `t` is the time, in epochs or in steps (the other numbers count the same), and `lr` is $\eta_0$.
# They return a plain number. Use `math`, not `torch`: these are numbers, not tensors.
#
# ### `step_decay(t, lr, every, factor)`
# {{card schedules.step_decay}}
#
# $$\eta(t) = \eta_0 \cdot \text{factor}^{\lfloor t / \text{every} \rfloor}$$
#
# The lecture's example: down to a third every 20 epochs. At $t = 19$ the rate is still $\eta_0$, at $t = 20$ it has
# dropped, at $t = 40$ it drops again. `t` may be a fraction of an epoch.


# %% exercise="schedules.step_decay"
def step_decay(t: float, lr: float, every: float, factor: float) -> float:
    """The rate at time t: lr, times `factor` for each time that `every` has passed."""
    ### BEGIN SOLUTION
    return lr * factor ** (t // every)
    ### END SOLUTION


# %% check="schedules.step_decay"
check("schedules.step_decay", step_decay)

# %% [markdown]
# ### `exponential_decay(t, lr, k)`
# {{card schedules.exponential_decay}}
#
# $$\eta(t) = \eta_0\, e^{-kt}$$
#
# The same share is lost per unit of time: after $(\ln 2)/k$ half of the rate is gone.


# %% exercise="schedules.exponential_decay"
def exponential_decay(t: float, lr: float, k: float) -> float:
    """The rate at time t: lr · exp(−kt)."""
    ### BEGIN SOLUTION
    return lr * math.exp(-k * t)
    ### END SOLUTION


# %% check="schedules.exponential_decay"
check("schedules.exponential_decay", exponential_decay)

# %% [markdown]
# ### `reciprocal_decay(t, lr, eps)`
# {{card schedules.reciprocal_decay}}
#
# $$\eta(t) = \frac{\eta_0}{\varepsilon + t}$$
#
# Fast at first, then ever more slowly. Mind that it starts at $\eta_0/\varepsilon$, which is $\eta_0$ only for
# $\varepsilon = 1$.


# %% exercise="schedules.reciprocal_decay"
def reciprocal_decay(t: float, lr: float, eps: float) -> float:
    """The rate at time t: lr / (eps + t)."""
    ### BEGIN SOLUTION
    return lr / (eps + t)
    ### END SOLUTION


# %% check="schedules.reciprocal_decay"
check("schedules.reciprocal_decay", reciprocal_decay)

# %% [markdown]
# ### `cosine_decay(t, lr, total, lowest)`
# {{card schedules.cosine_decay}}
#
# $$\eta(t) = \eta_{\min} + \tfrac12\,(\eta_{\max} - \eta_{\min}) \Big(1 + \cos \frac{\pi t}{T}\Big)$$
#
# `lr` is $\eta_{\max}$, `lowest` is $\eta_{\min}$, `total` is $T$. It is **half** a period: flat at the start, steep
# in the middle, flat at the end. After $T$ the rate stays at $\eta_{\min}$.


# %% exercise="schedules.cosine_decay"
def cosine_decay(t: float, lr: float, total: float, lowest: float) -> float:
    """The rate at time t: from lr at 0 down to `lowest` at `total`, along half a cosine."""
    ### BEGIN SOLUTION
    share = min(t / total, 1.0)
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * share))
    ### END SOLUTION


# %% check="schedules.cosine_decay"
check("schedules.cosine_decay", cosine_decay)

# %% [markdown]
# ### Experiment: stairs
# A network learns fruit with a constant rate, and with one that drops to a third at two points in time. What does the
# loss do at the drops?

# %%
effects.get("schedules.stairs").show()

# %% [markdown]
# At a constant rate the loss sinks to the level at which the noise holds it. A smaller rate has a lower level, so the
# loss falls once more: that is the stair.

# %% [markdown]
# ### Experiment: which one is best?
# One network, 400 steps, five schedules, and two smaller constant rates. The comparison is **paired**: all seven use
# the same four starts and the same batches.

# %%
effects.get("schedules.annealing").show()

# %% [markdown]
# Every way of coming down beats the same rate held constant, and smaller constant rates stay behind as well, in the
# mean. The ways differ less from each other. The cosine came out first here; it is popular because it has nothing to
# tune but its length.

# %% [markdown]
# ---
# ## 2 · Warmup: a gentle start
#
# At the very beginning the weights are random and gradients change quickly from step to step. A large rate can then
# throw the network far off before it has learned anything. So start small:
#
# $$\eta(t) = \frac{t}{T_0}\,\eta_0 \qquad (t \le T_0)$$
#
# ### `linear_warmup(t, lr, warmup)`
# {{card schedules.linear_warmup}}
#
# `warmup` is $T_0$. After it the rate stays at `lr`. With `warmup = 0` there is none: the rate is `lr` from the start.


# %% exercise="schedules.linear_warmup"
def linear_warmup(t: float, lr: float, warmup: float) -> float:
    """The rate at time t: up in a straight line from 0 to lr at `warmup`, then level."""
    ### BEGIN SOLUTION
    return lr * t / warmup if t < warmup else lr
    ### END SOLUTION


# %% check="schedules.linear_warmup"
check("schedules.linear_warmup", linear_warmup)

# %% [markdown]
# ### `warmup_then(schedule, warmup)`
# {{card schedules.warmup_then}}
#
# Schedules are functions, so they can be put together. `schedule` is any function of time. Return a **new function**
# that
#
# * rises in a straight line from 0 to `schedule(0)` at $T_0$,
# * from then on follows the schedule **from its own beginning**: at time $t$ it is `schedule(t - warmup)`.
#
# So nothing jumps, and the schedule loses nothing of its course.


# %% exercise="schedules.warmup_then"
def warmup_then(schedule, warmup: float):
    """A schedule that warms up to where `schedule` starts, then follows it from its own beginning."""

    ### BEGIN SOLUTION
    def composed(t: float) -> float:
        if t < warmup:
            return schedule(0.0) * t / warmup
        return schedule(t - warmup)

    return composed
    ### END SOLUTION


# %% check="schedules.warmup_then"
check("schedules.warmup_then", warmup_then)

# %% [markdown]
# ### In PyTorch
# `LambdaLR` **multiplies** the optimizer's rate by what your function returns, so give the function the rate 1. And do
# call `scheduler.step()`, once per unit of time, after `optimizer.step()`: a schedule that is never stepped is a
# classic.

# %%
optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
eta = schedules.warmup_then(lambda t: schedules.cosine_decay(t, lr=1.0, total=8, lowest=0.0), warmup=3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, eta)
for epoch in range(12):
    rate = optimizer.param_groups[0]["lr"]
    print(f"epoch {epoch:2d}: rate {rate:.3f}  {'■' * round(100 * rate)}")
    optimizer.step()
    scheduler.step()

# %% [markdown]
# The first epoch has the rate 0 and learns nothing. So count a warmup in steps rather than epochs, or ask for `eta(t +
# 1)`.
#
# > **Conventions.** `StepLR(step_size=every, gamma=factor)`, `ExponentialLR(gamma=e^(−k))` and, up to $T$,
# > `CosineAnnealingLR(T_max=T)` are the formulas above; after $T$, torch's cosine *rises again*. timm's schedulers
# > shift the schedule behind the warmup only with `warmup_prefix=True`.

# %% [markdown]
# ### Experiment: when does warmup help?
# Rates from moderate to huge, with and without a warmup of 50 steps, for a network with batch normalisation (notebook
# 10 builds it) and for one without.

# %%
effects.get("schedules.warmup").show()

# %% [markdown]
# Warmup widens the range of rates that work, most clearly with batch normalisation. It does not beat a rate that was
# well chosen in the first place.

# %% [markdown]
# ---
# ## 3 · Which rate to start from?
#
# Rules of thumb from the lecture, for SGD with momentum 0.9 (without it, rates are about ten times as large): 0.01 to
# 0.1 when training from scratch, 0.001 to 0.01 when **fine-tuning** a network that was trained before, since large
# steps would destroy what it knows. For anything else, measure: the **range test** raises the rate from tiny to huge
# within a hundred steps and watches the loss. Below some rate nothing happens, above another one everything breaks. The
# library's `range_test` suggests a fifth of the rate at which the loss was lowest. The cell asks it about a linear
# classifier, then about three trainings of other networks.

# %%
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
optimizer = SGD(model.parameters(), lr=1.0)
found = schedules.range_test(model, digits("train"), optimizer, generator=torch.Generator().manual_seed(0))
print(f"suggested for a linear classifier of digits, without momentum: {found.suggestion:.2g}")
effects.get("schedules.range_test").show()

# %% [markdown]
# ### Experiment: from scratch and fine-tuning
# The task is small: 150 pictures of fruit lying in any direction. One network starts from random weights, the same
# network was first trained on upright fruit and gets a new last layer. Which rates suit which?

# %%
effects.get("schedules.fine_tuning").show()

# %% [markdown]
# Fine-tuning works at rates that are far too small for training from scratch. Here it also stood rates above the rule
# of thumb; 0.3 was too large for both.

# %% [markdown]
# ---
# ## 4 · Larger batches, larger steps
#
# Eight GPUs, each with its own 32 pictures, make one step on 256. You have one GPU. Which rate reproduces the result?
# The **linear scaling rule** says: batch ×$k$, rate ×$k$.
#
# ### `scale_lr(lr, batch, new_batch)`
# {{card schedules.scale_lr}}
#
# What counts is all that one step sees, over all devices. `batch` and `new_batch` are pairs: (devices, samples per
# device). The lecture's example: 0.1 on (8, 32) becomes 0.0125 on (1, 32).


# %% exercise="schedules.scale_lr"
def scale_lr(lr: float, batch: tuple[int, int], new_batch: tuple[int, int]) -> float:
    """The rate for another batch, by the linear scaling rule; batches are (devices, samples per device)."""
    ### BEGIN SOLUTION
    devices, samples = batch
    new_devices, new_samples = new_batch
    return lr * (new_devices * new_samples) / (devices * samples)
    ### END SOLUTION


# %% check="schedules.scale_lr"
check("schedules.scale_lr", scale_lr)

# %% [markdown]
# ### Why linear?
# Compare $k$ small steps with one big step on the same $k$ batches:
#
# $$
# \text{small: } w_{i+1} = w_i - \eta \nabla L(w_i \mid \mathcal B_i),\; i = 0 \dots k-1
# \qquad
# \text{big: } w - k\eta \cdot \frac1k \sum_{i=0}^{k-1} \nabla L(w \mid \mathcal B_i)
# $$
#
# ![Four small arrows from w bend away from one long dashed arrow from w; the distance between their ends is marked:
# how far apart?](figures/scaling.svg)
#
# If the gradient changes little on the way, both end at nearly the same place. *If.*
#
# ### `steps_apart(k, gradient, w, lr)`
# {{card schedules.steps_apart}}
#
# `gradient(w, i)` gives $\nabla L(w \mid \mathcal B_i)$ as a tensor. Return **two** tensors: where the $k$ small steps
# of rate `lr` end, and where the one big step ends.


# %% exercise="schedules.steps_apart"
def steps_apart(k: int, gradient, w: Tensor, lr: float) -> tuple[Tensor, Tensor]:
    """Where k small steps end, and where one big step over the same k batches ends."""
    ### BEGIN SOLUTION
    small = w
    for i in range(k):
        small = small - lr * gradient(small, i)
    mean = sum(gradient(w, i) for i in range(k)) / k
    return small, w - k * lr * mean
    ### END SOLUTION


# %% check="schedules.steps_apart"
check("schedules.steps_apart", steps_apart)

# %% [markdown]
# ### Experiment: how far apart?
# On real digits, for smaller and smaller rates.

# %%
effects.get("schedules.steps_apart").show()

# %% [markdown]
# A tenth of the rate, and the ends are a hundred times closer, ten times as a share of the way.

# %% [markdown]
# ### Experiment: does the rule hold in training?
# Batches from small to huge, the rate fixed or scaled, the same number of *epochs*.

# %%
guess = predict("schedules.linear_scaling")
guess

# %%
guess.show()

# %% [markdown]
# Up to $B = 200$ the rule keeps the accuracy, at 500 it breaks. The ends of the steps need not coincide for that: it is
# enough that they are equally good.

# %% [markdown]
# ### For real: two processes
# "Eight GPUs" means eight processes: each computes the gradient of its own part of the batch, then all of them average
# their gradients and make the same step. This command starts two such processes on your machine (with `torchrun` and
# `DistributedDataParallel`), one process with the same total batch, and one with half the batch and half the rate, and
# compares them.
#
# ```
# course parallel --processes 2
# ```

# %%
from course.parallel import compare

compare(processes=2)

# %% [markdown]
# ---
# ## 5 · In your own words
#
# {{card forty_gpus}}
# A paper trains on 40 GPUs with 64 pictures each, at a rate of 1.0, for 90 epochs in all, five of them warmup, the
# rest a cosine. You have 2 GPUs of the same kind. Say which rate, which batch and which schedule (in epochs *and* in
# steps) you would take, and why; then name one reason to expect that your result is *not* worse than the paper's, and
# one way in which the rule could have failed had you gone the other way, from 2 GPUs to 40. Four to six sentences.

# %% [markdown] question="forty_gpus" points=3 minutes=10 title="From 40 GPUs to 2"
# ### BEGIN SOLUTION
# *A model answer.* The batch falls from 2 560 to 128, a twentieth, so the linear scaling rule gives the rate
# $1.0 / 20 = 0.05$. In epochs the schedule stays the same, 5 of warmup and a cosine over 85; in steps everything
# becomes 20 times as long, since an epoch has 20 times as many steps. Going to smaller steps is the safe direction:
# the argument of the $k$ small steps holds the better the smaller the rate is, and the warmup may even be unnecessary
# at 0.05. The other way round, one big step replaces $k = 20$ small ones: at the start, where gradients change
# quickly, and for very large batches, the scaled rate is too large, and training diverges or ends worse, as in the
# experiment with huge batches.
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>argument 'input' must be Tensor, not float</code></summary>
#
# `torch.exp` and `torch.cos` want tensors. Times and rates here are plain numbers: use `math.exp`, `math.cos`.
# </details>
# <details><summary><code>can't multiply sequence by non-int</code>, or <code>unsupported operand …
# tuple</code></summary>
#
# In `scale_lr` both batches are pairs: `devices, samples = batch`.
# </details>
# <details><summary>In <code>steps_apart</code> only the big step is off</summary>
#
# `small = w` and then `small -= …` changes `w` itself, so that the big step starts in the wrong place. Write
# `small = small - …`.
# </details>
# <details><summary><code>ZeroDivisionError</code></summary>
#
# A warmup of length 0 means none: test `t < warmup` before you divide.
# </details>
# <details><summary><code>'float' object is not callable</code></summary>
#
# `warmup_then` must return a *function*. Define one inside, and return its name without brackets.
# </details>
# <details><summary>The rate never changes</summary>
#
# Is `scheduler.step()` called, in every epoch (or every step), after `optimizer.step()`?
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | annealing | start large, end small; that it comes down matters more than how |
# | warmup | widens the range of rates that work; no gain over a well-chosen one |
# | first guess | from scratch .01 to .1, fine-tuning smaller; or a range test |
# | linear scaling | batch ×k, rate ×k; from small-step reasoning, so it breaks for huge batches |
# | units | epochs or steps: be sure which one a number counts |
#
# Next: **05 · adaptive**: one rate for all weights? Each weight could have its own.

# %%
progress("schedules")
