"""Six colour photos that come with scikit-image and scikit-learn: no download, no network."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

PHOTOS = ("astronaut", "cat", "coffee", "rocket", "china", "flower")


def photos(size: int = 224, device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """Six colour photos of one size: the largest square around the centre, resized bilinearly with antialiasing.

    They are too few to learn from, so there are no splits: use them to look at what an operation does to a real
    picture. The squares have sides of 512, 300, 400, 427, 427 and 427 pixels before they are resized.

    Args:
        size: height and width of the result in pixels.
        device: where the tensors shall live; the CPU by default.

    Returns:
        Images, float32 (6, 3, size, size) in [0, 1], and labels, int64 (6,): indices into `PHOTOS`, that is 0 … 5.
        Fresh tensors: change them freely.

    Raises:
        ValueError: the size is not a whole number of at least 1.

    Source and licence: see `photo`. Size: 2 MB on disk, 3.6 MB as tensors at 224 pixels.
    """
    _check_size(size)
    squares = [_resize(_centre_square(_read(name)), size, size) for name in PHOTOS]
    return torch.stack(squares).to(device), torch.arange(len(PHOTOS), device=device)


def photo(name: str, size: int | None = None, device: torch.device | str | None = None) -> Tensor:
    """One colour photo, whole: as it is, or resized so that its longer side has `size` pixels.

    Args:
        name: one of `PHOTOS`: "astronaut" (512×512 pixels, height × width), "cat" (300×451), "coffee" (400×600),
            "rocket" (427×640), "china" (427×640), "flower" (427×640).
        size: the longer side in pixels; the shorter one is scaled by the same factor and rounded. None changes
            nothing. Resizing is bilinear, with antialiasing.
        device: where the tensor shall live; the CPU by default.

    Returns:
        float32 (3, H, W) in [0, 1], red, green, blue. A fresh tensor: change it freely.

    Raises:
        ValueError: there is no such photo, or the size is not a whole number of at least 1.

    Source: the first four come with scikit-image (`skimage.data.astronaut`, `cat`, `coffee`, `rocket`): NASA, Stéfan
    van der Walt, Rachel Michetti, SpaceX; public domain or CC0. The last two come with scikit-learn
    (`load_sample_image`), from Flickr: "china" by danielbuechele, "flower" by vultilion; CC BY 2.0.
    """
    if name not in PHOTOS:
        raise ValueError(f"there is no photo {name!r}; use one of {', '.join(map(repr, PHOTOS))}")
    image = _read(name)
    if size is None:
        return image.clone().to(device)
    _check_size(size)
    scale = size / max(image.shape[1:])
    height, width = (max(1, round(side * scale)) for side in image.shape[1:])
    return _resize(image, height, width).to(device)


def _check_size(size: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"the size of a photo is a whole number of pixels, at least 1, not {size!r}")


@cache
def _read(name: str) -> Tensor:
    """The photo as it is in the file, float32 (3, H, W) in [0, 1]."""
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        pixels = load_sample_image(f"{name}.jpg")
    else:
        from skimage import data

        pixels = getattr(data, name)()
    return torch.tensor(pixels).permute(2, 0, 1).float().div(255).contiguous()


def _centre_square(image: Tensor) -> Tensor:
    height, width = image.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[:, top : top + side, left : left + side]


def _resize(image: Tensor, height: int, width: int) -> Tensor:
    """Bilinear with antialiasing: a weighted mean, so it stays in [0, 1] up to rounding, which is cut off."""
    return F.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0].clamp(0, 1)
