"""Labelled sets of small grey pictures that come with an installed package: no download, no network."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SPLITS = ("train", "validation", "test")
TEXTURES = ("brick", "grass", "gravel")
_BANDS = {"train": (0, 256), "validation": (256, 384), "test": (384, 512)}  # columns of a surface's photo


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
    check_split(split)
    return pick(*_digits(), split, device)


def faces(split: str | None = "train", device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """100 faces and 100 pieces of background, 25×25 pixels, grey: label 1 is a face, 0 is none.

    Each class is cut in file order: its first 60 pictures train, the next 20 validate, the last 20 test. No picture
    occurs twice, and no two faces are near copies (shifted by up to 4 pixels, the closest pair correlates by .84).
    But the file has no names: a person can be in the training set and, in another photo, in the test set.

    The task is easier than finding faces in photos. 48 backgrounds, and no face, reach beyond the edge of their photo
    (more than 2 % of the pixels are 0), and most are flat: a threshold on the mean step between a pixel and the one
    below it, set on the training set, already scores .95 on the test set. A few backgrounds show part of a face.

    Args:
        split: "train" (120 pictures), "validation" (40), "test" (40), or None for all in file order.
        device: where the tensors shall live; the CPU by default.

    Returns:
        Images, float32 (N, 1, 25, 25) in [0, 1], and labels, int64 (N,). Fresh tensors: change them freely.

    Raises:
        ValueError: there is no such split.

    Source: a part of Labeled Faces in the Wild, Huang et al. (2007), as shipped with scikit-image
    (`skimage.data.lfw_subset`). Licence: none is stated; the photos came from the news and were published for
    research. Size: 1 MB on disk, 500 kB as tensors.
    """
    check_split(split)
    return pick(*_faces(), split, device)


def textures(
    split: str | None = "train", device: torch.device | str | None = None, *, size: int = 32
) -> tuple[Tensor, Tensor]:
    """Square patches of three surfaces, grey: a brick wall, grass, gravel (labels 0, 1, 2, names in `TEXTURES`).

    There is one photo of 512×512 pixels per surface. Its left half (columns 0–255) is the training set, the next
    quarter (256–383) the validation set, the right quarter (384–511) the test set, and each part is cut into a grid
    of patches that do not overlap: no pixel is in two patches. A rest at the edge that fills no patch is left out.

    The brick wall is seen in perspective, so its joints lean another way in the test set. Nearest neighbours
    on the pixels fail (.43 on the test set, chance is .33), on the mean grey they score .52.

    Args:
        split: "train" (size 32: 384 patches), "validation" (192), "test" (192), or None for all three together.
        device: where the tensors shall live; the CPU by default.
        size: side of a patch in pixels, 1 … 128. A class has (256 // size)·(512 // size) training patches, and
            (128 // size)·(512 // size) in each of the other two parts.

    Returns:
        Images, float32 (N, 1, size, size) in [0, 1], and labels, int64 (N,): class by class, row by row through the
        photo. With None: the training patches, then validation, then test. Fresh tensors: change them freely.

    Raises:
        ValueError: there is no such split, or the size is not in 1 … 128.

    Source: scikit-image (`skimage.data.brick`, `grass`, `gravel`), from CC0Textures and DeviantArt. Licence: CC0.
    Size: 520 kB on disk, 3.1 MB as tensors.
    """
    check_split(split)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 128:
        raise ValueError(f"the size of a patch is a whole number of pixels from 1 to 128, not {size!r}")
    parts = [_patches(_surfaces(), *_BANDS[part], size) for part in (SPLITS if split is None else (split,))]
    images, labels = (torch.cat(tensors).to(device) for tensors in zip(*parts, strict=True))
    return images, labels


def check_split(split: str | None) -> None:
    """Raise a ValueError that lists the splits, unless `split` is one of them or None."""
    if split is not None and split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; use one of {', '.join(map(repr, SPLITS))} or None")


def pick(
    images: Tensor, labels: Tensor, part: Tensor, split: str | None, device: torch.device | str | None
) -> tuple[Tensor, Tensor]:
    """Copies of the images and labels whose `part`, an index into SPLITS, is the split's; of all if it is None."""
    rows = torch.arange(len(labels)) if split is None else (part == SPLITS.index(split)).nonzero()[:, 0]
    return images[rows].to(device), labels[rows].to(device)


@cache
def _digits() -> tuple[Tensor, Tensor, Tensor]:
    """Images, labels, and to which split each belongs (an index into SPLITS)."""
    table = torch.from_numpy(_digits_table())  # 64 pixels, 0 … 16, and the label
    images = table[:, :64].float().view(-1, 1, 8, 8) / 16
    labels = table[:, 64].long()
    part = torch.zeros_like(labels)
    for k in range(10):
        rows = (labels == k).nonzero()[:, 0]
        part[rows[-70:-40]], part[rows[-40:]] = 1, 2
    return images, labels, part


def _digits_table() -> np.ndarray:
    """The file itself: importing scikit-learn, only to have it opened, takes a second."""
    found = find_spec("sklearn")
    home = Path(found.origin).parent if found and found.origin else Path()
    file = home / "datasets" / "data" / "digits.csv.gz"
    if not file.is_file():  # another release keeps it elsewhere
        from sklearn.datasets import load_digits

        data = load_digits()
        return np.column_stack([data.data, data.target])
    with gzip.open(file, "rt") as text:
        return np.loadtxt(text, delimiter=",")


@cache
def _faces() -> tuple[Tensor, Tensor, Tensor]:
    """Images, labels, and to which split each belongs (an index into SPLITS)."""
    from skimage.data import lfw_subset

    images = torch.from_numpy(lfw_subset()).float()[:, None]
    labels = torch.tensor([1] * 100 + [0] * 100)  # the file has the faces first
    part = torch.tensor([0] * 60 + [1] * 20 + [2] * 20).repeat(2)
    return images, labels, part


@cache
def _surfaces() -> Tensor:
    """The three photos, float32 (3, 512, 512), in the order of TEXTURES."""
    from skimage import data

    return torch.stack([torch.from_numpy(getattr(data, name)()) for name in TEXTURES]).float() / 255


def _patches(photos: Tensor, left: int, right: int, size: int) -> tuple[Tensor, Tensor]:
    """The columns left … right−1 of every photo (K, H, W), cut into whole patches, and the photo's index for each."""
    rows, columns = photos.shape[1] // size, (right - left) // size
    band = photos[:, : rows * size, left : left + columns * size]
    images = band.unflatten(1, (rows, size)).unflatten(3, (columns, size)).transpose(2, 3)
    labels = torch.arange(len(photos)).repeat_interleave(rows * columns)
    return images.reshape(-1, 1, size, size), labels
