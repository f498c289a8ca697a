"""What several experiments of this section share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course.data import faces, photo
from course.pixels import to_gray


def face_pictures() -> tuple[Tensor, Tensor]:
    """All bundled faces and all pieces of background, each (100, 25, 25)."""
    images, labels = faces(None)
    return images[labels == 1, 0], images[labels == 0, 0]


def gray_photo(name: str, size: int | None = None) -> Tensor:
    """A bundled photo in grey, shape (H, W), its longer side `size` pixels."""
    return to_gray(photo(name, size))


def split(n: int, known: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`known` of the indices 0 … n−1, at random, and the others."""
    order = torch.randperm(n, generator=generator)
    return order[:known], order[known:]


def show_image(axes: Axes, image: Tensor, title: str = "", **options: Any) -> None:
    """An image without ticks or grid, in grey unless it has colours (3, H, W)."""
    pixels = image.movedim(0, -1) if image.ndim == 3 else image
    look: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 1} | options
    axes.imshow(pixels, **look)
    axes.set_title(title, loc="left", fontsize=10, pad=4)
    bare(axes)


def parts(figure: Figure, rows: int, columns: int, ratios: list[float]) -> list[Any]:
    """Parts of a figure, one below or beside the other, each to be laid out by itself."""
    which = "height_ratios" if rows > 1 else "width_ratios"
    options: dict[str, Any] = {which: ratios}
    return list(figure.subfigures(rows, columns, squeeze=False, **options).flat)


def bare(axes: Axes) -> None:
    """No ticks, grid or frame."""
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def mean(rows: Iterable[dict[str, float]], name: str) -> float:
    """The mean of one number over the runs."""
    values = [row[name] for row in rows]
    return sum(values) / len(values)
