# %% [markdown]
# # 09 · Depth
#
# **Stochastic depth: leave out whole blocks of a network at random while it learns.**
#
# A ResNet is a chain of blocks, each of which adds something to what passes through. So a block can be taken out and
# the chain still holds: what passes through just stays as it was. Stochastic depth does that in training, at random
# and anew in each step. The network is shallower while it learns, which can save time, and has all its blocks when it
# is used.
#
# By the end you can
#
# * write a residual block with a gate, and stochastic depth around any branch,
# * say what p means here, and what it means in torchvision and timm,
# * compute how deep a network is on average, and say what that saves and what not,
# * explain in which sense one such network is many, and why its branches are scaled at test time.
#
# {{overview depth}}
#
# Run the cell below an exercise and you learn at once whether it is right. Experiments use the library's versions, so
# being stuck at one exercise never blocks the next.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import stochastic_depth as torchvisions

from course import depth, effects
from course.check import check
from course.data import fruit
from course.study import hint, predict, progress
from course.training import accuracy, fit

# %% [markdown]
# ## Play first
#
# Each column is a training step, each row a block; lit blocks are active. Find
#
# 1. how many blocks are active on average if the probability $p$ of being active falls along a line to ½ from the first
#    block to the last, and how many if it is ½ for all,
# 2. how often two steps train the same network,
# 3. what `p of the last block` = 1 gives.
# %%
from course.widgets import BlockLights

BlockLights()

# %% [markdown]
# ---
# ## 1 · A block with a gate
#
# ![Left, gate open: x passes through the branch f and past it, and both are added. Right, gate closed: the branch is
# gone, and x alone passes.](figures/block.svg)
#
# A residual block adds a branch $f$, two convolutions say, to its input. Now the branch gets a gate $b$:
#
# $$
# \text{block}(x) = \mathrm{ReLU}\big(x + b \cdot f(x)\big), \qquad b \in \{0, 1\}
# $$
#
# With $b = 1$ it is the ordinary ResNet block, with $b = 0$ the identity: $x$ comes out of the ReLU of the block
# before, so it has no negative entries that this ReLU could change.
#
# ### `residual(x, branch, b)`
# {{card depth.residual}}
#
# `x` has shape (N, …), `branch` is a function, and `b` holds one gate **per sample**, shape (N,): zeros and ones.
# A network learns through your block: gradients must reach both `x` and the branch.


# %% exercise="depth.residual"
def residual(x: Tensor, branch, b: Tensor) -> Tensor:
    """A residual block whose branch has a gate."""
    ### BEGIN SOLUTION
    b = b.view(-1, *[1] * (x.ndim - 1))
    return F.relu(x + b * branch(x))
    ### END SOLUTION


# %% check="depth.residual"
check("depth.residual", residual)

# %% [markdown]
# ---
# ## 2 · Stochastic depth
#
# In training, $b$ is drawn: the branch **survives** with probability $p$. At test time nothing is left to chance; each
# branch takes part with the weight that it had on average:
#
# $$
# \text{training: } x + b \cdot f(x), \quad P(b = 1) = p, \qquad\qquad \text{test: } x + p \cdot f(x)
# $$
#
# > **Two conventions.** Here, as in the lecture and in the paper, $p$ is the probability to *survive*. torchvision and
# > timm name the probability to be *dropped*, $1 - p$, and divide in training, $x + \tfrac{b}{p} f(x)$, so that at test
# > time $f$ is added whole. Both have the same mean in training as at test time.
#
# > **Predict.** You hand your $p = 0.9$ to a function that takes it for the probability to be dropped. Does training
# > raise an error? How often does the branch take part, and at what weight? (The answer is below the check.)
#
# ### `stochastic_depth(x, branch, p, training, generator)`
# {{card depth.stochastic_depth}}
#
# Draw one gate for each sample, from `generator`. There is no ReLU here: whoever builds a block puts it where it
# belongs. In training, gradients must reach `x` and the branch.


# %% exercise="depth.stochastic_depth"
def stochastic_depth(x: Tensor, branch, p: float, training: bool, generator: torch.Generator) -> Tensor:
    """The branch survives with probability p in training, sample by sample, and counts p at test time."""
    ### BEGIN SOLUTION
    if not training:
        return x + p * branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)
    ### END SOLUTION


# %% check="depth.stochastic_depth"
check("depth.stochastic_depth", stochastic_depth)

# %% [markdown]
# ### From one convention to the other
# A $p = 0.9$ in the wrong convention raises no error. The branch takes part one time in ten, and then ten times as
# strong: its mean is $f$, but in nine of ten steps the network trains without it. Theirs is ours if $f$ is scaled by
# $p$, and $1 - p$ is handed over. With the same random numbers, nothing differs:

# %%
x, weight, p = torch.randn(6, 4), torch.randn(4, 4), 0.7
for training in (True, False):
    torch.manual_seed(0)
    ours = depth.stochastic_depth(x, lambda x: x @ weight, p, training)
    torch.manual_seed(0)
    theirs = x + torchvisions(p * (x @ weight), 1 - p, "row", training)
    print(f"training {training!s:>5}: largest difference {(ours - theirs).abs().max():.0e}")

# %% [markdown]
# ---
# ## 3 · Which blocks, and how many?
#
# Early blocks find edges that all later ones build on, so they should be left out rarely. The usual rule lets $p$ fall
# along a line, from the input, which always survives ($p_0 = 1$), to the last of $L$ blocks:
#
# $$
# p_\ell = 1 - \frac{\ell}{L}\,(1 - p_L), \qquad \ell = 1, \dots, L
# $$
#
# ### `survival_probabilities(L, p_last)`
# {{card depth.survival_probabilities}}
#
# Return a tensor of $L$ numbers, $p_1$ to $p_L$. Mind where it starts: is $p_1 = 1$?


# %% exercise="depth.survival_probabilities"
def survival_probabilities(L: int, p_last: float) -> Tensor:
    """Probabilities to survive of blocks 1 … L, falling along a line to p_last."""
    ### BEGIN SOLUTION
    return 1 - torch.arange(1, L + 1) / L * (1 - p_last)
    ### END SOLUTION


# %% check="depth.survival_probabilities"
check("depth.survival_probabilities", survival_probabilities)

# %% [markdown]
# How many blocks are active, on average? Each gate is 1 with probability $p_\ell$, so its mean is $p_\ell$. The mean of
# a sum is the sum of the means, whether or not the gates depend on each other.
#
# ### `expected_depth(p)`
# {{card depth.expected_depth}}
#
# `p` holds *any* probabilities $p_1, \dots, p_L$. Return one number.


# %% exercise="depth.expected_depth"
def expected_depth(p: Tensor) -> Tensor:
    """How many blocks are active on average."""
    ### BEGIN SOLUTION
    return p.sum()
    ### END SOLUTION


# %% check="depth.expected_depth"
check("depth.expected_depth", expected_depth)

# %% [markdown]
# ### Experiment: does it save time?
# A quarter or so of the blocks inactive: is a training step a quarter shorter? That depends on how it is written. The
# formula above computes $f(x)$ and multiplies it by 0. One can also skip it, for the whole batch if all samples share a
# gate, or for the samples that are left out.

# %%
effects.get("depth.time_saved").show()

# %% [markdown]
# The formula saves nothing. Skipping does, though the rest of the step stays. On these small pictures the sorting
# of samples eats up most or all of what a gate per sample saves; on larger batches of larger pictures it pays:
# `course bench depth`.

# %% [markdown]
# ---
# ## 4 · One network or many?
#
# With $L$ blocks there are $2^L$ sets of gates, so $2^L$ networks that share their weights. Training draws one of them
# at a time. At test time one could let many of them vote. Or take all blocks at once, each weighted by its $p$.
#
# ### Experiment: a vote
# A network of 16 residual blocks has learned digits with $p_L = ½$, with some of the labels wrong.

# %%
guess = predict("depth.ensemble")
guess

# %%
guess.show()

# %% [markdown]
# The test-time network, in a single pass, does as well as the vote. For one block that is no wonder: the mean of
# $x + b f(x)$ is exactly $x + p f(x)$. Through sixteen blocks with ReLUs in between it is only nearly so. And
# forgetting to scale costs points: the last block's branch then comes twice as strong as in the average training step.

# %% [markdown]
# ### Experiment: does it learn better?
# The same network with three values of $p_L$, from the same start, on the same batches; once with 30 % of the training
# labels wrong, once with all of them right.

# %%
effects.get("depth.wrong_labels").show()

# %% [markdown]
# With wrong labels the full network learns most of them by heart, and stochastic depth keeps it from that: it
# regularises. With right labels there was nothing to gain. Do not expect better accuracy whenever you turn it on.

# %% [markdown]
# ---
# ## 5 · In a training script
#
# `depth.ResNet` is a small ResNet with stochastic depth built in: `mode="batch"` draws a gate for the whole batch,
# `mode="row"` for each sample, and branches that are left out are skipped. `train()` and `eval()` switch, as with
# dropout.

# %%
train, test = fruit("train", 300, size=16), fruit("test", 300, size=16)
for p_last in (1.0, 0.5):
    generator = torch.Generator().manual_seed(0)
    model = depth.ResNet(3, blocks=(2, 2, 2), widths=(8, 16, 32), p_last=p_last, mode="batch", generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    fit(model, train, optimizer, steps=60, generator=torch.Generator().manual_seed(1), progress=False)
    average = depth.expected_depth(model.survival)
    right = 100 * accuracy(model, *test)
    print(f"p_L = {p_last}: {average:.1f} of 6 blocks on average, right on new fruit {right:.1f} %")

# %% [markdown]
# Two numbers from one short run prove nothing about $p_L$. They show how it is used.

# %% [markdown]
# ---
# ## 6 · In your own words
#
# {{card deeper_or_not}}
#
# A colleague has a ResNet with 9 blocks that learns a large set of clean pictures and does not overfit. She adds
# stochastic depth with $p_L = ½$, "because it makes training faster and networks better". Her training step takes as
# long as before, and the accuracy is no better. Explain both, with an experiment of this notebook for each; say what
# she would have to change to save time; and describe a situation in which you would expect a better accuracy. Four to
# six sentences.

# %% [markdown] question="deeper_or_not" points=3 minutes=10 title="Faster and better?"
# ### BEGIN SOLUTION
# *A model answer.* Her code probably computes each branch and multiplies it by b, as the formula says (and as
# torchvision's module does); in the first experiment that saved nothing. To save time the branch must not be computed:
# one gate per batch and an `if`, or only the surviving samples of large batches. Even then the saving is somewhat less
# than the share of blocks left out, (9 − 6.5)/9 = 28 %, since the first convolution, the last layer and the update
# remain. Stochastic depth regularises: with right labels it gained nothing in the third experiment, because there was
# little overfitting to prevent. I would expect a gain where a deep network learns mistakes by heart: wrong labels, as
# in that experiment, or little data for the network's size. (Also right: p taken for the drop probability, or a
# missing scale at test time, as things to check first.)
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>The size of tensor a (4) must match the size of tensor b (3) …</code></summary>
#
# `b` has shape (N,), and PyTorch lines up shapes from the **right**. `b.view(-1, 1, 1, 1)` puts it along the samples of
# an (N, C, H, W) tensor; `b.view(-1, *[1] * (x.ndim - 1))` does for any number of axes.
# </details>
# <details><summary>It runs, but the values are off when N equals the number of columns</summary>
#
# The same mistake, without an error message: the gates ran along the last axis.
# </details>
# <details><summary><code>Expected a 'cuda' device type for generator but found 'cpu'</code></summary>
#
# A generator draws on its own device. Draw there, then move: `torch.rand(n, generator=generator).to(x.device)`.
# </details>
# <details><summary><code>Expected more than 1 value per channel when training</code></summary>
#
# Only one sample survived, and a batch norm without pixels has nothing to average over. Use one gate per batch.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | gate | $x + b \cdot f(x)$: the branch goes, the identity stays |
# | test time | $x + p \cdot f(x)$, the mean; all blocks take part |
# | $p$ | the lecture's survives, torchvision's and timm's is dropped |
# | linear rule | $p_\ell = 1 - \frac{\ell}{L}\,(1 - p_L)$: early blocks nearly always |
# | time | expected depth $\sum_\ell p_\ell$; saved only if the branch is really skipped |
# | accuracy | regularises: helps against wrong labels, not in general |
#
# Next: **10 · recipe**: everything together, and a challenge.

# %%
progress("depth")
