# %% [markdown]
# # 05 · Adaptive
#
# **A learning rate of its own for every weight: Adagrad, Adam, AdamW.**
#
# In a ravine the steep direction decides how large a step may be, and the flat one waits. Momentum helped. But there
# is a more direct way: look at how large each weight's gradients have been, and give each weight the rate that suits
# it. That is what the optimizers do that train nearly all large networks today. They are two to five lines each, and
# every one of those lines has a reason.
#
# By the end you can
#
# * write Adagrad, Adam and AdamW, and say what each line is for,
# * say on which problems they win by a wide margin, and on which plain SGD keeps up,
# * explain what bias correction corrects,
# * explain why weight decay belongs outside the normalisation.
#
# {{overview adaptive}}
#
# Each exercise is a short function. Run the cell below it and you learn at once whether it is right, and if it is not,
# which mistake it looks like. Experiments use the library's versions, so being stuck at one exercise never blocks the
# next.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course import adaptive, effects
from course.check import check
from course.data import digits
from course.study import hint, predict, progress
from course.training import accuracy, fit

# %% [markdown]
# ## Play first
#
# Four optimizers start at the same point. Change the surface and the rates, and find
#
# 1. a surface on which plain SGD cannot win, whatever its rate,
# 2. a surface on which plain SGD is as good as any,
# 3. a surface on which Adagrad loses its advantage. What is different there?
# %%
from course.widgets import OptimizerRace

OptimizerRace()

# %% [markdown]
# ---
# ## 1 · Adagrad: remember how steep it was
#
# ![Two narrow valleys seen from above. Left, one rate for all directions: the path zigzags between the walls. Right, a
# rate for each direction: the path bends gently towards the minimum.](figures/rates.svg)
#
# Adagrad adds up the **squares** of all gradients $g$ that a weight has seen, and divides by the root of the sum:
#
# $$
# v \leftarrow v + g^2, \qquad w \leftarrow w - \frac{\eta}{\sqrt{v} + \varepsilon}\, g
# $$
#
# Everything is element by element: each weight has its own $v$, hence its own rate $\eta/\sqrt v$. Where gradients
# have been large the rate is small. The tiny $\varepsilon$ only prevents a division by zero, and stands **outside**
# the root.
#
# ### `adagrad_step(w, grad, v, lr, eps)`
# {{card adaptive.adagrad_step}}
#
# `w`, `grad` and `v` are tensors of the same shape. Return two tensors: the new `w` and the new `v`.


# %% exercise="adaptive.adagrad_step"
def adagrad_step(w: Tensor, grad: Tensor, v: Tensor, lr: float, eps: float) -> tuple[Tensor, Tensor]:
    """One step of Adagrad; returns the new w and the new v."""
    ### BEGIN SOLUTION
    v = v + grad**2
    return w - lr * grad / (v.sqrt() + eps), v
    ### END SOLUTION


# %% check="adaptive.adagrad_step"
check("adaptive.adagrad_step", adagrad_step)

# %% [markdown]
# ### Experiment: which direction gets which rate?
# A ravine, a hundred times steeper across than along. Watch the *effective* rate $\eta/(\sqrt v + \varepsilon)$ of both
# directions. The rates belong to **weights**, though, not to directions: what if the ravine lies askew?

# %%
guess = predict("adaptive.effective_rates")
guess

# %%
guess.show()

# %% [markdown]
# Straight, Adagrad is unbeatable. Turned by 45° it is slower than plain SGD: then no single weight lies along the
# ravine.

# %% [markdown]
# ---
# ## 2 · Adam: forget a little, and roll
#
# In that ravine the gradients soon vanish, and $v$ stops growing. With mini-batches they never do: $v$ grows on and on,
# and the rates fall like $1/\sqrt t$, in the end to nothing. Adam replaces the sum by a **running mean** that forgets,
# and does the same to the gradient itself, which makes it a kind of momentum:
#
# $$
# m \leftarrow \beta_1 m + (1-\beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1-\beta_2)\, g^2
# $$
#
# Both start at 0, so at first they are too small: after one step, $m$ is only a tenth of $g$ (with $\beta_1 = 0.9$),
# and $v$ a thousandth of $g^2$ (with $\beta_2 = 0.999$), so $\sqrt v$ a thirtieth of $|g|$. The divisor is further from
# what it should be than $m$ is, so uncorrected steps are too **long**. The **bias correction** takes that out:
#
# $$
# \hat m = \frac{m}{1-\beta_1^t}, \qquad \hat v = \frac{v}{1-\beta_2^t}, \qquad
# w \leftarrow w - \frac{\eta}{\sqrt{\hat v} + \varepsilon}\, \hat m \qquad (t = 1, 2, \dots)
# $$
#
# > **Predict.** At the very first step $\hat m = g$ and $\hat v = g^2$. How far does each weight move, then, if its
# > gradient is 0.001? And if it is 1 000?
#
# ### `adam_step(w, grad, m, v, t, lr, beta1, beta2, eps)`
# {{card adaptive.adam_step}}
#
# `t` is the number of this step and starts at **1**. Return three tensors: the new `w`, `m` and `v` (without hats).


# %% exercise="adaptive.adam_step"
def adam_step(
    w: Tensor, grad: Tensor, m: Tensor, v: Tensor, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of Adam; returns the new w, m and v."""
    ### BEGIN SOLUTION
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return w - lr * m_hat / (v_hat.sqrt() + eps), m, v
    ### END SOLUTION


# %% check="adaptive.adam_step"
check("adaptive.adam_step", adam_step)

# %% [markdown]
# ### Experiment: the first steps
# The same network, Adam with and without the correction. How far do the weights move in each of the first steps?

# %%
effects.get("adaptive.bias_correction").show()

# %% [markdown]
# With the correction the first step is $\eta$, whether the gradient is 0.001 or 1 000. At small rates the longer steps
# without it even help, and with each at its best $\eta$ both do about equally well. What the correction buys is that
# $\eta$ means the same from the first step on, so that large rates survive.

# %% [markdown]
# ### Experiment: badly scaled
# A linear classifier for digits, but somebody recorded the 64 pixels in different units: each is multiplied by its own
# factor, between a hundredth and ten. Every optimizer gets its best rate.

# %%
effects.get("adaptive.badly_scaled").show()

# %% [markdown]
# No single rate suits the weights of all 64 pixels, and momentum makes up for little of that. Adam loses
# as well, only less. With all pixels in one unit the four are nearly equal.

# %% [markdown]
# ### Experiment: and on an ordinary network?
# The same four on a small network that learns fruit for 80 steps, without and with batch normalisation, each at its
# best rate.

# %%
effects.get("adaptive.ranking").show()

# %% [markdown]
# So Adam had a head start on the network without batch normalisation, and a smaller one with it. ("Best" means the
# best of a few rates, some at the edge of those tried.) Mind that this is about the first steps: who is ahead at the
# end of a long training is another question.

# %% [markdown]
# ---
# ## 3 · AdamW: decay outside the normalisation
# Weight decay (06 asks what for) pulls every weight towards 0, with a strength $\lambda$. With plain SGD it does not
# matter whether one adds $\lambda w$ to the gradient or multiplies the weight by $(1 - \eta\lambda)$. With Adam it
# does: whatever is added to the **gradient** is divided by $\sqrt{\hat v}$ afterwards. So weights with small gradients
# decay fast, others hardly at all, and nobody asked for that. AdamW shrinks the weight directly:
#
# $$
# w \leftarrow (1 - \eta\lambda)\, w - \frac{\eta}{\sqrt{\hat v} + \varepsilon}\, \hat m
# $$
#
# ### `adamw_step(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps)`
# {{card adaptive.adamw_step}}
#
# The decay uses the **old** $w$; moments are made from `grad` alone. Return the new `w`, `m` and `v`.


# %% exercise="adaptive.adamw_step"
def adamw_step(
    w: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: float,
    weight_decay: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of AdamW; returns the new w, m and v."""
    ### BEGIN SOLUTION
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v
    ### END SOLUTION


# %% check="adaptive.adamw_step"
check("adaptive.adamw_step", adamw_step)

# %% [markdown]
# ### Experiment: a weight that nobody needs
# Some pixels of the digits are always black, so their weights get no gradient at all. What does decay do to *them*?

# %%
effects.get("adaptive.decay").show()

# %% [markdown]
# To these weights AdamW does what $\lambda$ asks for; under Adam with L2, $\lambda$ cancels in the first step. That is
# no promise of a better accuracy.

# %% [markdown]
# ---
# ## 4 · In a training script
#
# An optimizer is the step, plus the bookkeeping: one $m$ and one $v$ for every weight. The library's versions do it
# for all weights at once and take the place of PyTorch's in most scripts. Here both train the same network:

# %%
for optimizer_class in (torch.optim.AdamW, adaptive.AdamW):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = optimizer_class(model.parameters(), lr=1e-2, weight_decay=0.1)
    generator = torch.Generator().manual_seed(0)
    history = fit(model, digits("train"), optimizer, epochs=5, generator=generator, progress=False)
    right = accuracy(model, *digits("test"))
    print(f"{optimizer_class.__module__:>18}: loss {history.loss[-1]:.6f}, right on unseen digits {100 * right:.1f} %")

# %% [markdown]
# > **Memory.** SGD keeps nothing, momentum one number per weight, Adam two. For a network of a billion weights Adam's
# > are 8 GB in float32, beside the weights' 4 GB.

# %% [markdown]
# ---
# ## 5 · In your own words
#
# {{card which_optimizer}}
#
# A colleague reports: "On my data, Adam with its standard settings reaches 91 %, SGD with rate 0.01 only 84 %. Adam is
# the better optimizer for this network." What would you ask for, or run, before you believe it? Name **two** things,
# say for each which outcome would change the conclusion, and describe a property of data or network for which you
# would expect Adam to win even then, with the experiment of this notebook that supports you. Four to six sentences.

# %% [markdown] question="which_optimizer" points=3 minutes=10 title="Is Adam better?"
# ### BEGIN SOLUTION
# *A model answer.* First, SGD's rate: 0.01 was not tuned, and at an arbitrary rate SGD is no fair opponent for Adam's
# defaults, which are known to work often. I would try rates over two or three orders of magnitude for both, with the
# same budget; if SGD (with momentum) comes close at its best, the difference was the rate. Second, seeds: one run each
# says little; I would compare several paired runs, and believe in a difference only if it is larger than its spread.
# Adam should win even then if the weights' gradients have very different scales, such as inputs in different units: in
# the badly scaled experiment no single rate fitted all weights, and SGD at its best rate stayed behind. (Also right,
# as properties: no normalisation, rare features. As things to ask for: momentum, schedules.)
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>ZeroDivisionError</code> or <code>nan</code> at the first step</summary>
#
# Steps are counted from 1: with $t = 0$, $1 - \beta^0 = 0$.
# </details>
# <details><summary>The first step is right, all others are off</summary>
#
# Return the moments **without** hats: the correction is made anew in each step, from the uncorrected ones.
# </details>
# <details><summary>The check says that an argument was changed</summary>
#
# `grad *= …` changes the caller's tensor. Here that is allowed for `w`, `m` and `v`, but never for `grad`.
# </details>
# <details><summary><code>argument 'input' must be Tensor, not float</code>, or <code>only one element tensors
# …</code></summary>
#
# `torch.sqrt` is for tensors such as `v`, `math.sqrt` and `** 0.5` for numbers such as `1 - beta2**t`.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | Adagrad | rate η/√(sum of squares): suits each weight, but only ever falls |
# | Adam | running means instead of sums; corrected for their start at 0; first step has size η |
# | AdamW | decay outside the normalisation, so that it is the same for all weights |
# | when | very different gradient scales: adaptive wins clearly; otherwise tune the rate first |
# | fair test | best rate for each, same budget, several paired seeds |
#
# Next: **06 · regularization**: a small training loss is not the goal.

# %%
progress("adaptive")
