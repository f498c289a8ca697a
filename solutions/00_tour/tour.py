# %% [markdown]
# # 00 · Tour
#
# **What computer vision is, and sixty years of it, most of which you can run.**
#
# *Computer vision* lets programs find out what is in pictures and videos. You use it all day: a phone unlocks at
# your face, a photo app finds the dog, a car reads camera and lidar, a filter paints your portrait like Van Gogh, a
# video call follows your eyes and mouth. Behind this lie a few ideas, and each of them was once a breakthrough.
#
# This notebook walks through them, from sums of pixels to a network that names your photos. By the end you can
#
# * put the milestones in order, and say what each of them made possible,
# * sum up any rectangle of a picture in four look-ups, and find faces with that,
# * take faces apart into "eigenfaces" and put them together again,
# * describe a texture so that light hardly matters,
# * say what changed in 2012.
#
# {{overview tour}}
#
# **How this works.** Each exercise is a short function: replace the line that raises `NotImplementedError`, run the
# cell with *Shift + Enter*, then run the check below it. It tells you at once whether your function is right, and if
# it is not, which mistake it looks like. You can try as often as you like. Experiments use the library's versions, so
# being stuck at one exercise never blocks the next.
#
# **Stuck?** A failed check unfolds hints, one more with each attempt. `hint("tour.eigenfaces")` gives them at any time,
# and `hint("tour.eigenfaces", eigenfaces)` shows a right answer beside your code (unless your class has switched hints
# off). Error messages are explained at the end of each notebook, under *Help — I get …*. The second cell below shows
# how far you are in the whole course; that is kept on your machine only.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor

from course import effects, features
from course.check import check
from course.data import photo
from course.effects.tour import NAMES, error_curve
from course.pixels import to_gray
from course.study import hint, progress

# %%
progress()

# %% [markdown]
# ## Play first
#
# Click a line, or use the menu. Which gaps surprise you? And which idea is younger than you are?
# %%
from course.widgets import Timeline

Timeline()

# %% [markdown]
# ---
# ## 1 · Finding faces: sums over boxes (1990s to 2001)
#
# In nearly every face the eyes are darker than the cheeks, and the bridge of the nose is brighter than the eyes beside
# it. **Haar features** ask just that: how much brighter is one half of a box than the other? One such question is a
# poor detector; thousands of them, asked millions of times, are a good one. So sums over boxes must be cheap, and
# there is a trick.
#
# ![A picture with a box in it, whose corners are A, B, C and D. Each entry of S holds the sum of everything above and
# to the left. The sum of the box is S at D minus S at B minus S at C plus S at A: four look-ups for any
# size.](figures/integral.svg)
#
# ### `integral_image(gray)`
# {{card tour.integral_image}}
#
# $$S_{ij} = \sum_{r<i}\ \sum_{c<j} x_{rc}$$
#
# `gray`, the $x$ of the formula, has shape (H, W). Return shape (H + 1, W + 1): the first row and the first column are
# 0, and the last entry is the sum of everything.
#
# *`torch.cumsum` adds up along one dimension. Two of them do it.*


# %% exercise="tour.integral_image"
def integral_image(gray: Tensor) -> Tensor:
    """Sums of everything above and to the left: (H, W) → (H + 1, W + 1)."""
    ### BEGIN SOLUTION
    height, width = gray.shape
    sums = torch.zeros(height + 1, width + 1, dtype=gray.dtype)
    sums[1:, 1:] = gray.cumsum(0).cumsum(1)
    return sums
    ### END SOLUTION


# %% check="tour.integral_image"
check("tour.integral_image", integral_image)

# %% [markdown]
# ### `haar_response(integral, box)`
# {{card tour.haar_response}}
#
# The sum over the **left half** of a box minus the sum over its **right half**, from the integral image alone.
# `box` is `(top, left, height, width)`; its width is even. Return one number.
#
# *The two halves share a side: six look-ups are enough.*


# %% exercise="tour.haar_response"
def haar_response(integral: Tensor, box: tuple[int, int, int, int]) -> Tensor:
    """Left half minus right half of a box (top, left, height, width)."""
    ### BEGIN SOLUTION
    top, left, height, width = box
    bottom, middle, right = top + height, left + width // 2, left + width

    def total(a: int, b: int) -> Tensor:
        return integral[bottom, b] - integral[top, b] - integral[bottom, a] + integral[top, a]

    return total(left, middle) - total(middle, right)
    ### END SOLUTION


# %% check="tour.haar_response"
check("tour.haar_response", haar_response)

# %% [markdown]
# ### Experiment: which boxes tell faces apart?
# Small pictures of faces, and windows cut from photos without any. **AdaBoost** tries thousands of boxes, takes the one
# that separates best, then gives more weight to the pictures it got wrong and looks for the next. (Here boxes may also
# be split into upper and lower half, or into three or four parts; light parts count plus, dark ones minus.)

# %%
effects.get("tour.haar").show()

# %% [markdown]
# ### Experiment: a cascade
# A photo has tens of thousands of windows and perhaps one face. Viola and Jones (2001) asked the cheap questions
# first: a **cascade** rejects most windows after a few sums, and looks closely at the rest. So it could look for
# faces fifteen times a second, on a PC of 2001.

# %%
effects.get("tour.cascade").show()

# %% [markdown]
# The face is found, and a good deal that is none: 70 faces are few to learn from. What matters here is where the time
# goes. About two windows in three are rejected by the first stage, about nine in ten by the first two; only the
# doubtful ones cost more.

# %% [markdown]
# ---
# ## 2 · Recognising faces: eigenfaces (1991)
#
# A face of 25 × 25 pixels is a vector of 625 numbers. But faces resemble each other: they fill only a small part of
# that space. Turk and Pentland (and before them Sirovich and Kirby) looked for the few directions in which faces
# differ most, and described each face by its coordinates along them.
#
# ### `eigenfaces(faces, k)`
# {{card tour.eigenfaces}}
#
# Write N faces as the rows of a matrix $X$, subtract the mean face $\bar x$ from each, and take the singular value
# decomposition:
#
# $$X - \bar x = U S V^\top, \qquad \text{components} = \text{the first } k \text{ rows of } V^\top$$
#
# `faces` has shape (N, H, W). Return two tensors: the mean face, shape (H, W), and the components, shape (k, H, W), the
# most important first. (Their signs are free.)
#
# *Make each face a row first:* `faces.flatten(1)`. `torch.linalg.svd(A, full_matrices=False)` *returns U, S and Vᵀ,
# singular values falling.*


# %% exercise="tour.eigenfaces"
def eigenfaces(faces: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The mean face (H, W) and the k components (k, H, W) in which faces differ most."""
    ### BEGIN SOLUTION
    n, height, width = faces.shape
    mean = faces.mean(dim=0)
    _, _, v = torch.linalg.svd((faces - mean).reshape(n, -1), full_matrices=False)
    return mean, v[:k].reshape(k, height, width)
    ### END SOLUTION


# %% check="tour.eigenfaces"
check("tour.eigenfaces", eigenfaces)

# %% [markdown]
# ### Experiment: how many numbers is a face?
# A face's **coordinates** are $w_i = v_i \cdot (x - \bar x)$, one number for each component $v_i$. Putting it together
# again gives $\hat x = \bar x + \sum_i w_i v_i$, the nearest picture in *face space*. How far is that from $x$?
# Components from some faces are tried on **others**, and on pictures that show no face at all; there the distance is
# also taken relative to the picture's contrast.

# %%
effects.get("tour.eigenfaces").show()

# %% [markdown]
# ---
# ## 3 · Texture: local binary patterns (1996)
#
# Brick, grass or gravel? What counts is not how bright a pixel is but how it compares with its neighbours. Eight
# comparisons make eight bits, and eight bits one number:
#
# ![A pixel of value 6 and its eight neighbours. Each neighbour that is at least 6 gives a 1. The ones are weighted with
# powers of two, counter-clockwise from the right, and add up to 155.](figures/lbp.svg)
#
# ### `local_binary_pattern(gray)`
# {{card tour.local_binary_pattern}}
#
# $$\mathrm{LBP} = \sum_{p=0}^{7} 2^p\, [\,g_p \ge g_c\,]$$
#
# $g_c$ is the pixel, $g_0$ its neighbour to the right, and $p$ goes on **counter-clockwise**: 1 is upper right, 2
# above, 3 upper left, … 7 lower right. Outside the picture there are zeros. `gray` has shape (H, W); return whole
# numbers of the same shape.
#
# *Pad with a border of zeros; then each neighbour is a shifted window of the padded picture. (Without the border, the
# index −1 would silently read the last row.)*


# %% exercise="tour.local_binary_pattern"
def local_binary_pattern(gray: Tensor) -> Tensor:
    """Eight comparisons with the neighbours as the bits of one number, for each pixel of an image (H, W)."""
    ### BEGIN SOLUTION
    height, width = gray.shape
    padded = torch.zeros(height + 2, width + 2, dtype=gray.dtype)
    padded[1:-1, 1:-1] = gray
    steps = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    codes = torch.zeros(height, width, dtype=torch.long)
    for p, (i, j) in enumerate(steps):
        neighbour = padded[1 + i : 1 + i + height, 1 + j : 1 + j + width]
        codes += 2**p * (neighbour >= gray).long()
    return codes
    ### END SOLUTION


# %% check="tour.local_binary_pattern"
check("tour.local_binary_pattern", local_binary_pattern)

# %% [markdown]
# ### Experiment: texture in another light
# Describe a patch by how often each pattern occurs, and compare that with plain pixels, and with how often each grey
# occurs.

# %%
effects.get("tour.texture").show()

# %% [markdown]
# ---
# ## 4 · Finding the same thing again: SIFT (1999, 2004)
#
# To stitch a panorama or to find a book's cover on a shelf, one must find the *same point* in two pictures, taken from
# other sides, at other distances. SIFT looks for points that stand out at some scale, and describes each by the
# gradients around it, **relative to its own size and direction**. So turning and shrinking the picture should not
# matter. Does it?

# %%
effects.get("tour.matching").show()

# %% [markdown]
# ---
# ## 5 · Outlines: HOG (2005), and parts that move (2008 to 2010)
#
# Pedestrians wear all colours, but their outline stays. **Histograms of oriented gradients** describe which edge
# directions occur where. *Deformable part models* put such descriptions together: a body is a torso with a head above
# it and legs below, each allowed to move a little. They led the detection challenges; coded HOG, LBP and SIFT features
# won ImageNet's classification in 2010 and 2011. You will build HOG in notebook 02; here is how it sees an astronaut:

# %%
astronaut = to_gray(photo("astronaut", 256))
cells = features.cell_histograms(*features.gradient(astronaut), cell=8, bins=9)
effects.gallery(
    [astronaut, *((cells[..., b] / cells.max()).sqrt() for b in (0, 2, 4, 7))],
    ["brightness", "0° to 20°: upright", "40° to 60°", "80° to 100°: level", "140° to 160°"],
    alt="An astronaut's portrait in grey, and four coarse pictures that show where edges of one direction are: upright "
    "ones at the rocket and down the front of the suit, level ones at neck and helmet, slanted ones in the flag.",
    columns=5,
)

# %% [markdown]
# ---
# ## 6 · Many pictures, and a network that learns (2009 to 2012)
#
# Fei-Fei Li's group collected **ImageNet**: about 15 million labelled pictures of more than 20 000 kinds of things.
# From 2010 on teams competed on a thousand of the classes, with 1.2 million pictures to train on. The first winners,
# with designed features, missed the right answer among five guesses for more than a quarter of the pictures. Then, in
# 2012, a convolutional network won, and from then on only networks did.

# %%
error_curve()

# %% [markdown]
# Such a network takes days to train, but only milliseconds to use. This one comes with its weights, and names our
# photos as well as it can: of its thousand classes, some fit and some do not.

# %%
NAMES.show()

# %% [markdown]
# ---
# ## 7 · And since then
#
# Once features are learned, the same recipe reaches further than naming: **Fast R-CNN** (2015) finds *where* things
# are, **GANs** (2014) draw faces of people who do not exist, **diffusion models** turn a sentence into a picture (2021
# on), **radiance fields** (2020) walk around a scene that was only photographed. Behind all of it stand open
# **frameworks** (Theano, Caffe, TensorFlow, PyTorch …), in which a model of 2012 is a page of code. The rest of this
# course is about what they all share: how a network is *trained*, and trained well.

# %% [markdown]
# ## 8 · In your own words
#
# {{card what_changed}}
#
# The methods of this notebook and of the timeline can be sorted by what people *designed* and what was *learned
# from data*. Choose **two** methods from before 2012 and AlexNet, and say for each of the three what was designed and
# what was learned. Then give one reason why learned features won only in 2012, and not in 1990. Three to six sentences.

# %% [markdown] question="what_changed" points=3 minutes=10 title="Designed or learned?"
# ### BEGIN SOLUTION
# *A model answer.* Viola and Jones: the Haar features and the cascade's form were designed; AdaBoost learned which
# features to use, their thresholds and their votes. Eigenfaces: that a face is a mean plus a sum of few components was
# designed; the components were learned from the faces. AlexNet: the layers, their sizes and the loss were designed; all
# filters, from the first edges to the last classes, were learned together. (LBP, HOG and SIFT: everything is designed,
# only the classifier on top is learned.) In 1990 there were neither enough labelled pictures (ImageNet came in 2009)
# nor enough computing power (AlexNet was trained on two graphics cards) to learn millions of weights without
# overfitting.
# ### END SOLUTION

# %% [markdown]
# ---
# ## Help — I get …
#
# <details><summary><code>NotImplementedError</code>, or the check says "not written yet"</summary>
#
# The function still has the line `raise NotImplementedError`. Replace it by your code, and run that cell before the
# check.
# </details>
# <details><summary><code>name 'check' is not defined</code>, or <code>Tensor</code>, <code>torch</code>, a function of
# mine …</summary>
#
# A cell counts once it has run, and a kernel that was started anew knows nothing: after a restart, or the next day.
# Click the cell where you are and choose *Run → Run All Above Selected Cell*.
# </details>
# <details><summary>The check still shows the old result</summary>
#
# After a change, run the function's cell again (*Shift + Enter*), then the check's. If that cell stops with an error,
# such as a <code>SyntaxError</code>, the old version stays in use.
# </details>
# <details><summary><code>IndexError: index … is out of bounds</code></summary>
#
# In <code>haar_response</code>: the integral image has one row and one column more than the picture; its last index is
# H, not H + 1.
# </details>
# <details><summary><code>The expanded size of the tensor (…) must match the existing size (…)</code></summary>
#
# Left and right of an assignment into a slice must have the same shape: print both.
# </details>
# <details><summary>I want to start again</summary>
#
# *Kernel → Restart Kernel and Run All Cells* runs everything in order. Your functions stay as you wrote them.
# </details>
#
# ## What to take along
#
# | | |
# |---|---|
# | integral image | any box sum in four look-ups |
# | cascade | cheap questions first; spend time on few windows |
# | eigenfaces | a mean and a few coordinates give the rough face; fifty still miss half of a new one |
# | LBP, HOG, SIFT | compare neighbours, not brightness; relative to light, place, scale or direction |
# | 2012 | features are learned: many pictures, fast hardware, one recipe |
#
# Next: **01 · pixels**: what exactly is a picture to a program?

# %%
progress("tour")
