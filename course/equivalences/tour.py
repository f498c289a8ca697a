"""Equivalences of section 00."""

from __future__ import annotations

from typing import Any

import torch

from course import tour
from course.equivalences.equivalence import Equivalence


def _bytes(g: torch.Generator) -> torch.Tensor:
    return torch.randint(256, (13, 17), generator=g, dtype=torch.uint8)


def _integral(g: torch.Generator) -> tuple[Any, Any]:
    from skimage.transform import integral_image

    x = _bytes(g)
    return tour.integral_image(x)[1:, 1:], integral_image(x.numpy())


def _integral_opencv(g: torch.Generator) -> tuple[Any, Any]:
    import cv2

    x = _bytes(g)
    return tour.integral_image(x), cv2.integral(x.numpy())


def _eigenfaces(g: torch.Generator) -> tuple[Any, Any]:
    """Rebuilt pictures, as the sign of a component is free."""
    from sklearn.decomposition import PCA

    faces = torch.rand(30, 6, 7, generator=g).double()
    mean, components = tour.eigenfaces(faces, 5)
    pca = PCA(5).fit(faces.flatten(1).numpy())
    rebuilt = pca.inverse_transform(pca.transform(faces.flatten(1).numpy()))
    return tour.reconstruct(faces, mean, components)[1], rebuilt


EQUIVALENCES = (
    Equivalence(
        "tour.integral_image",
        "skimage.transform.integral_image",
        "Ours has a row and a column of zeros before, so that a box at the edge is no special case.",
        1e-9,
        _integral,
    ),
    Equivalence("tour.integral_image", "cv2.integral", "With the zeros, too.", 0, _integral_opencv),
    Equivalence(
        "tour.eigenfaces",
        "sklearn.decomposition.PCA",
        "Components agree up to sign; compared by the pictures rebuilt from five of them.",
        1e-9,
        _eigenfaces,
    ),
)
