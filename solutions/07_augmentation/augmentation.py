# %% [markdown]
# # 07 · Augmentation
#
# **More pictures from the ones you have: move, recolour, hide, combine, mix.**
#
# A banana that lies the other way round is still a banana, and nobody has to label it again. So change the training
# pictures in ways that leave their labels true, anew in each pass, and the network hardly sees a picture twice.
# The art is in the words *leave their labels true*: a mirrored 2 is no digit at all.
#
# By the end you can
#
# * write the usual operations for whole batches, each picture with random numbers of its own,
# * combine them as AutoAugment and RandAugment do, and mix pictures and labels as mixup and CutMix do,
# * say which of them may help on your data, and measure whether they do.
#
# {{overview augmentation}}
#
# The exercises are many and short: pick the ones that you like, each stands alone. Experiments use the library's
# versions. Throughout, a batch has shape (N, C, H, W) with numbers from 0 to 1.

# %%
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course import augmentation, effects
from course.check import check
from course.data import fruit, photos
from course.effects.picture import gallery
from course.study import hint, predict, progress

# %% [markdown]
# ## Play first
#
# Mix operations, then draw again a few times. Find
#
# 1. a setting after which you would still label all twelve pictures alike,
# 2. one that is too strong: which picture would you label differently, or not at all?
# %%
from course.widgets import AugmentationMixer

AugmentationMixer()

# %% [markdown]
# ---
# ## 1 · Move it: flip, pad & crop, rotate
#
# In most of this notebook *drawing* random numbers is kept apart from *using* them. Your functions get the numbers, one
# for each picture. That way a result can be checked by hand, and a mask that marks where the fruit is can be moved by
# the same numbers as its picture.
#
# ### `flip(x, flipped)`
# {{card augmentation.flip}}
#
# Mirror left and right those pictures where the bool tensor `flipped`, shape (N,), is True.


# %% exercise="augmentation.flip"
def flip(x: Tensor, flipped: Tensor) -> Tensor:
    """Mirror some pictures of a batch left to right."""
    ### BEGIN SOLUTION
    return torch.where(flipped[:, None, None, None], x.flip(-1), x)
    ### END SOLUTION


# %% check="augmentation.flip"
check("augmentation.flip", flip)

# %% [markdown]
# ### `pad_and_crop(x, top, left, padding)`
# {{card augmentation.pad_and_crop}}
#
# Put a border of `padding` zeros around each picture, then cut a window of the old size out of it:
#
# $$y_i[c, r, s] = z_i[c, \text{top}_i + r, \text{left}_i + s], \qquad z = x \text{ with the border}$$
#
# `top` and `left` are integers from 0 to 2·`padding`, one for each picture, shape (N,). Where both equal `padding`,
# nothing changes. `F.pad(x, (left, right, top, bottom))` makes the border; a loop over the pictures is fine.


# %% exercise="augmentation.pad_and_crop"
def pad_and_crop(x: Tensor, top: Tensor, left: Tensor, padding: int) -> Tensor:
    """Add a border of zeros and cut each picture's window out."""
    ### BEGIN SOLUTION
    padded, (h, w) = F.pad(x, (padding,) * 4), x.shape[2:]
    return torch.stack([z[:, i : i + h, j : j + w] for z, i, j in zip(padded, top, left, strict=True)])
    ### END SOLUTION


# %% check="augmentation.pad_and_crop"
check("augmentation.pad_and_crop", pad_and_crop)

# %% [markdown]
# ### `rotate(x, degrees)`
# {{card augmentation.rotate}}
#
# `degrees` holds an angle for each picture, shape (N,). A turn looks *back*: for each pixel of the result, where in the
# picture must one look? With $\theta$ in radians, x to the right and y down, both from the middle, a
# **counter-clockwise** turn by $\theta$ looks at
#
# $$\begin{pmatrix}\cos\theta & -\sin\theta & 0\\ \sin\theta & \cos\theta & 0\end{pmatrix}
# \begin{pmatrix}x\\ y\\ 1\end{pmatrix}$$
#
# Pictures are square, so PyTorch does the rest: stack the matrices of all pictures to (N, 2, 3), then
# `grid = F.affine_grid(matrix, x.shape, align_corners=False)` and `F.grid_sample(x, grid, align_corners=False)`, which
# mixes the four pixels around each place and takes 0 outside.


# %% exercise="augmentation.rotate"
def rotate(x: Tensor, degrees: Tensor) -> Tensor:
    """Turn each picture counter-clockwise by its own angle."""
    ### BEGIN SOLUTION
    theta = degrees * math.pi / 180
    cos, sin, zero = theta.cos(), theta.sin(), torch.zeros_like(theta)
    matrix = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)
    ### END SOLUTION


# %% check="augmentation.rotate"
check("augmentation.rotate", rotate)

# %% [markdown]
# Here is one photo six times, as the library's functions change it:

# %%
generator = torch.Generator().manual_seed(7)
cat = photos(96)[0][1:2].expand(6, -1, -1, -1)
x = augmentation.flip(cat, augmentation.draw_flips(6, 0.5, generator))
x = augmentation.pad_and_crop(x, *augmentation.draw_crops(6, 12, generator), 12)
x = augmentation.rotate(x, augmentation.draw_degrees(6, 30, generator))
gallery(list(x), alt="One photo six times, mirrored or not, moved and turned a little, black where nothing was")

# %% [markdown]
# ### Experiment: few poses in training, all poses in the test
# The training fruit lies nearly upright, the test fruit in any direction. The test pictures are **never** augmented:
# they stand for what the world will show.

# %%
effects.get("augmentation.poses").show()

# %% [markdown]
# The network learned from the same 300 pictures both times. Turning told it something that we know and the pictures did
# not say: that direction does not matter.
#
# ### Experiment: an augmentation that is a lie
# Digits moved by a pixel, digits mirrored: which of the two helps, and on which test?

# %%
guess = predict("augmentation.digit_moves")
guess

# %%
guess.show()

# %% [markdown]
# Mirrored digits teach the network to expect what never comes. And moving is not free for this simple network either:
# compare its bars on digits as they are. Which test counts? The one that looks like the pictures to come. Moved test
# digits are another, harder test: all three networks score lower on it.

# %% [markdown]
# ---
# ## 2 · Recolour it
#
# Another lamp or another camera, and every number in the picture is another one. What it shows is the same.
#
# ### `rgb_shift(x, shift)`
# {{card augmentation.rgb_shift}}
#
# Add `shift[i, k]` to channel k of picture i; `shift` has shape (N, 3). Cut off what leaves 0 … 1.


# %% exercise="augmentation.rgb_shift"
def rgb_shift(x: Tensor, shift: Tensor) -> Tensor:
    """Add a number to each channel of each picture, within 0 … 1."""
    ### BEGIN SOLUTION
    return (x + shift[:, :, None, None]).clamp(0, 1)
    ### END SOLUTION


# %% check="augmentation.rgb_shift"
check("augmentation.rgb_shift", rgb_shift)

# %% [markdown]
# ### `hue_saturation_value(x, hue, saturation, value)`
# {{card augmentation.hue_saturation_value}}
#
# Hue is the angle on the colour wheel, saturation the distance from grey, value the brightness.
# `augmentation.rgb_to_hsv(x)` returns (N, 3, H, W): hue in **degrees**, saturation and value from 0 to 1;
# `augmentation.hsv_to_rgb` goes back. In between, add each picture's `hue` (an angle: 350° + 20° = 10°), `saturation`
# and `value`, each of shape (N,), and cut saturation and value off at 0 and 1. (Some libraries *multiply* saturation.)


# %% exercise="augmentation.hue_saturation_value"
def hue_saturation_value(x: Tensor, hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Turn the hue, add to saturation and value."""
    ### BEGIN SOLUTION
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h = (h + hue[:, None, None]) % 360
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, v], 1))
    ### END SOLUTION


# %% check="augmentation.hue_saturation_value"
check("augmentation.hue_saturation_value", hue_saturation_value)

# %% [markdown]
# ### `channel_shuffle(x, order)`
# {{card augmentation.channel_shuffle}}
#
# Channel k of the result is channel `order[i, k]` of picture i: $y_i[k] = x_i[\text{order}_i[k]]$.


# %% exercise="augmentation.channel_shuffle"
def channel_shuffle(x: Tensor, order: Tensor) -> Tensor:
    """Put the channels of each picture into its own order."""
    ### BEGIN SOLUTION
    return torch.stack([picture[row] for picture, row in zip(x, order, strict=True)])
    ### END SOLUTION


# %% check="augmentation.channel_shuffle"
check("augmentation.channel_shuffle", channel_shuffle)

# %% [markdown]
# ---
# ## 3 · Hide a part
#
# In the world, things stand in front of each other. A network that has only seen whole fruit may fail on half of one.
#
# ### `random_occlusion(x, area, generator)`
# {{card augmentation.random_occlusion}}
#
# This time you draw. In each picture set one square to 0, in all channels. `area` is its share of the picture's H·W
# pixels, so its side is $\sqrt{\text{area}\cdot HW}$, rounded. It lies wholly inside, at a place that is drawn for each
# picture on its own, every place equally likely. Draw with the `generator`, e.g.
# `torch.randint(k, (), generator=generator)`, which gives 0 … k−1. Leave `x` itself as it is (`x.clone()`).


# %% exercise="augmentation.random_occlusion"
def random_occlusion(x: Tensor, area: float, generator: torch.Generator) -> Tensor:
    """Hide a square of each picture, somewhere else in each."""
    ### BEGIN SOLUTION
    h, w = x.shape[2:]
    side = round(math.sqrt(area * h * w))
    y = x.clone()
    for picture in y:
        top = int(torch.randint(h - side + 1, (), generator=generator))
        left = int(torch.randint(w - side + 1, (), generator=generator))
        picture[:, top : top + side, left : left + side] = 0
    return y
    ### END SOLUTION


# %% check="augmentation.random_occlusion"
check("augmentation.random_occlusion", random_occlusion)

# %% [markdown]
# ### Experiment: which of them helps?
# Sixty pictures of fruit, one operation at a time.

# %%
effects.get("augmentation.operations").show()

# %% [markdown]
# What moves the fruit helps, on average. Colour *tells* these fruits apart, so changing it is no gift; hiding a part,
# on its own, is too weak to be told from chance here. Other data, other ranking: it has to be measured.

# %% [markdown]
# ---
# ## 4 · Policies: which, how likely, how strong?
#
# **AutoAugment** searched for good combinations with reinforcement learning. One policy that it found on house numbers
# (SVHN) has five sub-policies of two steps; each step is an operation with a probability and a level from 0 to 9:
#
# | sub-policy | first step | second step |
# |---|---|---|
# | 1 | ShearX, 0.9, 7 | Invert, 0.2, 3 |
# | 2 | ShearY, 0.7, 6 | Solarize, 0.4, 8 |
# | 3 | ShearX, 0.9, 4 | AutoContrast, 0.8, 3 |
# | 4 | Invert, 0.9, 3 | Equalize, 0.6, 3 |
# | 5 | ShearY, 0.8, 5 | AutoContrast, 0.7, 3 |
#
# *Shear* slants a picture, along x or along y. *Invert* makes 1 − x of each number x, *Solarize* of the bright ones
# alone. *AutoContrast* stretches the numbers to the full range, *Equalize* makes all levels about equally frequent.
#
# The lecture's slide draws a sub-policy for each batch; the paper, and this exercise, one for each picture.
#
# ### `apply_policy(x, policy, operations, group, chance)`
# {{card augmentation.apply_policy}}
#
# `policy` is a list of sub-policies, each a list of steps `(name, probability, level)`. What was drawn comes in as
# `group`, shape (N,), and `chance`, shape (N, steps). Picture i goes through the steps of `policy[group[i]]`, in order;
# step k happens if `chance[i, k]` is **below** its probability.
# `operations[name](pictures, level)` changes a batch, so call it with `y[i : i + 1]`, or with all that need it.


# %% exercise="augmentation.apply_policy"
def apply_policy(x: Tensor, policy: list, operations: dict, group: Tensor, chance: Tensor) -> Tensor:
    """Each picture through its own sub-policy, each step with its probability."""
    ### BEGIN SOLUTION
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for k, (name, probability, level) in enumerate(policy[g]):
            if chance[i, k] < probability:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y
    ### END SOLUTION


# %% check="augmentation.apply_policy"
check("augmentation.apply_policy", apply_policy)

# %% [markdown]
# **RandAugment** searches for nothing: draw N operations from fourteen, with equal probability, and apply them one
# after the other, all with strength M. Two numbers are left to choose. The fourteen: Identity; Rotate, ShearX, ShearY,
# TranslateX, TranslateY; Brightness, Color (towards grey or away from it), Contrast, Sharpness, Solarize, Posterize
# (fewer levels); AutoContrast and Equalize.
#
# ### `randaugment(x, n, m, operations, generator)`
# {{card augmentation.randaugment}}
#
# For each picture draw `n` operations from the list, with replacement, and for each of them a direction: +m or −m,
# equally likely. `operations[k](pictures, magnitude)` changes a batch; the magnitude is one number, or one for each of
# the pictures.


# %% exercise="augmentation.randaugment"
def randaugment(x: Tensor, n: int, m: float, operations: list, generator: torch.Generator) -> Tensor:
    """n random operations of strength ±m for each picture."""
    ### BEGIN SOLUTION
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y
    ### END SOLUTION


# %% check="augmentation.randaugment"
check("augmentation.randaugment", randaugment)

# %% [markdown]
# The library's RandAugment, weak in the first row and strong in the second (N = 2, levels 0 … 30):

# %%
fruits = fruit("train", 6, size=64)[0]
weak = augmentation.randaugment(fruits, 2, 5, generator)
strong = augmentation.randaugment(fruits, 2, 25, generator)
names = ["M = 5"] * 6 + ["M = 25"] * 6
gallery([*weak, *strong], names, "Six fruits slightly changed, and the same strongly changed")

# %% [markdown]
# ### Experiment: how strong?
# 300 digits, changed by RandAugment with N = 2. One test has digits as they are; the other, *varied* one stands for a
# world in which they lie a little aslant and off the middle. It is fixed: the same for every M.

# %%
effects.get("augmentation.strength").show()

# %% [markdown]
# Too weak teaches little, too strong teaches about pictures that never come. M is to be tuned, like a learning rate.

# %% [markdown]
# ---
# ## 5 · Mix two: mixup and CutMix
#
# Both take a partner from the same batch, picture `order[i]` for picture i, and a share $\lambda$. **The label is mixed
# as the pixels are**, so labels are distributions here, shape (N, K). Usually $\lambda$ is drawn from the distribution
# Beta(α, α): with α = 1 all shares are equally likely, with a small α one of the two pictures nearly always prevails.
# CutMix turns it into a box at a random place, which covers the share $1-\lambda$ of a picture.

# %%
from course.widgets import MixBlender

MixBlender()

# %% [markdown]
# ### `mixup(x, y, lam, order)`
# {{card augmentation.mixup}}
#
# $$\tilde x_i = \lambda_i x_i + (1-\lambda_i)\, x_{\text{order}_i}, \qquad
# \tilde y_i = \lambda_i y_i + (1-\lambda_i)\, y_{\text{order}_i}$$
#
# `lam` and `order` have shape (N,). Return the mixed pictures and the mixed labels.


# %% exercise="augmentation.mixup"
def mixup(x: Tensor, y: Tensor, lam: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Blend pictures, and labels alike."""
    ### BEGIN SOLUTION
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x[order], b * y + (1 - b) * y[order]
    ### END SOLUTION


# %% check="augmentation.mixup"
check("augmentation.mixup", mixup)

# %% [markdown]
# ### `cutmix(x, y, box, order)`
# {{card augmentation.cutmix}}
#
# `box` holds four integer tensors of shape (N,): `top, left, height, width`. Inside its box, picture i shows its
# partner (same place, no shift). Boxes may hang over the edge, even begin at a negative row; what is outside is cut
# off. The label counts **what is really seen**:
#
# $$\lambda_i = 1 - \frac{\text{pixels of the box inside the picture}}{HW}, \qquad
# \tilde y_i = \lambda_i y_i + (1-\lambda_i)\, y_{\text{order}_i}$$


# %% exercise="augmentation.cutmix"
def cutmix(x: Tensor, y: Tensor, box: tuple[Tensor, ...], order: Tensor) -> tuple[Tensor, Tensor]:
    """Paste a box of the partner; share the label by area."""
    ### BEGIN SOLUTION
    top, left, height, width = (b.view(-1, 1, 1, 1) for b in box)
    rows = torch.arange(x.shape[2]).view(1, 1, -1, 1)
    columns = torch.arange(x.shape[3]).view(1, 1, 1, -1)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]
    ### END SOLUTION


# %% check="augmentation.cutmix"
check("augmentation.cutmix", cutmix)

# %% [markdown]
# ### Experiment: does mixing help?
# 150 pictures of fruit; 500 digits with right labels; the same digits with 40 % of the labels wrong.

# %%
effects.get("augmentation.mixing").show()

# %% [markdown]
# Where labels are right, mixup brings this small network nothing to speak of, and CutMix a little; a single run may say
# otherwise. Where labels are wrong, both pay, CutMix more: a network that hardly ever sees a pure picture has a harder
# time learning wrong labels by heart.

# %% [markdown]
# ---
# ## 6 · In your own words
#
# {{card choose_augmentation}}
#
# You train a network to read traffic signs: round and triangular signs, arrows to the left and to the right, speed
# limits, and what tells them apart is shape, colour and print. Choose **two** operations from this notebook that you
# would use and **one** that you would not, and say why the labels stay true, or do not. How would you find out whether
# they help, and which pictures would you augment in that comparison? Four to six sentences.

# %% [markdown] question="choose_augmentation" points=3 minutes=10 title="Which augmentations for traffic signs?"
# ### BEGIN SOLUTION
# *A model answer.* Pad & crop, since a camera finds the sign anywhere, and small rotations (some 10°), since signs and
# cars lean a little: neither changes what the sign says. (Also right: moderate brightness or occlusion.) I would not
# flip: an arrow to the left becomes one to the right with the wrong label, and numbers become unreadable. (Also right:
# large rotations, channel shuffle or large hue shifts, as colour carries meaning.) To find out, I would train with and
# without each, with the same budget and several paired seeds, and compare accuracy on a validation set that is *not*
# augmented; only training pictures are changed. A gain smaller than its spread between seeds would not convince me.
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>The size of tensor a must match the size of tensor b</code></summary>
#
# A number for each picture has shape (N,); pictures have four axes. `value[:, None, None, None]` or
# `value.view(-1, 1, 1, 1)` makes it fit; for labels it is `value[:, None]`.
# </details>
# <details><summary>The check says that the argument x was changed</summary>
#
# `y = x` is the same tensor under another name. Start from `y = x.clone()`.
# </details>
# <details><summary><code>only integer tensors of a single element can be converted to an index</code></summary>
#
# A slice such as `z[:, i : i + h]` takes one start: loop over the pictures, as each has its own.
# </details>
# <details><summary>Boxes at a negative row disappear</summary>
#
# In Python −1 means *the last*. Clip start and end first, `max(top, 0)`, but compute the end before: `top + height`.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | augment | training pictures only, anew in each pass, each picture with its own random numbers |
# | allowed | what leaves the label true: flips for fruit, not for digits |
# | helps | where it fills a gap between training and test, such as poses; else measure |
# | strength | an inverted U: tune it |
# | mixup, CutMix | labels are mixed as the pixels are; CutMix counts the clipped box |
#
# Next: **08 · smoothing**: labels that are not quite sure.

# %%
progress("augmentation")
