# %% [markdown]
# # 01 · Pixels
#
# **What a computer sees: a box of numbers, and why the numbers alone are not enough.**
#
# You look at a picture and see a banana. A program gets a matrix and has to find the banana in it. Before we can
# ask how, we have to know what these numbers are, how they are laid out, and how little any single one of them says.
#
# By the end you can
#
# * turn a stored picture into a tensor, and say where each number went,
# * tell apart the usual layouts and colour orders, and notice when somebody mixed them up,
# * build a first classifier that needs no training, and measure how good it is,
# * show by experiment why comparing pixels is not the same as comparing pictures.
#
# {{overview pixels}}
#
# Each exercise is a short function. Run the cell below it and you learn at once whether it is right, and if it is
# not, which mistake it looks like. Experiments use the library's versions, so being stuck at one exercise never
# blocks the next.

# %%
import torch
import torch.nn.functional as F
from skimage import data as samples
from torch import Tensor

from course import effects, pixels
from course.check import check
from course.data import FRUIT, fruit, photo
from course.study import hint, predict, progress

# %% [markdown]
# ## Play first
#
# A photo, and the numbers under the crosshair. Drag it, change the brightness, shift the photo by a pixel or two,
# and look for two things:
#
# 1. a place where all eight neighbours of a pixel differ although you would call them "the same colour",
# 2. how far the shifted photo is from the original, compared with a *different* photo.
# %%
from course.widgets import PixelInspector

PixelInspector()

# %% [markdown]
# ---
# ## 1 · From file to tensor
#
# A colour picture of height $H$ and width $W$ is a box of numbers $X \in \mathbb{R}^{H \times W \times 3}$: for each of
# $H \cdot W$ pixels how much red, green and blue. Files and cameras store **bytes**, 0 … 255. Networks compute with
# **floats** in $[0, 1]$, and want the channels in front:
#
# $$x_{c,i,j} = \tfrac{1}{255}\, X_{i,j,c}$$
#
# ![Left, six coloured pixels in two rows and three columns, each with its three bytes. An arrow named to_tensor leads
# to three matrices of two rows and three columns, one each for red, green and blue, with numbers between 0 and
# 1.](figures/layout.svg)
#
# Row $i$ counts from the **top**, column $j$ from the left. So `x[:, 0, 5]` is in the first row; it is not the point
# $(0, 5)$ of a coordinate system.

# %%
stored = torch.from_numpy(samples.chelsea().copy())
print(f"{stored.dtype}, shape {tuple(stored.shape)}: numbers between {stored.min()} and {stored.max()}")
print(f"the pixel in row 120, column 200: {stored[120, 200].tolist()}  (red, green, blue)")

# %% [markdown]
# ### `to_tensor(image)`
# {{card pixels.to_tensor}}
#
# `image` is uint8 of shape (H, W, 3). Return float32 of shape (3, H, W) in $[0, 1]$: white is exactly 1.
#
# *Two tools look alike and are not:* `permute` *moves whole axes,* `reshape` *only cuts the row of numbers
# differently. A picture that was reshaped instead of permuted is easily recognised, as coloured noise.*


# %% exercise="pixels.to_tensor"
def to_tensor(image: Tensor) -> Tensor:
    """A stored picture (H, W, 3), uint8, as float32 (3, H, W) in [0, 1]."""
    ### BEGIN SOLUTION
    return image.permute(2, 0, 1).float() / 255
    ### END SOLUTION


# %% check="pixels.to_tensor"
check("pixels.to_tensor", to_tensor)

# %% [markdown]
# Here is the cat, its three colour matrices, and the coloured noise. The same numbers in all of them!

# %%
cat = pixels.to_tensor(stored)
effects.gallery(
    [cat, *cat, (stored.float() / 255).reshape(cat.shape)],
    ["the cat", "red", "green", "blue", "reshaped, not permuted"],
    alt="A tabby cat's face in colour; its red, green and blue channels as three grey pictures, red the brightest and "
    "blue the darkest; and a mess of colours in which no cat can be seen.",
    columns=5,
)

# %% [markdown]
# ---
# ## 2 · One number per pixel
#
# Many methods want brightness only. The eye is most sensitive to green and least to blue, so the three are weighed:
#
# $$g_{ij} = 0.299\, R_{ij} + 0.587\, G_{ij} + 0.114\, B_{ij}$$
#
# The weights add up to 1, so that white stays 1. A pure blue keeps only 11 % of the brightness, a pure green 59 %.
#
# ### `to_gray(x)`
# {{card pixels.to_gray}}
#
# `x` is float, shape (3, H, W), channels in the order red, green, blue; return shape (H, W). It may also be a
# **batch**, (N, 3, H, W); then return (N, H, W). So count the channel dimension from the end: it is always number $-3$.
#
# *`x.unbind(-3)` gives the three channels, whatever stands before them.*


# %% exercise="pixels.to_gray"
def to_gray(x: Tensor) -> Tensor:
    """Brightness (…, H, W) of colour pictures (…, 3, H, W)."""
    ### BEGIN SOLUTION
    red, green, blue = x.unbind(-3)
    return 0.299 * red + 0.587 * green + 0.114 * blue
    ### END SOLUTION


# %% check="pixels.to_gray"
check("pixels.to_gray", to_gray)

# %% [markdown]
# > **RGB or BGR?** OpenCV reads pictures as blue, green, red; everybody else here as red, green, blue. Nothing crashes
# > when they are mixed up. On the screen skin turns blue; inside a program nobody notices. Libraries also
# > differ in the weights: ours are those of PIL, OpenCV and torchvision (BT.601), scikit-image's are .2125,
# > .7154, .0721 (nearly BT.709's).

# %%
rocket = photo("rocket", 160)
grays = [
    pixels.to_gray(rocket),
    rocket.mean(0),
    pixels.to_gray(rocket.flip(0)),
]
effects.gallery(
    [rocket, *grays],
    ["in colour", "luma", "plain mean", "red and blue swapped"],
    alt="A rocket on its launch pad in colour, and three grey versions. They look alike at first sight; the blue "
    "sky differs a little in brightness.",
    columns=4,
)

# %% [markdown]
# Could you tell which one is right without the titles? That is why checks compare numbers.

# %% [markdown]
# ---
# ## 3 · From a picture to a class
#
# **Classification** asks for a function $F$ from pictures to classes $y \in \{1, \dots, K\}$, here banana, apple,
# orange. Nobody can write $F$ down by hand. So we let data decide:
#
# ![Four boxes in a row joined by arrows: 1 collect pictures and labels, 2 define the form of F, 3 train, that is choose
# F's weights, 4 predict F of a new picture.](figures/pipeline.svg)
#
# 1. **Collect** pictures with their labels: $\mathcal D = \{(X_1, y_1), \dots, (X_N, y_N)\}$.
# 2. **Define** the form of $F$, with parameters still open.
# 3. **Train**: choose the parameters so that $F$ is right on $\mathcal D$.
# 4. **Predict** the classes of pictures that $F$ has never seen. Only this counts.
#
# Our fruit are drawn by a program, so that there are as many as we like and we know exactly what varies. This is what
# a program sees them through: 32×32 pixels.

# %%
x, y = fruit("train", n=18)
effects.gallery(
    list(x),
    [FRUIT[k] for k in y.tolist()],
    alt="Eighteen small drawn pictures of bananas, apples and oranges before coloured backgrounds, some partly hidden.",
    columns=9,
)

# %% [markdown]
# ### `one_hot(y, K)`
# {{card pixels.one_hot}}
#
# A network answers with one number per class, so the right answer must look like that, too: a row of zeros with a
# single 1. `y` holds class ids, shape (N,); return shape (N, K), as **floats**: these rows will be compared with
# probabilities.
#
# *The lecture counts classes* $1 \dots K$. *Code counts from 0: banana is 0, apple 1, orange 2.*


# %% exercise="pixels.one_hot"
def one_hot(y: Tensor, K: int) -> Tensor:
    """Class ids (N,) as rows (N, K) with a single 1."""
    ### BEGIN SOLUTION
    rows = torch.zeros(len(y), K)
    rows[torch.arange(len(y)), y] = 1
    return rows
    ### END SOLUTION


# %% check="pixels.one_hot"
check("pixels.one_hot", one_hot)

# %% [markdown]
# ### `nearest_neighbour(train_x, train_y, x)`
# {{card pixels.nearest_neighbour}}
#
# The simplest $F$ of all remembers everything. Asked about a new picture, it looks for the most similar one it knows
# and repeats that label:
#
# $$\hat y = y_{i^*}, \qquad i^* = \arg\min_i \lVert x - x_i \rVert_2 = \arg\min_i \sqrt{\textstyle\sum_p (x_p -
# x_{ip})^2}$$
#
# The sum runs over **all** numbers $p$ of a picture, whatever its channels. `train_x` has shape (N, C, H, W),
# `train_y` (N,), and `x` holds M new pictures, (M, C, H, W). Return M labels.
#
# *`flatten(1)` makes one row of each picture; `torch.cdist` measures all distances at once.*


# %% exercise="pixels.nearest_neighbour"
def nearest_neighbour(train_x: Tensor, train_y: Tensor, x: Tensor) -> Tensor:
    """For each picture in x the label of the most similar training picture."""
    ### BEGIN SOLUTION
    distances = torch.cdist(x.flatten(1), train_x.flatten(1))
    return train_y[distances.argmin(dim=1)]
    ### END SOLUTION


# %% check="pixels.nearest_neighbour"
check("pixels.nearest_neighbour", nearest_neighbour)

# %% [markdown]
# ### `top_k_accuracy(scores, y, k)`
# {{card pixels.top_k_accuracy}}
#
# How good is a classifier? The share of pictures it gets right. With 1 000 classes, 120 of them breeds of dog, that
# is strict, so the ImageNet challenge allowed **five** guesses: the answer counts if the right class is among the $k$
# highest scores.
#
# $$\text{accuracy@}k = \frac1N \sum_{i=1}^N \big[\, y_i \in \text{the } k \text{ best classes of row } i \,\big]$$
#
# `scores` has shape (N, K), higher is better; `y` has shape (N,). Return the share, between 0 and 1.
#
# *`scores.topk(k, dim=1)` gives values and indices. A mean of True and False needs* `.float()` *first.*


# %% exercise="pixels.top_k_accuracy"
def top_k_accuracy(scores: Tensor, y: Tensor, k: int) -> Tensor:
    """Share of rows whose right class is among the k best scores."""
    ### BEGIN SOLUTION
    best = scores.topk(k, dim=1).indices
    return (best == y[:, None]).any(dim=1).float().mean()
    ### END SOLUTION


# %% check="pixels.top_k_accuracy"
check("pixels.top_k_accuracy", top_k_accuracy)

# %% [markdown]
# ---
# ## 4 · How much does a pixel know?
#
# Time to let the first $F$ loose. Before you run the next cell, guess: shown a thousand fruit, how many of a
# thousand new ones does it name correctly? Guessing blindly would give 33 %.

# %%
predicted = None  # your prediction in percent, e.g. 90

train_x, train_y = fruit("train")
test_x, test_y = fruit("test")
guesses = pixels.nearest_neighbour(train_x, train_y, test_x)
right = (guesses == test_y).float().mean().item()
print(f"measured: nearest neighbour on {train_x[0].numel()} numbers per picture is right for {100 * right:.1f} %")
if predicted is None:
    print("no prediction yet: write one into the first line, it makes the answer stick")
else:
    print(f"predicted: {predicted:.0f} % — {'well predicted' if abs(predicted - 100 * right) < 5 else 'not quite'}")

# %% [markdown]
# What did it take for similar? Here are some of its mistakes: above new fruit with their true names, below the pictures
# that it took for the nearest. Look at backgrounds and brightness.

# %%
wrong = (guesses != test_y).nonzero()[:7, 0]
nearest = torch.cdist(test_x[wrong].flatten(1), train_x.flatten(1)).argmin(1)
effects.gallery(
    [*test_x[wrong], *train_x[nearest]],
    [FRUIT[k] for k in test_y[wrong].tolist()] + [f"taken for {FRUIT[k]}" for k in train_y[nearest].tolist()],
    alt="Two rows of seven fruit. Above the new pictures, below the training pictures nearest to them: different "
    "fruit, but mostly of similar brightness, often before similar backgrounds.",
    columns=7,
)

# %% [markdown]
# ### Experiment: a single pixel
# Take any one pixel and ask how well its value alone tells the classes apart.

# %%
effects.get("pixels.single_pixel").show()

# %% [markdown]
# One pixel says little about a digit; all of them together say nearly everything. On fruit one pixel says
# little, too, and the nearest neighbour gets little more out of the other 1 023.

# %% [markdown]
# ### Experiment: nearly all numbers change
# Shift a picture by a pixel or darken it, and you hardly notice; blur it a little, and you do not care. The matrix
# does.

# %%
guess = predict("pixels.fragile")
guess

# %%
guess.show()

# %% [markdown]
# ### Experiment: what that does to a classifier
# The nearest neighbour again, on handwritten digits, where it is very good, and on fruit. It remembers the training
# pictures as they are; the test pictures are moved, darkened or inverted.

# %%
effects.get("pixels.nearest").show()

# %% [markdown]
# The digits were centred by somebody, and one pixel to the side undoes that. The fruit never were, so that it makes no
# difference to them. What we would like instead is a description of a picture that **changes little** when we would
# not care, and **changes much** when the content does. Such a description is called a *feature*, and the next notebook
# builds some.

# %% [markdown]
# ---
# ## 5 · In your own words
#
# {{card same_picture}}
#
# A friend wants to find copies of a picture on the web, and says: "two files show the same picture if the distance
# between their pixels is small, and different pictures if it is large." Give one example **each** for which this goes
# wrong, a small distance between different contents and a large distance between equal ones, and refer to a measurement
# from this notebook for at least one of them. Then name one thing that could be compared instead, and say what it
# would be blind to. Three to six sentences.

# %% [markdown] question="same_picture" points=3 minutes=10 title="When are two pictures the same?"
# ### BEGIN SOLUTION
# *A model answer.* Large distance, same content: the same digit shifted by one pixel is often further from itself than
# from another digit; the accuracy of the nearest neighbour falls steeply in the experiment, although every person
# reads the same digit. Small distance, different content: two fruit before nearly the same background, as among the
# mistakes shown above, since most of the numbers belong to the background. One could compare histograms of colours
# instead: they do not change when the picture is shifted, but they are blind to shape, so that a red apple and a red
# ball are the same to them. (Also right: a blurred or shrunken version, edges or gradients, a network's features; each
# with something that it cannot see.)
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>The size of tensor a (3) must match the size of tensor b (…)</code></summary>
#
# Something with channels first meets something with channels last. Print both shapes: (3, H, W) or (H, W, 3)?
# </details>
# <details><summary><code>result type Float can't be cast to the desired output type Byte</code></summary>
#
# You change bytes in place (`image /= 255`). Bytes hold whole numbers from 0 to 255 only: convert with `.float()`
# first, and make a new tensor.
# </details>
# <details><summary><code>scatter(): Expected dtype int32/int64 for index</code> or <code>tensors used as indices must
# be long …</code></summary>
#
# Class ids that pick an entry must be whole numbers: `y.long()`.
# </details>
# <details><summary>The picture is white, or black with a few specks</summary>
#
# Floats are shown from 0 to 1, so numbers up to 255 come out white: divide by 255. Whole-number division (`//`) leaves
# only zeros and ones.
# </details>
# <details><summary><code>name 'to_gray' is not defined</code></summary>
#
# The cell that defines it has not run, or stopped with an error. Run it, then the check.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | picture | stored as bytes (H, W, 3), computed with as floats (3, H, W) in [0, 1] |
# | grey | weighted by the eye: .299, .587, .114; order of the channels matters |
# | classifier | collect → define → train → predict; only new pictures count |
# | nearest neighbour | training is remembering; good on aligned pictures (digits), lost when they move |
# | single pixel | says little; content is in how pixels stand to each other |
#
# Next: **02 · features**: describe a picture by what matters, first by hand, then by learning.

# %%
progress("pixels")
