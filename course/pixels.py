"""An image is a matrix of numbers, and what one can do with nothing but those numbers (lecture section 01).

Notation: an image X has height H, width W and C channels; a class id y is 0 … K−1 (the lecture counts 1 … K).
Stored pictures are uint8, channels last (H, W, C); everything here works on float32 in [0, 1], channels first
(C, H, W), batch before that. Leading dimensions (…) are a batch of any shape. Tensors live where their inputs live.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""How much red, green and blue add to perceived brightness (ITU-R BT.601); the sum is 1."""


def to_tensor(image: Any) -> Tensor:
    """A stored picture as numbers to compute with: x[c, i, j] = image[i, j, c] / 255.

    Args:
        image: uint8, shape (…, H, W, C) with C = 1, 3 or 4, or (H, W) for one grey picture. A tensor, a NumPy
            array, or whatever NumPy can read as one (a PIL image).

    Returns:
        float32 in [0, 1], shape (…, C, H, W), contiguous, on the device of the input.

    Raises:
        ValueError: not uint8, or not laid out like a picture.

    Source: lecture, "Image classification"; the same as `torchvision.transforms.functional.to_tensor`, for batches too.
    """
    pixels = image if isinstance(image, Tensor) else torch.from_numpy(np.array(image))
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype != torch.uint8 or pixels.ndim < 3 or pixels.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"need uint8 of shape (…, H, W, C) with C = 1, 3 or 4, or (H, W); got {pixels.dtype}, {tuple(pixels.shape)}"
        )
    return pixels.movedim(-1, -3).contiguous().float() / 255


def to_gray(x: Tensor) -> Tensor:
    """Brightness (luma) of a colour image: 0.299 R + 0.587 G + 0.114 B. Note that the channel dimension goes away.

    The eye weighs green most and blue least. These are the weights of BT.601, which PIL, OpenCV and torchvision
    use too; `skimage.color.rgb2gray` takes BT.709's (.2125, .7154, .0721) instead.

    Args:
        x: colours in the order red, green, blue, shape (…, 3, H, W), floating point.

    Returns:
        Shape (…, H, W), same dtype; in [0, 1] where x is.

    Raises:
        ValueError: there are not three channels, or x holds integers.

    Source: ITU-R Recommendation BT.601-7, section 2.5.1.
    """
    if x.ndim < 3 or x.shape[-3] != 3 or not x.is_floating_point():
        raise ValueError(f"need floating-point colours of shape (…, 3, H, W), got {x.dtype}, {tuple(x.shape)}")
    red, green, blue = x.unbind(-3)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def one_hot(y: Tensor, K: int) -> Tensor:
    """Class ids as rows with a single 1: P[i, k] = 1 if k = yᵢ, else 0.

    Args:
        y: class ids 0 … K−1, any shape (…), integer.
        K: number of classes, ≥ 1.

    Returns:
        float32, shape (…, K); each row sums to 1.

    Raises:
        ValueError: y is not integer, or an id lies outside 0 … K−1.

    Source: lecture, "Label smoothing" (the vector P before smoothing).
    """
    if y.is_floating_point() or y.dtype == torch.bool or K < 1:
        raise ValueError(f"need integer class ids and K ≥ 1, got {y.dtype} and K = {K}")
    low, high = (int(y.min()), int(y.max())) if y.numel() else (0, 0)
    if low < 0 or high >= K:
        raise ValueError(f"class ids must lie in 0 … {K - 1}, got {low} … {high}")
    return (y[..., None] == torch.arange(K, device=y.device)).float()


def nearest_neighbour(train_x: Tensor, train_y: Tensor, x: Tensor) -> Tensor:
    """The label of the most similar training picture: ŷ = y_{i*}, i* = argminᵢ ‖x − xᵢ‖₂ over all pixels.

    A first classifier F. Training is only remembering. Of equally near pictures the first one counts.

    Args:
        train_x: pictures to remember, shape (N, …), floating point.
        train_y: their labels, shape (N,).
        x: pictures to classify, shape (M, …), each of the same shape as a remembered one.

    Returns:
        Predicted labels, shape (M,), dtype of `train_y`.

    Raises:
        ValueError: nothing to remember, or shapes do not fit together.

    Memory: besides the inputs at most about 16 MB of distances at a time, whatever M is (or one row of N, if longer).

    Source: Cover & Hart, "Nearest neighbor pattern classification" (1967).
    """
    if not len(train_x) or train_y.shape != train_x.shape[:1] or x.shape[1:] != train_x.shape[1:]:
        shapes = ", ".join(str(tuple(t.shape)) for t in (train_x, train_y, x))
        raise ValueError(f"need train_x (N, …), train_y (N,), x (M, …) with N > 0; got {shapes}")
    # The exact differences, not ‖a‖² − 2a·b + ‖b‖²: that loses the digits which decide between near neighbours.
    known, exact = train_x.flatten(1), "donot_use_mm_for_euclid_dist"
    chunks = x.flatten(1).split(max(1, (1 << 22) // len(known)))
    nearest = torch.cat([torch.cdist(part, known, compute_mode=exact).argmin(1) for part in chunks])
    return train_y[nearest]


def top_k_accuracy(scores: Tensor, y: Tensor, k: int = 1) -> Tensor:
    """How often the right class is among the k best scores: 1/N Σᵢ [yᵢ ∈ top-k of row i]. ILSVRC took k = 5.

    A class that ties with the right one counts as better: whoever gives every class the same score gets 0 for k < K.

    Args:
        scores: one score per class, the higher the more likely, shape (N, K).
        y: class ids 0 … K−1, shape (N,), integer.
        k: how many guesses are allowed, 1 … K.

    Returns:
        The share in [0, 1], float32, shape ().

    Raises:
        ValueError: shapes do not fit together, N = 0, or k outside 1 … K.

    Source: Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge" (2015), section 4.1.
    """
    if scores.ndim != 2 or y.shape != scores.shape[:1] or not len(y):
        raise ValueError(f"need scores (N, K) and y (N,), N > 0; got {tuple(scores.shape)}, {tuple(y.shape)}")
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"k must lie in 1 … {scores.shape[1]} (the number of classes), got {k}")
    own = scores.gather(1, y.long()[:, None])
    rank = (~(scores < own)).sum(1)  # own place, counted from 1; a NaN beats nobody
    return (rank <= k).float().mean()
