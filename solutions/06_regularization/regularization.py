# %% [markdown]
# # 06 · Regularization
#
# **A small training loss is not the goal: weight decay, early stopping, weight averaging, dropout.**
#
# So far we have learned to make the training loss small, fast. But nobody needs a network that knows its training
# pictures; we need one that is right on pictures it has never seen. A network with enough weights can learn any labels
# by heart, even wrong ones. Regularization is what holds it back, and this notebook builds four kinds of it.
#
# By the end you can
#
# * write weight decay in both of its forms, and say when the two are the same,
# * stop a training at the right moment, and get the best state back,
# * average the weights of a network, after every step or every few,
# * write dropout, and say where it helps and where it does not.
#
# {{overview regularization}}
#
# Each exercise is short. Run the cell below it and you learn at once whether it is right, and if it is not, which
# mistake it looks like. Experiments use the library's versions, so being stuck at one exercise never blocks the next.

# %%
import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course import effects, regularization
from course.check import check
from course.data import digits
from course.study import hint, predict, progress
from course.training import accuracy, fit

# %% [markdown]
# ## Play first
#
# A linear classifier for digits, trained on a hundred pictures, 30 % of them with a wrong label. The slider sets
# $\lambda$: how much small weights are worth. Find
#
# 1. the $\lambda$ at which the classifier is best on **new** digits. What do its weights look like there?
# 2. what happens to that $\lambda$ with more wrong labels, and with more pictures.
# 3. a setting in which you do not need $\lambda$ at all.
# %%
from course.widgets import RegularizationPath

RegularizationPath()

# %% [markdown]
# ---
# ## 1 · Weight decay: small weights, please
#
# Large weights let a classifier react to single pixels, and so learn single pictures by heart. So put a price on them.
# Instead of the loss $L$ alone, minimise
#
# $$
# R(\Theta) = L(\Theta) + \tfrac12\, \lambda\, \|\Theta\|^2
# $$
#
# $\|\Theta\|^2$ is the sum of the squares of **all** numbers in all weight tensors; $\lambda$ says how much it counts.
# The ½ is there for its gradient, which is simply $\nabla L + \lambda\Theta$.
#
# In practice biases and the parameters of a normalisation are often left out: they are few, and cannot learn pictures
# by heart. They are easily told apart, being vectors, while matrices and kernels have two dimensions or more.
#
# ### `l2_objective(loss, params, lam, matrices_only)`
# {{card regularization.l2_objective}}
#
# `loss` is a tensor with one number, `params` a list of tensors. If `matrices_only` is true, tensors with fewer than
# two dimensions do not count. Return $R$ as a tensor, so that it can be differentiated.


# %% exercise="regularization.l2_objective"
def l2_objective(loss: Tensor, params: list[Tensor], lam: float, matrices_only: bool) -> Tensor:
    """The loss, and half of λ times the squared norm of the parameters."""
    ### BEGIN SOLUTION
    if matrices_only:
        params = [p for p in params if p.ndim >= 2]
    return loss + 0.5 * lam * sum((p**2).sum() for p in params)
    ### END SOLUTION


# %% check="regularization.l2_objective"
check("regularization.l2_objective", l2_objective)

# %% [markdown]
# ### The same, seen from the step
# Put $\nabla R = \nabla L + \lambda\Theta$ into gradient descent and sort the terms:
#
# $$
# w \leftarrow w - \eta\,(\nabla L + \lambda w) \;=\; \underbrace{(1 - \lambda\eta)\, w}_{\text{weight decay}} -
# \underbrace{\eta\, \nabla L}_{\text{the usual step}}
# $$
#
# In every step each weight first loses a small share of itself. What the loss does not insist on, fades.
#
# ### `decay_step(w, grad, lr, lam)`
# {{card regularization.decay_step}}
#
# `grad` is the gradient of the loss alone. Return the new `w`.


# %% exercise="regularization.decay_step"
def decay_step(w: Tensor, grad: Tensor, lr: float, lam: float) -> Tensor:
    """One step of gradient descent with weight decay; returns the new w."""
    ### BEGIN SOLUTION
    return (1 - lam * lr) * w - lr * grad
    ### END SOLUTION


# %% check="regularization.decay_step"
check("regularization.decay_step", decay_step)

# %% [markdown]
# ### Experiment: are the two forms the same?
# Two trainings from the same start, on the same batches: one with $\lambda w$ in the gradient, one with decay. For SGD
# the algebra above says yes. And for momentum? For Adam?

# %%
guess = predict("regularization.l2_is_decay")
guess

# %%
guess.show()

# %% [markdown]
# SGD: the same to rounding. Momentum: the same, too, if what rolls on is the last **move** of the weights, decay
# included. Beware of the other way to write decay, in which $\Delta$ gathers $\nabla L$ alone and the decay acts
# beside it. Against that, L2 pulls $1/(1-\alpha)$ times as hard, since its $\lambda w$ goes into $\Delta$ and is
# repeated by the momentum. So a $\lambda$ from somebody else's script means little without the formula. (PyTorch's
# `SGD(weight_decay=…)` is L2 in the gradient.) Adam: not the same at any of the 25 $\lambda$ tried. That is why AdamW
# exists; 05 has the details.

# %% [markdown]
# ### Experiment: does it help?
# It depends on what there is to hold back. Left a linear classifier, right a small CNN whose labels are all right.

# %%
effects.get("regularization.weight_decay").show()

# %% [markdown]
# Left: with wrong labels there is something that should not be learned, and decay helps a lot. With right ones the
# linear classifier gains nothing. Right: before a batch normalisation (10) the size of a kernel does not even matter to
# the output, so what decay changes there is mostly how far a step turns the kernel. A customary 0.0005 did nothing in
# our short training; a value 60 times as large gained some points, without a wrong label. So try values over some
# powers of ten rather than believing in one.

# %% [markdown]
# ---
# ## 2 · Early stopping: the best moment to quit
#
# Training goes through two phases. First the network learns what pictures have in common, and gets better on new ones;
# later it learns each training picture by heart. In between lies the best moment. You only see it on pictures that
# training does not use: the **validation set**. So measure its accuracy after each epoch, keep the best state, and stop
# when nothing better has come for some epochs, the **patience**.
#
# ### `EarlyStopping(model, patience)`
# {{card regularization.EarlyStopping}}
#
# A class this time, with two methods. `fit` calls your object after each epoch: `stop(history)`. The newest validation
# accuracy is `history.validation_accuracy[-1]`.
#
# * If it is **higher** than the best so far, as any accuracy is in the first epoch: remember it, and a copy of
#   `model.state_dict()`.
# * Return `True` as soon as `patience` epochs in a row have not been better, else `False`.
# * `restore()`, and nothing else, puts the best state back, each time it is called: `model.load_state_dict(…)`.
#
# > `state_dict()` hands out the living tensors, and training goes on changing them. `copy.deepcopy` makes a copy.


# %% exercise="regularization.EarlyStopping"
class EarlyStopping:
    """Keeps the state with the best validation accuracy, and says when to stop."""

    def __init__(self, model: nn.Module, patience: int) -> None:
        ### BEGIN SOLUTION
        self.model, self.patience = model, patience
        self.best, self.waited, self.state = -math.inf, 0, model.state_dict()
        ### END SOLUTION

    def __call__(self, history) -> bool:
        """After an epoch: whether to stop."""
        ### BEGIN SOLUTION
        if history.validation_accuracy[-1] > self.best:
            self.best, self.waited = history.validation_accuracy[-1], 0
            self.state = copy.deepcopy(self.model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience
        ### END SOLUTION

    def restore(self) -> None:
        """Put the best state back into the model."""
        ### BEGIN SOLUTION
        self.model.load_state_dict(self.state)
        ### END SOLUTION


# %% check="regularization.EarlyStopping"
check("regularization.EarlyStopping", EarlyStopping)

# %% [markdown]
# ### Experiment: learning by heart
# A small network, 300 digits. Left, 30 % of their labels are wrong. Find the two phases in the picture.

# %%
effects.get("regularization.stopping").show()

# %% [markdown]
# Left, the network gets more and more of its *wrong* labels "right", and worse on new digits; going back to the best
# epoch repairs that. Right, there was nothing to repair, and a lucky early epoch even made it stop too soon. Mind, too,
# that whoever picks the best of many epochs has looked at the validation set often: its accuracy is a little too good
# to be true. The final number comes from the test set.
#
# It works in any training script. Here with the library's version; put in your own:

# %%
torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
stop = regularization.EarlyStopping(model, patience=5)
history = fit(
    model,
    digits("train"),
    torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
    epochs=60,
    validation=digits("validation"),
    after_epoch=[stop],
    generator=torch.Generator().manual_seed(0),
    progress=False,
)
stop.restore()
best = history.validation_accuracy.index(max(history.validation_accuracy)) + 1
print(f"{history.ended} after {len(history.epoch_ends)} epochs, best was epoch {best}")
print(f"right on unseen digits: {100 * accuracy(model, *digits('test')):.1f} %")

# %% [markdown]
# ---
# ## 3 · Averaging the weights
#
# ![A path that circles a minimum without ever settling, and near the middle of the circle the average of its
# points.](figures/average.svg)
#
# At a constant learning rate SGD never settles: it circles the minimum, pushed about by the noise of the mini-batches.
# If it circles, the middle is a better place than wherever it happens to be. So keep an average beside the network,
# which forgets slowly:
#
# $$
# \bar\Theta_0 = \Theta_0, \qquad \bar\Theta_t = \beta\, \bar\Theta_{t-1} + (1-\beta)\, \Theta_t
# $$
#
# It remembers about the last $1/(1-\beta)$ steps: 5 000 for the lecture's $\beta = 0.9998$. Training itself does not
# notice; the average is only used to classify.
#
# To save time one can update it every $k$ steps. Then it must forget in one update what it would have forgotten in
# $k$, so $\beta$ becomes $\beta^k$:
#
# $$
# \bar\Theta \leftarrow \beta^k\, \bar\Theta + (1-\beta^k)\, \Theta
# $$
#
# ### `ema_update(average, weights, beta, every)`
# {{card regularization.ema_update}}
#
# `average` and `weights` are lists of tensors, `every` is $k$, and $0 \le \beta \le 1$. Return the new average, a
# list. The weights belong to the network that is being trained: leave them alone.


# %% exercise="regularization.ema_update"
def ema_update(average: list[Tensor], weights: list[Tensor], beta: float, every: int) -> list[Tensor]:
    """One update of the moving average, `every` steps after the last one; returns the new average."""
    ### BEGIN SOLUTION
    memory = beta**every
    return [memory * a + (1 - memory) * w for a, w in zip(average, weights, strict=True)]
    ### END SOLUTION


# %% check="regularization.ema_update"
check("regularization.ema_update", ema_update)

# %% [markdown]
# ### Experiment: average or last?
# A small CNN that learns fruit, at a constant rate and with a cosine schedule.

# %%
effects.get("regularization.averaging").show()

# %% [markdown]
# At the constant rate the average is better, and much smoother. With the cosine there is nothing left to gain: a rate
# that falls to 0 stops the circling by itself. The average gets there without your having to decide in advance when
# the training ends. And with $\beta$ left as it was, an average over every tenth step reaches ten times as far back,
# here to weights that knew nothing yet.

# %% [markdown]
# For a whole network, `regularization.EMA` does the bookkeeping. One detail deserves a thought: the running mean and
# variance of batch normalisation are not weights, yet they belong to them. Here they are averaged like the weights;
# `average_buffers=False` copies them, as PyTorch's `AveragedModel` does unless told otherwise.

# %%
torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
ema = regularization.EMA(model, beta=0.98)
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
generator = torch.Generator().manual_seed(0)
after_step = [lambda _: ema.update(model)]
fit(model, digits("train"), optimizer, epochs=5, after_step=after_step, generator=generator, progress=False)
for name, network in (("last weights", model), ("average", ema)):
    print(f"{name:>12}: right on unseen digits {100 * accuracy(network, *digits('test')):.1f} %")

# %% [markdown]
# ---
# ## 4 · Dropout
#
# Switch off a random part of a layer in every step, and no unit can rely on a particular other one. During training
# each number becomes 0 with probability $p$; the others are divided by $1-p$, which keeps the layer's output the same
# on average:
#
# $$
# \text{dropout}(x)_i = \begin{cases} 0 & \text{with probability } p \\ x_i / (1-p) & \text{otherwise} \end{cases}
# \qquad \mathbb{E}[\text{dropout}(x)] = x
# $$
#
# When the network is used, nothing is dropped, and thanks to the division nothing needs to be corrected.
#
# > **Conventions.** Here, as in PyTorch, $p$ is the probability of **dropping**. Some papers mean that of keeping.
#
# ### `dropout(x, p, training, generator)`
# {{card regularization.dropout}}
#
# Draw from `generator`, for each number by itself: `torch.rand(…, generator=generator)`. $0 \le p < 1$. In training,
# gradients must reach `x`.


# %% exercise="regularization.dropout"
def dropout(x: Tensor, p: float, training: bool, generator: torch.Generator) -> Tensor:
    """In training drop each number with probability p and divide the others by 1 − p; else return x."""
    ### BEGIN SOLUTION
    if not training:
        return x
    keep = torch.rand(x.shape, generator=generator) >= p
    return x * keep / (1 - p)
    ### END SOLUTION


# %% check="regularization.dropout"
check("regularization.dropout", dropout)

# %% [markdown]
# ### Experiment: how much to drop?
# The 300 digits again, with a hidden layer of 128 units.

# %%
effects.get("regularization.dropping").show()

# %% [markdown]
# The same story as before: where there is something wrong to learn by heart, dropout prevents some of it. The
# more is dropped, the more it prevents, up to the 80 % that were tried. With right labels it changes little, about a
# point at most in the mean of several runs, whatever the one above shows: noise is no gift in itself.

# %% [markdown]
# ---
# ## 5 · In your own words
#
# {{card which_regularizer}}
#
# A colleague trains a network on 2 000 photos that volunteers have labelled. Training accuracy 99 %, validation
# accuracy 78 %. "I will turn on everything: weight decay, dropout, early stopping, averaging." Which would you try
# first, and what would you look at to see whether it works? Name one that you expect to bring **nothing** under a
# condition that you state, and the experiment of this notebook that supports you. How will the final accuracy be
# reported so that it can be believed? Four to six sentences.

# %% [markdown] question="which_regularizer" points=3 minutes=10 title="Which one, and how do you know?"
# ### BEGIN SOLUTION
# *A model answer.* Volunteers' labels are probably wrong now and then, and a gap of 21 points says that the network
# learns by heart. I would begin with early stopping, as it needs only the validation curve: if that curve has its
# maximum early and falls, stopping there will gain; if it is still rising at the end, it will not. Then weight decay or
# dropout, one at a time, over several strengths, each with a few seeds. I expect averaging to bring nothing if the
# learning rate already falls to 0 along a cosine: in the averaging experiment the last weights and the average were
# then equal. As I choose epoch and strengths by the validation set, its accuracy is too optimistic: the number to
# report comes from a test set that was used once, at the end. (Also right: dropout, or decay of a linear classifier,
# brings little if labels are right. Not decay in general: on the rightly labelled fruit it helped a network.)
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>element 0 of tensors does not require grad</code></summary>
#
# Somewhere a tensor became a plain number: leave out `.item()`, `float()`, `.detach()` and `torch.tensor(…)`.
# </details>
# <details><summary><code>restore()</code> gives back the last state</summary>
#
# `self.state = model.state_dict()` keeps the living tensors. Make a copy: `copy.deepcopy(model.state_dict())`.
# </details>
# <details><summary><code>a leaf Variable that requires grad is being used in an in-place operation</code></summary>
#
# `x *= …` changes the caller's tensor. Write `x = x * …`.
# </details>
# <details><summary><code>'EarlyStopping' object is not callable</code></summary>
#
# The method that makes an object callable is called `__call__`, with two underscores on each side.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | weight decay | $(1-\lambda\eta)w$ before the step: the same as L2 for SGD, not for Adam |
# | early stopping | the validation set decides; keep a copy of the best state |
# | averaging | at a constant rate better than the last weights; on top of a cosine nothing |
# | every k steps | then with $\beta^k$ |
# | dropout | drop with $p$, divide by $1-p$, in training only |
# | when | where something wrong can be learned by heart; on rightly labelled digits they brought little or nothing |
# | honest numbers | choose with the validation set, report with the test set |
#
# Next: **07 · augmentation**: more pictures from the ones you have.

# %%
progress("regularization")
