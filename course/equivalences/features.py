"""Equivalences of section 02."""

from __future__ import annotations

from typing import Any

import torch

from course import features
from course.equivalences.equivalence import Equivalence


def _correlate_scipy(g: torch.Generator) -> tuple[Any, Any]:
    from scipy.signal import correlate2d

    x, kernel = torch.randn(17, 23, generator=g).double(), torch.randn(3, 5, generator=g).double()
    return features.correlate2d(x, kernel), correlate2d(x.numpy(), kernel.numpy(), mode="same")


def _correlate_torch(g: torch.Generator) -> tuple[Any, Any]:
    from torch.nn.functional import conv2d

    x, kernel = torch.randn(17, 23, generator=g), torch.randn(3, 5, generator=g)
    return features.correlate2d(x, kernel), conv2d(x[None, None], kernel[None, None], padding="same")[0, 0]


def _conv_layer(g: torch.Generator) -> tuple[Any, Any]:
    from torch.nn.functional import conv2d

    x, weight, bias = (torch.randn(s, generator=g) for s in ((2, 3, 9, 11), (4, 3, 3, 3), (4,)))
    return features.conv_layer(x, weight, bias), conv2d(x, weight, bias, padding="same")


def _hog(g: torch.Generator) -> tuple[Any, Any]:
    from skimage.feature import hog

    x = torch.rand(40, 48, generator=g).double()
    return features.hog(x), hog(x.numpy())


def _lbp(g: torch.Generator) -> tuple[Any, Any]:
    from skimage.feature import local_binary_pattern

    x = torch.randint(256, (30, 40), generator=g, dtype=torch.uint8)
    return features.lbp(x, "uniform"), local_binary_pattern(x.numpy(), 8, 1, "uniform")


EQUIVALENCES = (
    Equivalence(
        "features.correlate2d",
        "torch.nn.functional.conv2d",
        "`padding='same'`. What deep learning calls convolution does not flip the kernel.",
        1e-5,
        _correlate_torch,
    ),
    Equivalence(
        "features.correlate2d",
        "scipy.signal.correlate2d",
        "`mode='same'`; `scipy.signal.convolve2d` flips the kernel.",
        1e-12,
        _correlate_scipy,
    ),
    Equivalence(
        "features.conv_layer",
        "torch.nn.functional.conv2d",
        "`padding='same'`, stride 1; weight is (out, in, h, w).",
        1e-5,
        _conv_layer,
    ),
    Equivalence(
        "features.hog",
        "skimage.feature.hog",
        "Their defaults. With an odd `cell`, theirs leaves out a row and a column of every cell.",
        1e-5,
        _hog,
    ),
    Equivalence(
        "features.lbp",
        "skimage.feature.local_binary_pattern",
        "`P=8, R=1`, method 'default' or 'uniform'; on whole levels.",
        0,
        _lbp,
    ),
)
