"""Eigenfaces: a face as a mean face plus a few typical deviations from it (Turk & Pentland)."""

from __future__ import annotations

import torch
from torch import Tensor


def eigenfaces(faces: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k directions in which faces differ most: X − mean = U S Vᵀ, the components are the first k rows of Vᵀ.

    Args:
        faces: shape (N, …), e.g. (N, H, W) or (N, 1, H, W), floating point; each face counts as one long vector.
        k: number of components, 1 … min(N, pixels).

    Returns:
        The mean face, shape (…), and the components, shape (k, …): orthonormal, by falling singular value. The entry of
        largest size in each is positive, as the sign is otherwise anybody's choice.

    Raises:
        ValueError: there are fewer faces or pixels than components, or k < 1.

    Source: Turk & Pentland, "Eigenfaces for recognition" (1991); Sirovich & Kirby (1987). The same as
    `sklearn.decomposition.PCA`, up to sign.
    """
    x = faces.flatten(1) if faces.ndim > 1 else faces
    if faces.ndim < 2 or not 1 <= k <= min(x.shape):
        raise ValueError(f"need faces (N, …) and k in 1 … min(N, pixels); got {tuple(faces.shape)} and k = {k}")
    mean = x.mean(0)
    components = torch.linalg.svd(x - mean, full_matrices=False).Vh[:k]
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    return mean.view(faces.shape[1:]), (components * largest.sign()).view(k, *faces.shape[1:])


def reconstruct(faces: Tensor, mean: Tensor, components: Tensor) -> tuple[Tensor, Tensor]:
    """Each face from its k coordinates alone: w = V (x − mean), x̂ = mean + Vᵀ w.

    Args:
        faces: shape (N, …).
        mean: shape (…), from `eigenfaces`.
        components: shape (k, …), likewise.

    Returns:
        The coordinates w, shape (N, k), and the reconstructions x̂, shape (N, …).

    Raises:
        ValueError: shapes do not fit together.

    Source: Turk & Pentland (1991), section "Using eigenfaces to classify a face image".
    """
    if faces.shape[1:] != mean.shape or components.shape[1:] != mean.shape:
        shapes = ", ".join(str(tuple(t.shape)) for t in (faces, mean, components))
        raise ValueError(f"need faces (N, …), mean (…) and components (k, …); got {shapes}")
    basis = components.flatten(1)
    w = (faces - mean).flatten(1) @ basis.T
    return w, (w @ basis).view(faces.shape) + mean
