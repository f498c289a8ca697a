# %% [markdown]
# # 08 · Smoothing
#
# **Labels that are a little less sure, and networks whose confidence one can believe.**
#
# A one-hot label says: this is an apple, with probability 1. The loss then asks for ever larger scores, and is never
# content. But labels can be wrong, and some pictures would make anybody hesitate. **Label smoothing** takes a little
# probability from the class and hands it to the others. That is one line of code. What it does, and what it does not
# do, takes the rest of this notebook.
#
# By the end you can
#
# * smooth labels, and write the loss for targets that are probabilities,
# * translate the lecture's ε into PyTorch's,
# * say where the logits stop, and why they never stop without smoothing,
# * measure whether a network's confidence can be believed,
# * say when smoothing helps, when it harms, and what else would have helped.
#
# {{overview smoothing}}
#
# Each exercise is a short function. Run the cell below it and you learn at once whether it is right, and if it is not,
# which mistake it looks like. Experiments use the library's versions, so being stuck at one exercise never blocks the
# next.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course import effects, smoothing
from course.check import check
from course.data import digits
from course.study import hint, predict, progress
from course.training import fit

# %% [markdown]
# ## Play first
#
# On the left, the target for a picture of a 3, and a prediction whose true class leads the others by as much as you
# say. On the right, real classifiers, trained on a few digits with this ε and tested on 400 others.
#
# 1. With ε = 0, which lead makes the loss smallest? And with ε = 0.1?
# 2. Which ε makes the calibration error on the right smallest? Does that ε stay the best if 30 % of the labels are
#    wrong?
# %%
from course.widgets import SmoothingExplorer

SmoothingExplorer()

# %% [markdown]
# ---
# ## 1 · A label that hesitates
#
# ![Three bar charts for a picture of an apple. One-hot: apple 1, banana and orange 0. Smoothed with ε = 0.2: apple 0.8,
# the others 0.1 each. With ε = (K−1)/K all three are one third.](figures/targets.svg)
#
# With $K$ classes and a picture of class $y$, the lecture's smoothed label is
#
# $$
# P_i = \begin{cases} 1-\varepsilon, & i = y \\[2pt] \dfrac{\varepsilon}{K-1}, & i \neq y \end{cases}
# $$
#
# The other $K-1$ classes share $\varepsilon$ equally, so each row still sums to 1. (Classes are $1 \dots K$ in the
# lecture, $0 \dots K-1$ in code.)
#
# ### `smooth_labels(y, K, eps)`
# {{card smoothing.smooth_labels}}
#
# `y` holds N class ids. Return the targets: shape (N, K), floating point.


# %% exercise="smoothing.smooth_labels"
def smooth_labels(y: Tensor, K: int, eps: float) -> Tensor:
    """Targets (N, K): 1 − ε for the class, ε/(K−1) for each other one."""
    ### BEGIN SOLUTION
    P = torch.full((len(y), K), eps / (K - 1))
    P[torch.arange(len(y)), y] = 1 - eps
    return P
    ### END SOLUTION


# %% check="smoothing.smooth_labels"
check("smoothing.smooth_labels", smooth_labels)

# %% [markdown]
# ---
# ## 2 · A loss for soft targets
#
# The cross-entropy of 03 looked up the log-probability of *the* class. Now every class counts, with its probability as
# weight:
#
# $$
# L = -\frac1N \sum_{i=1}^{N} \sum_{k=1}^{K} P_{ik} \log \mathrm{softmax}(z_i)_k, \qquad
# \frac{\partial L}{\partial z_i} = \frac{\mathrm{softmax}(z_i) - P_i}{N}
# $$
#
# Here $z_i$ are the scores (logits) of sample $i$, and $P_i$ is its target, a row that sums to 1. So the loss serves
# for mixup and CutMix (07), too. The mean runs over the N **samples**; over the classes it is a sum.
#
# ### `soft_cross_entropy(logits, p)`
# {{card smoothing.soft_cross_entropy}}
#
# `logits` are raw scores (N, K) and may be huge, `p` are the targets (N, K). Return one number, a tensor with a
# gradient.


# %% exercise="smoothing.soft_cross_entropy"
def soft_cross_entropy(logits: Tensor, p: Tensor) -> Tensor:
    """Mean cross-entropy of the scores against targets that are probabilities."""
    ### BEGIN SOLUTION
    return -(p * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    ### END SOLUTION


# %% check="smoothing.soft_cross_entropy"
check("smoothing.soft_cross_entropy", soft_cross_entropy)

# %% [markdown]
# ### Where do the logits stop?
# The gradient vanishes where $\mathrm{softmax}(z) = P$. Take logarithms, and the true class leads each other one by
#
# $$
# z_y - z_k = \log \frac{1-\varepsilon}{\varepsilon/(K-1)} = \log\frac{(K-1)(1-\varepsilon)}{\varepsilon}
# $$
#
# > **Predict.** What is the lead for $K = 10$ and $\varepsilon = 0.1$? And what becomes of it as $\varepsilon \to 0$?

# %%
effects.get("smoothing.gap").show()

# %% [markdown]
# The formula holds to about one per cent. For $K = 10$ and $\varepsilon = 0.1$ the lead is $\log 81 \approx 4.4$. The
# smaller $\varepsilon$, the larger it is, and without smoothing there is no such place: the loss always asks for a
# larger lead, whose growth only becomes slower and slower.

# %% [markdown]
# ---
# ## 3 · The same word, another number
#
# PyTorch's `label_smoothing=e` (and timm's) follow another convention: they mix the one-hot label with the uniform
# distribution over **all** $K$ classes, the true one included. Each other class gets $e/K$, the true one
# $1 - e + e/K$. Which $e$ gives the lecture's targets? Set what another class gets equal in both.
#
# ### `to_torch_eps(eps, K)`
# {{card smoothing.to_torch_eps}}


# %% exercise="smoothing.to_torch_eps"
def to_torch_eps(eps: float, K: int) -> float:
    """PyTorch's label_smoothing for the lecture's ε."""
    ### BEGIN SOLUTION
    return eps * K / (K - 1)
    ### END SOLUTION


# %% check="smoothing.to_torch_eps"
check("smoothing.to_torch_eps", to_torch_eps)

# %% [markdown]
# Three ways to the same loss, for three classes: the fewer there are, the more the two numbers differ. The last line
# forgets to translate:

# %%
z, y = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]]), torch.tensor([0, 2])
e = smoothing.to_torch_eps(0.2, 3)
print(f"ours, from targets:    {smoothing.soft_cross_entropy(z, smoothing.smooth_labels(y, 3, 0.2)):.6f}")
print(f"ours, from class ids:  {smoothing.LabelSmoothing(0.2)(z, y):.6f}")
print(f"PyTorch, e = {e:.3f}:    {F.cross_entropy(z, y, label_smoothing=e):.6f}")
print(f"PyTorch, e = 0.2:      {F.cross_entropy(z, y, label_smoothing=0.2):.6f}")

# %% [markdown]
# ### Experiment: wrong labels
# The lecture's motive: labels may be wrong. Here 40 % of the labels of 300 pictures of fruit are, and 30 % of those of
# 1 097 digits. The networks train long enough to learn much of it by heart, and are tested on clean labels.

# %%
effects.get("smoothing.wrong_labels").show()

# %% [markdown]
# It depends. On digits, smoothing recovers a part of what was lost; stopping early (06) recovers more, for nothing. On
# fruit, ε = 0.1 or 0.2 gains nothing in the mean of several runs, whatever the one above shows, and what ε = 0.4 gains
# is less than it varies from run to run.
#
# There is a reason not to expect too much: if a share $r$ of the labels is wrong at random, then the *average* label of
# many similar pictures is a smoothed one already, with $\varepsilon = r$. More smoothing moves the logits closer
# together, but the largest stays the largest.
#
# What does change in every run is on the right, the calibration error: how far the network is from being as right as it
# is *sure*. So let us measure that.

# %% [markdown]
# ---
# ## 4 · Can it be believed?
#
# A network that says "90 % apple" a hundred times should be right about 90 times. Then it is **calibrated**. To
# measure it, take each prediction's **confidence**, its largest probability, and sort the predictions into $B$ bins of
# equal width between 0 and 1. In bin $b$ there are $N_b$ predictions, of which a share $\mathrm{acc}_b$ is right, and
# whose mean confidence is $\mathrm{conf}_b$. The **expected calibration error** is
#
# $$
# \mathrm{ECE} = \sum_{b=1}^{B} \frac{N_b}{N} \,\bigl|\, \mathrm{acc}_b - \mathrm{conf}_b \,\bigr|
# $$
#
# ### `expected_calibration_error(p, y, bins)`
# {{card smoothing.expected_calibration_error}}
#
# `p` are probabilities (N, K), `y` the true classes (N,), `bins` is $B$. Return one number. Empty bins count nothing. A
# confidence on the edge of two bins may go to either of them; a confidence of exactly 1 belongs to the last bin.


# %% exercise="smoothing.expected_calibration_error"
def expected_calibration_error(p: Tensor, y: Tensor, bins: int) -> Tensor:
    """Weighted mean distance of accuracy and confidence over bins of equal width."""
    ### BEGIN SOLUTION
    confidence, guess = p.max(dim=1)
    right = (guess == y).float()
    error = torch.tensor(0.0)
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            gap = (right[inside].mean() - confidence[inside].mean()).abs()
            error = error + inside.sum() / len(y) * gap
    return error
    ### END SOLUTION


# %% check="smoothing.expected_calibration_error"
check("smoothing.expected_calibration_error", expected_calibration_error)

# %% [markdown]
# ### Experiment: reliability diagrams
# Accuracy against confidence, bin by bin. The last diagram shows the rival that smoothing has to be compared with:
# **temperature scaling** leaves the trained network as it is, and divides its logits by one number $T$, fitted on
# validation pictures. That cannot change which class is largest, hence not the accuracy.

# %%
effects.get("smoothing.reliability").show()

# %% [markdown]
# Few pictures make a network too sure. A little smoothing mends that, much of it overshoots, and one temperature does
# the same job without training again.

# %% [markdown]
# ### Experiment: ε from 0 to 0.4, in three settings

# %%
guess = predict("smoothing.sweep")
guess

# %%
guess.show()

# %% [markdown]
# Smoothing does the same everywhere: it lowers confidence. If the network was too sure, that is a gain. On clean digits
# it was nearly calibrated, and gets worse. With wrong labels and a short training it was unsure already (wrong labels
# are a smoothing of their own), and gets worse still. In all three, one temperature fitted afterwards keeps the error
# small, at any ε.

# %% [markdown]
# ---
# ## 5 · In a training script
# `smoothing.LabelSmoothing(eps)` takes the place of the loss. The labels stay class ids:

# %%
for eps in (0.0, 0.1):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    loss = smoothing.LabelSmoothing(eps)
    fit(model, digits("train"), optimizer, epochs=15, loss=loss, generator=generator, progress=False)
    with torch.no_grad():
        held_out, logits = model(digits("validation")[0]), model(digits("test")[0])
    labels = digits("test")[1]
    T = smoothing.fit_temperature(held_out, digits("validation")[1])
    right = 100 * (logits.argmax(1) == labels).float().mean()
    error = smoothing.expected_calibration_error(logits.softmax(1), labels, bins=10)
    scaled = smoothing.expected_calibration_error((logits / T).softmax(1), labels, bins=10)
    print(f"ε = {eps}: right {right:.1f} %, calibration error {error:.3f}, {scaled:.3f} with T = {T:.2f}")

# %% [markdown]
# As in the sweep: on clean digits smoothing leaves the network less sure than it may be, and a temperature below 1
# makes it surer again. (Two accuracies from one run say little: in the sweep ε = 0.1 gained a point in the mean.)

# %% [markdown]
# ---
# ## 6 · In your own words
#
# {{card when_to_smooth}}
#
# A clinic trains a network on pictures labelled in a hurry, and wants to show doctors its confidence. A colleague
# proposes label smoothing with $\varepsilon = 0.1$, "against the wrong labels, and because it calibrates". What do you
# expect of it for the accuracy, and for the calibration? Say what you would measure before you decide, what else you
# would compare it with, and which outcome would make you leave smoothing out. Four to six sentences; refer to the
# experiments.

# %% [markdown] question="when_to_smooth" points=3 minutes=10 title="To smooth or not to smooth?"
# ### BEGIN SOLUTION
# *A model answer.* For the accuracy I expect little: on digits with wrong labels smoothing recovered a part, on fruit
# nothing that could be relied on, and stopping early recovered more. For the calibration it depends on where the
# network stands: smoothing lowers the confidence, which helps if it is too sure (few pictures learned by heart) and
# harms if it is calibrated or unsure already, as with wrong labels and a short training. So I would first measure the
# expected calibration error and draw a reliability diagram without smoothing, on pictures that were labelled with
# care, since wrong test labels make a good network look too sure. Then I would compare ε = 0 and a few ε over paired
# seeds, each also with a temperature fitted on held-out pictures. If the network without smoothing but with a
# temperature is as well calibrated and as accurate, I would leave smoothing out.
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary>Rows of zeros from <code>smooth_labels</code></summary>
#
# `F.one_hot` gives whole numbers, and 0.8 written into such a tensor becomes 0. Use `.float()` first.
# </details>
# <details><summary>The loss is <code>nan</code> or <code>inf</code> for huge logits</summary>
#
# `softmax(...).log()` takes the logarithm of 0. `F.log_softmax` computes the same without going through 0.
# </details>
# <details><summary>The loss is too small by a factor K</summary>
#
# `.mean()` over an (N, K) tensor divides by N·K. Sum over the classes (`dim=1`), then take the mean.
# </details>
# <details><summary><code>mean(): could not infer output dtype … Got: Bool</code></summary>
#
# What is right is True or False, and a mean wants numbers: `(guess == y).float()`.
# </details>
# <details><summary>The calibration error is <code>nan</code></summary>
#
# The mean of an empty bin is 0/0. Skip bins that hold no prediction.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | smoothed label | 1 − ε for the class, ε/(K−1) for each other one |
# | PyTorch's number | e = εK/(K−1): there the true class shares in it |
# | logits | the lead stops at log((K−1)(1−ε)/ε); without smoothing it never stops |
# | wrong labels | some accuracy on digits, none to rely on for fruit; early stopping gave more |
# | confidence | always lower; good only if the network was too sure |
# | the rival | one temperature, fitted afterwards: calibrates without another training |
#
# Next: **09 · depth**: leave out layers at random.

# %%
progress("smoothing")
