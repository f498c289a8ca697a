# %% [markdown]
# # 02 · Features
#
# **Describe a picture by what matters: first with features that people designed, then with features that are learned.**
#
# Pixels change when we would not care, and a single one says little. For two decades the answer was to *design*
# better numbers: gradients, histograms, patterns. In 2012 a network that *learned* its features won the ImageNet
# challenge by a wide margin, and the field changed within a year. In this notebook you build both sides and let them
# compete.
#
# By the end you can
#
# * slide a kernel over a picture and predict what it will bring out,
# * build HOG, the feature that found pedestrians, from three short functions,
# * say what HOG keeps, what it throws away, and where that fails,
# * write the layer that modern networks learn their features with,
# * compare features fairly: same pictures, same classifier.
#
# {{overview features}}
#
# Each exercise is a short function. Run the cell below it and you learn at once whether it is right, and if it is
# not, which mistake it looks like. Experiments use the library's versions, so being stuck at one exercise never
# blocks the next.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor

from course import effects, features, pixels
from course.check import check
from course.data import photo
from course.study import hint, predict, progress

# %% [markdown]
# ## Play first
#
# Nine numbers, and a photo before and after. Start from a preset, change one number at a time, and find
#
# 1. a kernel that leaves the photo as it is, and one that moves it by a pixel,
# 2. what all kernels whose numbers add up to 0 have in common.
# %%
from course.widgets import KernelEditor

KernelEditor()

# %% [markdown]
# ---
# ## 1 · A kernel
#
# A small table of weights, the **kernel** $k$ with $h$ rows and $w$ columns, slides over the picture $x$. At each place
# the numbers beneath it are multiplied by the weights and added up:
#
# $$y_{ij} = \sum_{u,v} k_{uv}\; x_{\,i + u - \lfloor h/2 \rfloor,\; j + v - \lfloor w/2 \rfloor}$$
#
# ![A 3 by 3 window of the image is multiplied with the kernel minus 1 everywhere and 8 in the middle; the sum becomes
# one pixel of the response, at the window's centre.](figures/kernel.svg)
#
# The lecture's kernel, $-1$ all around and $8$ in the middle, asks each pixel: *how different are you from your
# neighbours?* Inside an even area the answer is 0, along edges it is not.
#
# ### `correlate2d(image, kernel)`
# {{card features.correlate2d}}
#
# `image` has shape (H, W), `kernel` (h, w) with h and w odd. The result has the **size of the image**; where the kernel
# reaches over the border, the image counts as 0. Do not flip the kernel.
#
# *Loops over the kernel's few entries are fast enough (each adds a shifted image); loops over pixels would take very
# long on a photo. Or use* `F.conv2d`, *which wants shapes (1, 1, H, W) and (1, 1, h, w), and* `padding=(h // 2, w //
# 2)`.


# %% exercise="features.correlate2d"
def correlate2d(image: Tensor, kernel: Tensor) -> Tensor:
    """Slide a kernel (h, w) over an image (H, W); same size, zeros outside."""
    ### BEGIN SOLUTION
    h, w = kernel.shape
    height, width = image.shape
    padded = F.pad(image, (w // 2, w // 2, h // 2, h // 2))
    total = torch.zeros_like(image)
    for u in range(h):
        for v in range(w):
            total = total + kernel[u, v] * padded[u : u + height, v : v + width]
    return total
    ### END SOLUTION


# %% check="features.correlate2d"
check("features.correlate2d", correlate2d)

# %% [markdown]
# > **Convolution or correlation?** In mathematics a convolution flips the kernel first. Networks learn their kernels,
# > so nobody cares which way round they are stored, and deep learning calls the unflipped one "convolution". With a
# > kernel that *you* write down it matters: a Sobel kernel changes its sign, one that moves the picture its direction.

# %%
astronaut = pixels.to_gray(photo("astronaut", 200))
kernels = {
    "the lecture's kernel": torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "left to right (Sobel)": torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "top to bottom (Sobel)": torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]]),
}
effects.gallery(
    [astronaut, *(features.correlate2d(astronaut, k) for k in kernels.values())],
    ["brightness", *kernels],
    alt="An astronaut in grey and three responses. The lecture's kernel shows all outlines; the Sobel kernel from left "
    "to right shows upright edges, orange where it gets brighter, purple where it gets darker; the third level edges.",
    columns=4,
)

# %% [markdown]
# ---
# ## 2 · HOG: which edges, roughly where
#
# A **histogram of oriented gradients** describes a picture by the directions of its edges, cell by cell. It forgets
# exact positions and absolute brightness on purpose: a good feature keeps the content and drops the rest.
#
# ![Four steps joined by arrows: a grey picture with a slanted edge; its gradient, drawn as strokes across the edge; a
# histogram of nine directions for one cell, with one high bar; and blocks of neighbouring cells, normalised
# together.](figures/hog.svg)
#
# ### `gradient(gray)`
# {{card features.gradient}}
#
# Differences between the neighbours on both sides, without the ½ of a derivative:
#
# $$g_x = x_{i,\,j+1} - x_{i,\,j-1}, \qquad g_y = x_{i+1,\,j} - x_{i-1,\,j}, \qquad
# m = \sqrt{g_x^2 + g_y^2}, \qquad \theta = \operatorname{atan2}(g_y, g_x) \bmod 180°$$
#
# On the border, where one neighbour is missing, that difference is 0. `gray` has shape (H, W); return two tensors of
# that shape: the magnitude, and the orientation in **degrees** in [0, 180). An upright edge has 0°, a level one 90°:
# the direction is that *across* the edge. Rows count downwards, so 45° points to the lower right.
#
# *Why modulo 180°? A dark banana before a bright wall and a bright one before a dark wall have the same outline.*


# %% exercise="features.gradient"
def gradient(gray: Tensor) -> tuple[Tensor, Tensor]:
    """Magnitude and unsigned orientation (degrees) of the brightness gradient of an image (H, W)."""
    ### BEGIN SOLUTION
    g_x, g_y = torch.zeros_like(gray), torch.zeros_like(gray)
    g_x[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    g_y[1:-1, :] = gray[2:, :] - gray[:-2, :]
    orientation = torch.rad2deg(torch.atan2(g_y, g_x)) % 180
    return torch.sqrt(g_x**2 + g_y**2), orientation
    ### END SOLUTION


# %% check="features.gradient"
check("features.gradient", gradient)

# %% [markdown]
# ### `cell_histograms(magnitude, orientation, cell, bins)`
# {{card features.cell_histograms}}
#
# Cut the picture into squares of `cell` × `cell` pixels. In each, every pixel votes for its direction, with its
# magnitude as the weight of its vote; bin $b$ collects the orientations from $b \cdot 180°/\text{bins}$ up to, but
# not including, $(b+1) \cdot 180°/\text{bins}$ (bins need not divide 180). Divide by the number of pixels of a cell.
#
# Rows and columns left over at the lower and right border are not used. Return shape (H // cell, W // cell, bins).
# An orientation of exactly 180° is the same direction as 0° and goes into bin 0.


# %% exercise="features.cell_histograms"
def cell_histograms(magnitude: Tensor, orientation: Tensor, cell: int, bins: int) -> Tensor:
    """For each cell, how much gradient there is in each direction: (H // cell, W // cell, bins)."""
    ### BEGIN SOLUTION
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    index = (orientation * bins / 180).floor().long() % bins
    histograms = torch.zeros(rows, columns, bins)
    for b in range(bins):
        votes = torch.where(index == b, magnitude, 0.0)[: rows * cell, : columns * cell]
        histograms[:, :, b] = votes.reshape(rows, cell, columns, cell).mean(dim=(1, 3))
    return histograms
    ### END SOLUTION


# %% check="features.cell_histograms"
check("features.cell_histograms", cell_histograms)

# %% [markdown]
# ### `hog(gray, orientations, cell, block)`
# {{card features.hog}}
#
# Histograms still depend on how bright the light was. So neighbouring cells are normalised together: a **block** of
# `block` × `block` cells starts at each cell where one fits. Its numbers, as one long vector $v$, go through *L2-Hys*:
#
# $$v \leftarrow \frac{v}{\sqrt{\lVert v \rVert_2^2 + \varepsilon^2}}, \qquad
# v \leftarrow \min(v,\, 0.2), \qquad
# v \leftarrow \frac{v}{\sqrt{\lVert v \rVert_2^2 + \varepsilon^2}}, \qquad \varepsilon = 10^{-5}$$
#
# Clipping keeps one glaring edge from drowning all others. Return all blocks, row after row, as **one** vector; within
# a block the order is cell row, cell column, direction. Blocks overlap, so each cell occurs several times.
# `orientations` is the number of bins.
#
# *You may call your own functions from above, or* `features.gradient` *and* `features.cell_histograms`.
# `v.clamp(max=0.2)` *takes the minimum entry by entry.*


# %% exercise="features.hog"
def hog(gray: Tensor, orientations: int, cell: int, block: int) -> Tensor:
    """Histograms of oriented gradients of an image (H, W), as one vector."""
    ### BEGIN SOLUTION
    histograms = features.cell_histograms(*features.gradient(gray), cell, orientations)
    vectors = []
    for i in range(histograms.shape[0] - block + 1):
        for j in range(histograms.shape[1] - block + 1):
            v = histograms[i : i + block, j : j + block].flatten()
            v = v / torch.sqrt(v.square().sum() + 1e-10)
            v = v.clamp(max=0.2)
            vectors.append(v / torch.sqrt(v.square().sum() + 1e-10))
    return torch.cat(vectors)
    ### END SOLUTION


# %% check="features.hog"
check("features.hog", hog)

# %% [markdown]
# Now look at what your function computes. The strokes show, for each cell, how strong each direction is; a long stroke
# lies *along* the edge. Turn the picture and watch what the descriptor says.

# %%
from course.widgets import HogExplorer

HogExplorer()

# %% [markdown]
# ### Experiment: light
# The test pictures get darker, the training pictures stay as they were.

# %%
effects.get("features.lighting").show()

# %% [markdown]
# ### Experiment: textures
# Brick, grass or gravel? Trained on one part of three photos, tested on another.

# %%
guess = predict("features.textures")
guess

# %%
guess.show()

# %% [markdown]
# ---
# ## 3 · Learning the kernels
#
# Why write kernels down at all, when gradient descent can find them? A **convolutional layer** slides many kernels at
# once, over all channels of its input:
#
# $$y_{o} = b_o + \sum_{c=1}^{C} \operatorname{correlate2d}(x_c,\, w_{o,c}), \qquad o = 1 \dots O$$
#
# Each output is a weighted sum over a small window of **all** channels below. The result is a stack of pictures
# again: the two-dimensional structure is kept, and layers can be put on top of each other. The weights $w$ and $b$
# are parameters like any others.
#
# ### `conv_layer(x, weight, bias)`
# {{card features.conv_layer}}
#
# `x` has shape (N, C, H, W), `weight` (O, C, h, w) with h and w odd, `bias` (O,). Return (N, O, H, W), the size kept by
# zeros outside.
#
# *`F.conv2d` does this in one call; the point of the exercise is to know what it does. Try it with* `correlate2d`
# *(yours, or* `features.correlate2d`*) and loops over o and c first, or with* `F.unfold`.


# %% exercise="features.conv_layer"
def conv_layer(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolutional layer: (N, C, H, W) → (N, O, H, W)."""
    ### BEGIN SOLUTION
    h, w = weight.shape[2:]
    windows = F.unfold(x, (h, w), padding=(h // 2, w // 2))
    y = weight.flatten(1) @ windows + bias[:, None]
    return y.unflatten(2, x.shape[2:])
    ### END SOLUTION


# %% check="features.conv_layer"
check("features.conv_layer", conv_layer)

# %% [markdown]
# ### Experiment: what a network sees first
# A small network learns fruit from scratch, twice: from a first layer of the usual size, and from one ten times
# smaller. These are its kernels before and after, beside some that people designed. Only one of the two looks like
# them; why?

# %%
effects.get("features.learned_filters").show()

# %% [markdown]
# ---
# ## 4 · The ladder
#
# Grey pixels, colours, LBP (local binary patterns, from the tour), HOG (cells of 8×8 pixels, blocks of 3×3 cells: 324
# numbers), and a small CNN that learns its features: who wins on a thousand upright fruit? The classifier on top is
# the same linear one for all but the network, whose last layer is one. **Write down your order before you run the
# cell.**

# %%
effects.get("features.ladder").show()

# %% [markdown]
# HOG beats the grey pixels that it is made from, with a third of the numbers, and the network that learns its own
# features beats HOG: that is the textbooks' order, and here it holds. (Plain colours do as well as HOG, which sees
# none: fruit can be told by colour.) But all these pictures were upright.
#
# ### Experiment: now turn the fruit
# The same ladder, with fruit lying in any direction.

# %%
effects.get("features.rotation").show()

# %% [markdown]
# LBP hardly minds: its patterns are counted as the same when they are turned. A designed
# feature is a **bet** about what may vary. HOG bets that things stand upright, as pedestrians do. Where the
# bet is wrong, even plain colours do better. A learned feature bets less, and needs more pictures; how to make the
# most of few is what 06 to 08 are about.

# %% [markdown]
# ---
# ## 5 · In your own words
#
# {{card which_feature}}
#
# You are asked to sort **screws by type** on a conveyor belt: grey metal, constant light, any rotation, 200 labelled
# pictures. For each of HOG + linear classifier and a small CNN trained from scratch, say what speaks for it and what
# against it *here*, referring to an experiment of this notebook; then choose, and name one change to the pictures or
# the set-up that would make your choice better. Four to seven sentences.

# %% [markdown] question="which_feature" points=3 minutes=10 title="Which feature for which task?"
# ### BEGIN SOLUTION
# *A model answer.* HOG needs few pictures, since nothing but a linear classifier is learned, and it does not mind
# small changes of light. But it is not invariant to rotation: under free rotation it fell behind plain colours in the
# experiment, and colour does not help with grey metal. A CNN does not have rotation invariance built in either, but it
# can learn it from examples; 200 pictures are few for that. I would take HOG and first turn each screw upright (its
# long axis can be found from the outline), which makes HOG's bet true; or a CNN with pictures turned at random in
# training, which makes many pictures of few. (Also right: LBP or another rotation-invariant feature, a pretrained
# network; any choice that is argued with what varies here and with the number of pictures.)
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>Expected 3D (unbatched) or 4D (batched) input to conv2d</code></summary>
#
# `F.conv2d` wants (N, C, H, W) and (O, C, h, w): add dimensions with `image[None, None]`, remove them with `[0, 0]`.
# </details>
# <details><summary><code>The size of tensor a (…) must match the size of tensor b (…)</code> along the border</summary>
#
# A difference of neighbours is two pixels smaller than the picture. Fill the border with zeros, or write into a tensor
# of zeros: `g[:, 1:-1] = …`.
# </details>
# <details><summary><code>shape '[…]' is invalid for input of size …</code></summary>
#
# The picture's size is no multiple of the cell: cut off what is left over first.
# </details>
# <details><summary>The result is <code>nan</code></summary>
#
# A flat block has norm 0, and 0 / 0 is not a number: that is what $\varepsilon$ is for.
# </details>
# <details><summary><code>name 'features' is not defined</code></summary>
#
# Run the first code cell, the one with the imports.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | kernel | a small table of weights that slides; sums to 0: answers 0 on even areas |
# | HOG | gradient → cells → blocks; keeps directions of edges, drops light and exact place; not rotation invariant |
# | convolutional layer | many kernels over all channels, learned; keeps the two-dimensional structure |
# | compare fairly | same pictures, same classifier, several seeds; say what varied |
# | designed or learned | a designed feature is a bet on what may vary; a learned one needs data |
#
# Next: **03 · descent**: how the kernels are learned.

# %%
progress("features")
