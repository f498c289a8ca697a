"""Equivalences of section 01."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from course import pixels
from course.equivalences.equivalence import Equivalence


def _bytes(g: torch.Generator) -> np.ndarray[Any, Any]:
    return torch.randint(256, (20, 30, 3), generator=g, dtype=torch.uint8).numpy()


def _to_tensor(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.functional import to_tensor

    image = _bytes(g)
    return pixels.to_tensor(image), to_tensor(image)


def _gray_torchvision(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2.functional import rgb_to_grayscale

    x = pixels.to_tensor(_bytes(g))
    return pixels.to_gray(x), rgb_to_grayscale(x)[0]


def _gray_pil(g: torch.Generator) -> tuple[Any, Any]:
    from PIL import Image

    image = _bytes(g)
    return pixels.to_gray(pixels.to_tensor(image)) * 255, np.array(Image.fromarray(image).convert("L"))


def _gray_opencv(g: torch.Generator) -> tuple[Any, Any]:
    import cv2

    image = _bytes(g)
    theirs = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2GRAY)
    return pixels.to_gray(pixels.to_tensor(image)), theirs


def _one_hot(g: torch.Generator) -> tuple[Any, Any]:
    from torch.nn.functional import one_hot

    y = torch.randint(7, (50,), generator=g)
    return pixels.one_hot(y, 7), one_hot(y, 7)


def _nearest(g: torch.Generator) -> tuple[Any, Any]:
    from sklearn.neighbors import KNeighborsClassifier

    known, asked = torch.rand(60, 8, generator=g), torch.rand(40, 8, generator=g)
    y = torch.randint(5, (60,), generator=g)
    theirs = KNeighborsClassifier(1).fit(known.numpy(), y.numpy()).predict(asked.numpy())
    return pixels.nearest_neighbour(known, y, asked), theirs


def _top_k(g: torch.Generator) -> tuple[Any, Any]:
    from sklearn.metrics import top_k_accuracy_score

    scores, y = torch.rand(80, 6, generator=g), torch.randint(6, (80,), generator=g)
    theirs = top_k_accuracy_score(y.numpy(), scores.numpy(), k=3, labels=range(6))
    return pixels.top_k_accuracy(scores, y, 3), theirs


EQUIVALENCES = (
    Equivalence(
        "pixels.to_tensor",
        "torchvision.transforms.functional.to_tensor",
        "(H, W, C) bytes become (C, H, W) from 0 to 1; ours takes batches, too.",
        0,
        _to_tensor,
    ),
    Equivalence(
        "pixels.to_gray",
        "torchvision.transforms.v2.functional.rgb_to_grayscale",
        "Theirs keeps a channel of 1, and rounds the weights to four digits.",
        2e-4,
        _gray_torchvision,
    ),
    Equivalence(
        "pixels.to_gray",
        "PIL.Image.Image.convert",
        "`convert('L')` rounds to whole levels; the difference is in levels of 255.",
        0.51,
        _gray_pil,
    ),
    Equivalence(
        "pixels.to_gray",
        "cv2.cvtColor",
        "`COLOR_RGB2GRAY`; what OpenCV reads is BGR. scikit-image's `rgb2gray` has other weights (BT.709).",
        1e-6,
        _gray_opencv,
    ),
    Equivalence("pixels.one_hot", "torch.nn.functional.one_hot", "Theirs gives int64, ours float32.", 0, _one_hot),
    Equivalence(
        "pixels.nearest_neighbour", "sklearn.neighbors.KNeighborsClassifier", "With one neighbour.", 0, _nearest
    ),
    Equivalence(
        "pixels.top_k_accuracy", "sklearn.metrics.top_k_accuracy_score", "Theirs takes the labels first.", 1e-6, _top_k
    ),
)
