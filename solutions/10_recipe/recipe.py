# %% [markdown]
# # 10 · Recipe
#
# **Everything together: batch normalisation, fine-tuning, the loss surface, and a challenge.**
#
# You know the ingredients: optimizers, rates that change, weight decay, early stopping, averages, dropout,
# augmentation, smoothed labels, random depth. Two are missing, and one question. How do very deep networks learn at
# all? How does one start from what another network knows? And what kind of landscape is it that all of these steps go
# through? Then it is your turn: 300 pictures, a fixed budget, and test pictures that nobody has seen.
#
# By the end you can
#
# * write batch normalisation with both of its modes, and say what is remembered,
# * fine-tune a pretrained network with a rate for each part,
# * look at a loss surface without being fooled by the size of the weights,
# * put a recipe together, and measure what each part of it is worth.
#
# {{overview recipe}}
#
# Each exercise is a short function. Run the cell below it and you learn at once whether it is right, and if it is not,
# which mistake it looks like. Experiments use the library's versions, so being stuck at one exercise never blocks the
# next.

# %%
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course import effects
from course.check import check
from course.recipe import Budget, Network
from course.study import hint, predict, progress

# %% [markdown]
# ## Play first
#
# A small network that has learned digits stands in the middle of the map. Drag the point, and find
#
# 1. how far you can go before the loss is ten times as high,
# 2. what the surface around the *untrained* network looks like,
# 3. what changes for the "scaled twin", which gives exactly the same answers, with raw directions and with
#    filter-normalised ones.
# %%
from course.widgets import LossLandscape

LossLandscape()

# %% [markdown]
# ---
# ## 1 · Batch normalisation
#
# ![In training a batch is normalised with its own mean and variance, which are remembered a tenth at a time. In
# evaluation a single picture is normalised with what is remembered.](figures/two_modes.svg)
#
# Each layer multiplies. Ten layers that each halve their input leave a thousandth of it; ten that double it make it a
# thousand times as large. Batch norm brings every **channel** back to mean 0 and variance 1, and then lets the network
# choose a scale $\gamma$ and a shift $\beta$ of its own:
#
# $$
# y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta
# $$
#
# In **training**, $\mu$ and $\sigma^2$ are those of the batch, over all samples *and all places*: $n = N\cdot H\cdot W$
# numbers for each channel. But at test time there may be one picture only, and its answer must not depend on its
# neighbours. So training keeps running values, and **evaluation** uses those, and changes nothing:
#
# $$
# r_\mu \leftarrow (1-m)\, r_\mu + m\,\mu, \qquad
# r_{\sigma^2} \leftarrow (1-m)\, r_{\sigma^2} + m\,\tfrac{n}{n-1}\,\sigma^2
# $$
#
# Two traps. The batch is normalised with divisor $n$, but what is *remembered* is the unbiased variance, with divisor
# $n - 1$. And this "momentum" $m$, usually 0.1, is the share of the **new** value; an optimizer's $\alpha$ is that
# of the old. (That is how PyTorch keeps it.)
#
# ### `batch_norm(x, gamma, beta, running_mean, running_var, training, momentum, eps)`
# {{card recipe.batch_norm}}
#
# `x` has shape (N, C) or (N, C, H, W), the four vectors (C,). Return three tensors: `y`, the new running mean, the new
# running variance.
#
# A network learns through `y`, so autograd must be able to follow it back to `x`, γ and β. The batch's mean and
# variance depend on `x`, too, and gradients pass through them. The memory is better kept out of it (`.detach()`).


# %% exercise="recipe.batch_norm"
def batch_norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation; returns y and the running statistics."""
    ### BEGIN SOLUTION
    dims = [0, *range(2, x.ndim)]  # all but the channels
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean.detach()
        running_var = (1 - momentum) * running_var + momentum * x.detach().var(dims)
    y = (x - mean.view(shape)) / (var.view(shape) + eps).sqrt()
    return gamma.view(shape) * y + beta.view(shape), running_mean, running_var
    ### END SOLUTION


# %% check="recipe.batch_norm"
check("recipe.batch_norm", batch_norm)

# %% [markdown]
# ### Experiment: ten layers
# A plain network of ten layers, from two starts that differ only in the size of the weights, at four rates. Where a
# layer has $n$ inputs, PyTorch's linear layers start with weights of variance $1/(3n)$. He's start has $2/n$: just so
# much that a signal keeps its size from layer to layer, with ReLUs that set half of the numbers to 0.

# %%
effects.get("recipe.deep").show()

# %% [markdown]
# From PyTorch's standard start the signal dies out on its way through ten layers, and none of the four rates helps.
# He's start is a cure as well, but a delicate one: at a large rate it is lost. With batch norm the network learns from
# both starts and at all four rates.

# %% [markdown]
# ### Experiment: a small network
# Two convolutions would learn without it. What does batch norm change there?

# %%
effects.get("recipe.rates").show()

# %% [markdown]
# It helps most where the rate is somewhat too small or too large. That is its practical side: less to tune. (At η = 1
# neither network learns. The range of good rates is wider, not endless.) It has a price: in training, each picture's
# answer depends on the others in its batch, and `model.eval()` must not be forgotten.

# %% [markdown]
# ---
# ## 2 · Start from what another network knows
# The first layers of networks for pictures tend to look for similar things: edges, colours, textures. So take one that
# was trained on a large set, give it a new last layer (the **head**) and train on. The lecture's rates for that are
# 0.001 to 0.01, not 0.01 to 0.1. The rest, the body or **backbone**, knows something that large steps would destroy;
# the head knows nothing yet. So each gets a rate of its own: PyTorch's optimizers take a list of **parameter groups**,
#
# ```python
# torch.optim.SGD([{"params": [...], "lr": 0.001}, {"params": [...], "lr": 0.01}])
# ```
#
# ### `finetune_groups(model, lr_backbone, lr_head)`
# {{card recipe.finetune_groups}}
#
# The head is `model.head`; all else, wherever it is registered, is the backbone. Parameters that are frozen
# (`requires_grad` is `False`) belong in neither group. Return the list of groups.


# %% exercise="recipe.finetune_groups"
def finetune_groups(model: nn.Module, lr_backbone: float, lr_head: float) -> list[dict]:
    """Two parameter groups: the backbone's, and the head's."""
    ### BEGIN SOLUTION
    head = {id(p) for p in model.head.parameters()}
    moving = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in moving if id(p) not in head], "lr": lr_backbone},
        {"params": [p for p in moving if id(p) in head], "lr": lr_head},
    ]
    ### END SOLUTION


# %% check="recipe.finetune_groups"
check("recipe.finetune_groups", finetune_groups)

# %% [markdown]
# ### Experiment: ten pictures of each texture
# First a task whose labels cost nothing: from which of six photos does this patch come? Then brick, grass and gravel,
# with ten pictures of each.

# %%
effects.get("recipe.pretraining").show()

# %% [markdown]
# Pretraining pays, although the first task has nothing to do with brick. The second rate is worth little on a network
# as small as this: one well-chosen rate is about as good. (A pretraining task can be a bad match, too. Measure.)

# %% [markdown]
# ---
# ## 3 · The loss surface
# A loss is a function of thousands of weights. To see something of it, one goes from the trained weights $w$ along two
# random directions $d_1$ and $d_2$, by steps $\alpha$ and $\beta$ of many lengths, and draws
# $L(w + \alpha d_1 + \beta d_2)$.
#
# There is a catch. Because of ReLU, one layer can be made five times larger and the next five times smaller, without
# changing a single answer. But a step of a given length is now small for the one and huge for the other: the same
# network looks sharper. So each **filter** $d^{(i)}$ of a direction, all the weights that lead to output $i$,
# is made as long as the filter $w^{(i)}$ itself:
#
# $$
# d^{(i)} \leftarrow \frac{\lVert w^{(i)}\rVert}{\lVert d^{(i)}\rVert}\; d^{(i)}
# $$
#
# Biases, and batch norm's scale and shift, stay where they are: their direction is 0.
#
# > **Predict.** Which of these must be put back, or prevented, so that the network is afterwards what it was: its
# > weights, its running statistics, its mode?
#
# ### `loss_surface(model, loss, first, second, alphas, betas)`
# {{card recipe.loss_surface}}
#
# `loss(model)` is a number (a tensor). `first` and `second` are raw directions: lists with one tensor per parameter,
# in the order of `model.parameters()`. A filter is `w[i]`, for each tensor with two axes or more. Measure in evaluation
# mode. Return a tensor of shape (len(alphas), len(betas)), and leave the model and the directions exactly as they were.


# %% exercise="recipe.loss_surface"
def loss_surface(
    model: nn.Module,
    loss: Callable[[nn.Module], Tensor],
    first: list[Tensor],
    second: list[Tensor],
    alphas: list[float],
    betas: list[float],
) -> Tensor:
    """Losses around the model's weights, along two filter-normalised directions."""
    ### BEGIN SOLUTION

    def normalised(direction: list[Tensor]) -> list[Tensor]:
        scaled = []
        for d, w in zip(direction, start, strict=True):
            if w.ndim < 2:
                scaled.append(torch.zeros_like(w))
            else:
                shape = (-1,) + (1,) * (w.ndim - 1)
                ratio = w.flatten(1).norm(dim=1) / d.flatten(1).norm(dim=1)
                scaled.append(d * ratio.view(shape))
        return scaled

    start = [w.detach().clone() for w in model.parameters()]
    u, v = normalised(first), normalised(second)
    surface, training = torch.zeros(len(alphas), len(betas)), model.training
    model.eval()
    with torch.no_grad():
        for i, a in enumerate(alphas):
            for j, b in enumerate(betas):
                for w, s, du, dv in zip(model.parameters(), start, u, v, strict=True):
                    w.copy_(s + a * du + b * dv)
                surface[i, j] = loss(model)
        for w, s in zip(model.parameters(), start, strict=True):
            w.copy_(s)
    model.train(training)
    return surface
    ### END SOLUTION


# %% check="recipe.loss_surface"
check("recipe.loss_surface", loss_surface)

# %% [markdown]
# Your prediction: the weights must be put back, and so must the mode. The running statistics need nothing, because
# evaluation mode only reads them; in training mode every single loss would have changed them.
#
# ### Experiment: the twin
# A network and its scaled twin, along the same random direction.

# %%
effects.get("recipe.scaled_twin").show()

# %% [markdown]
# So whoever says "this minimum is sharp" has to add how that was measured.

# %% [markdown]
# ### Experiment: from one network to another
# Around a trained network, the surface looks like a bowl. Is the whole of it one?

# %%
guess = predict("recipe.barrier")
guess

# %%
guess.show()

# %% [markdown]
# No. Both networks are good, and half-way between them is one that is not: the surface is not convex. Two random
# directions out of thousands show only what is near. That is also why it matters where one starts, and
# why averages of weights are taken along *one* run, not over several.

# %% [markdown]
# ---
# ## 4 · What is each part worth?
# An **ablation table** has a row for each recipe, and two neighbours differ in one thing only. Same starts, same
# batches, same number of steps.

# %%
effects.get("recipe.ablation").show()

# %% [markdown]
# The whole is well ahead of the baseline. But do not read much into a single row of a single run: what it adds varies
# from run to run by more than its own size. Flip & crop, say, costs a point in one run and gains several in another.
#
# The last row does **not** help. It may look like a gain in the one run above, but in the mean of several runs nothing
# is left of it: a falling rate calms the last steps, and the average of weights has done that already. On another set,
# with more pictures or more steps, other rows matter. So a recipe is no law: it is a list of things to try, and a table
# that says, over several seeds, what they did *here*.

# %% [markdown]
# ---
# ## 5 · The challenge
# 300 pictures of fruit, 16×16, and a budget of 12 000: so many pictures may go through the network with gradients on.
# The network counts, not a clock. How well can it name fruit that nobody has seen?
#
# ### `best_recipe(x, y, budget, generator)`
# {{card recipe.best_recipe}}
#
# `x` are the pictures, `y` their labels. Make one network, `Network(budget, generator, norm=…)`, train it, and return
# it, or a copy of it with averaged weights. Its layers stay as they are, only `norm` is yours to choose. `norm` is a
# function from channels to a layer: `nn.BatchNorm2d`, `nn.InstanceNorm2d`, one that makes an `nn.GroupNorm`, or
# nothing. `budget.left` says how many pictures may still go through; `torch.no_grad()` costs nothing. A copy of the
# network pays from the same budget.
#
# The check trains once, with your function, and tests on 2 000 pictures drawn for this one entry: 84 % are worth 2
# points, 85 % 4, 86 % 6, 87 % 8. It takes some seconds. The baseline, plain SGD at a constant rate, comes to about
# 79 %:
#
# ```python
# network = Network(budget, generator)
# optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
# while budget.left >= 30:
#     for i in torch.randperm(len(x), generator=generator).split(30):
#         optimizer.zero_grad()
#         F.cross_entropy(network(x[i]), y[i]).backward()
#         optimizer.step()
# return network
# ```
#
# You may use everything in PyTorch. Training another network of your own on the side, or bringing weights along, is not
# counted by the budget, and is not the game: a person reads the entries at the top of the leaderboard.


# %% exercise="recipe.best_recipe"
def best_recipe(x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator) -> Network:
    """The best network that the budget allows."""
    ### BEGIN SOLUTION
    network = Network(budget, generator, norm=nn.BatchNorm2d)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    batch, places = 30, torch.arange(16)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, budget.left // batch, eta_min=0.003)
    while budget.left >= batch:
        for i in torch.randperm(len(x), generator=generator).split(batch):
            flip = torch.rand(len(i), generator=generator) < 0.5
            pictures = torch.where(flip[:, None, None, None], x[i].flip(3), x[i])
            pictures = F.pad(pictures, (2, 2, 2, 2), mode="reflect")
            down, right = torch.randint(5, (2, len(i), 1), generator=generator)
            rows, columns = (down + places)[:, None, :, None], (right + places)[:, None, None, :]
            n, c = torch.arange(len(i))[:, None, None, None], torch.arange(3)[None, :, None, None]
            optimizer.zero_grad()
            F.cross_entropy(network(pictures[n, c, rows, columns]), y[i], label_smoothing=0.1).backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
    return average.module
    ### END SOLUTION


# %% check="recipe.best_recipe"
check("recipe.best_recipe", best_recipe)

# %% [markdown]
# ---
# ## 6 · In your own words
#
# {{card your_ablation}}
#
# Take your recipe of the challenge. Leave out **one** part at a time, at least three of them, and run each variant with
# at least three seeds (`check("recipe.best_recipe", best_recipe, seed=1)` and so on: same seed, same start, same test
# pictures). Give a small table, and say in four to six sentences: which part is worth most? Which difference would you
# not report, and why? What would you have to do to claim that a part "does not help"?

# %% [markdown] question="your_ablation" points=4 minutes=30 title="Your ablation table"
# ### BEGIN SOLUTION
# *A model answer.* A table with a row for the whole recipe and one for each part left out: mean and range of the
# accuracy over the same seeds. Which part is worth most depends on the recipe, and need not be what the table of
# section 4 shows, with its other parts and fewer steps. A difference that is smaller than its spread over paired seeds
# is not to be reported as an effect: in that table, label smoothing gains points in one run and costs some in the next.
# To claim that a part does not help one has to give it a fair chance: tune what goes with it (the rate, above all),
# take enough seeds that a difference of the size that matters would have shown, and say for which set, budget and
# network it was measured. Full points need paired seeds, a spread, and this last distinction between "no effect seen"
# and "no effect".
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>The size of tensor a (4) must match the size of tensor b (3)</code></summary>
#
# A vector of shape (C,) lines up with the *last* axis. Give it the shape (1, C, 1, 1) first, or (1, C) for vectors.
# </details>
# <details><summary><code>Expected more than 1 value per channel when training</code></summary>
#
# A single vector has no variance. Drop a last batch of size 1, or choose another batch size.
# </details>
# <details><summary><code>some parameters appear in more than one parameter group</code></summary>
#
# `model.parameters()` holds the head's as well: leave them out of the backbone's group.
# </details>
# <details><summary><code>The size of tensor a (3) must match …</code> at <code>p in head</code></summary>
#
# `in` compares *values* with `==`, and tensors of different shapes have none to compare. Compare which object it is:
# `id(p) in {id(q) for q in …}`.
# </details>
# <details><summary><code>linalg.matrix_norm: dim must be a 2-tuple</code></summary>
#
# `w.norm(dim=(1, 2, 3))` asks for the norm of a matrix. Make each filter a row first: `w.flatten(1).norm(dim=1)`.
# </details>
# <details><summary><code>a leaf Variable that requires grad is being used in an in-place operation</code></summary>
#
# Move weights inside `with torch.no_grad():`.
# </details>
# <details><summary><code>BudgetSpent</code></summary>
#
# Stop while `budget.left` is at least the size of a batch, and measure validation pictures inside
# `with torch.no_grad():`.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | batch norm | mean 0, variance 1; batch in training, memory in evaluation; divisor n, remembered with n − 1 |
# | what it buys | deep networks learn, and the rate is less delicate |
# | fine-tuning | pretrained body at a small rate, new head at a larger one, frozen parts in no group |
# | loss surface | not convex; scale directions filter by filter, and leave the network as it was |
# | recipe: the loss is not convex | pretrained start, momentum or adaptive optimizer, warmup, a rate that falls |
# | recipe: networks overfit | early stopping, weight decay, averages, dropout, augmentation, smoothing, random depth |
# | recipe: they learn slowly | batch normalisation |
# | honest table | one change per row, paired seeds, and the spread beside the mean |
#
# This was the last section: from single pixels to a recipe of your own. `progress()` shows the whole way. Well done!

# %%
progress("recipe")
