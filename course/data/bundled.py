"""Data sets that come with an installed package: no download, no network."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

SPLITS = ("train", "validation", "test")


def digits(split: str | None = "train", device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """1 797 handwritten digits, 8×8 pixels, grey, ten classes.

    The file goes from writer to writer. So each class is cut in file order, not shuffled: its last 40 pictures
    are the test set, the 30 before them the validation set, the rest (1 097 in all) the training set. The test
    writers are then nearly all new, which makes the test an honest one: a nearest neighbour on pixels scores .95
    on it, against .99 when the writers are mixed.

    Args:
        split: "train" (1 097 pictures), "validation" (300), "test" (400), or None for all in file order.
        device: where the tensors shall live; the CPU by default.

    Returns:
        Images, float32 (N, 1, 8, 8) in [0, 1], and labels, int64 (N,). Fresh tensors: change them freely.

    Raises:
        ValueError: there is no such split.

    Source: Alpaydin & Kaynak, "Optical recognition of handwritten digits", UCI (1998), its test part, as shipped
    with scikit-learn (`load_digits`). Licence: CC BY 4.0. Size: 58 kB on disk, 460 kB as tensors.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; use one of {', '.join(map(repr, SPLITS))} or None")
    images, labels, part = _digits()
    rows = torch.arange(len(labels)) if split is None else (part == SPLITS.index(split)).nonzero()[:, 0]
    return images[rows].to(device), labels[rows].to(device)


@cache
def _digits() -> tuple[Tensor, Tensor, Tensor]:
    """Images, labels, and to which split each belongs (an index into SPLITS)."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.from_numpy(data.images).float()[:, None] / 16
    labels = torch.from_numpy(data.target).long()
    part = torch.zeros_like(labels)
    for k in range(10):
        rows = (labels == k).nonzero()[:, 0]
        part[rows[-70:-40]], part[rows[-40:]] = 1, 2
    return images, labels, part
