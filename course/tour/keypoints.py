"""Keypoints that are found again in another view of the same thing: SIFT, by scikit-image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Matches:
    """Points of two pictures that look alike.

    Attributes:
        first, second: (row, column) of the matching points in either picture, float32, shape (M, 2).
        agree: whether a match fits one affine map of the plane that many matches share, bool, shape (M,).
        affine: that map, first → second, for (row, column, 1): float32, shape (2, 3); None if too few matches agree.
        keypoints: all points found in either picture, (row, column), shapes (N₁, 2) and (N₂, 2).
    """

    first: Tensor
    second: Tensor
    agree: Tensor
    affine: Tensor | None
    keypoints: tuple[Tensor, Tensor]

    def __len__(self) -> int:
        return len(self.first)


def sift_matches(first: Tensor, second: Tensor, ratio: float = 0.8, tolerance: float = 3.0, seed: int = 0) -> Matches:
    """Find SIFT keypoints in two pictures, match those that look alike, and see which matches fit together.

    A keypoint is an extremum of the difference of Gaussians over place and scale; its descriptor is 4×4 histograms of
    gradient directions, relative to the keypoint's own size and direction. Two match if each is the other's nearest,
    and much nearer than the second nearest. RANSAC then looks for the affine map that most matches agree with.

    Args:
        first, second: grey pictures, shape (H, W), floating point, each of its own size.
        ratio: a match's distance must be below that share of the second best one's, in (0, 1].
        tolerance: pixels by which an agreeing match may miss the affine map.
        seed: of RANSAC's random choices.

    Returns:
        The matches, on the device of `first`; none at all is a possible result.

    Raises:
        ValueError: not two grey pictures, or one smaller than 16 pixels.

    Source: Lowe, "Distinctive image features from scale-invariant keypoints" (2004); Fischler & Bolles, "Random sample
    consensus" (1981); both as implemented in scikit-image.
    """
    for picture in (first, second):
        if picture.ndim != 2 or min(picture.shape) < 16 or not picture.is_floating_point():
            raise ValueError(f"need a floating-point picture (H, W) of ≥ 16 pixels, got {tuple(picture.shape)}")
    from skimage.feature import match_descriptors

    (points1, look1), (points2, look2) = _sift(first), _sift(second)
    pairs = np.zeros((0, 2), int)
    if len(points1) and len(points2):
        pairs = match_descriptors(look1, look2, cross_check=True, max_ratio=ratio)
    found1, found2 = points1[pairs[:, 0]], points2[pairs[:, 1]]
    affine, agree = _consensus(found1, found2, tolerance, seed)

    def tensor(values: np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(first.device, dtype)

    return Matches(
        tensor(found1),
        tensor(found2),
        tensor(agree, torch.bool),
        None if affine is None else tensor(affine),
        (tensor(points1), tensor(points2)),
    )


def _sift(picture: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (row, column) and descriptors of one picture; both empty where there is nothing to find."""
    from skimage.feature import SIFT

    sift = SIFT()
    try:
        sift.detect_and_extract(picture.detach().cpu().double().numpy())
    except RuntimeError:  # scikit-image's way to say that it found none
        return np.zeros((0, 2)), np.zeros((0, 128), np.uint8)
    return np.asarray(sift.keypoints), np.asarray(sift.descriptors)


def _consensus(
    first: np.ndarray, second: np.ndarray, tolerance: float, seed: int
) -> tuple[np.ndarray | None, np.ndarray]:
    """The affine map (2, 3) that most pairs of points agree with, and which pairs do; None if fewer than six do."""
    nobody = np.zeros(len(first), bool)
    if len(first) < 6:
        return None, nobody
    from skimage.measure import ransac
    from skimage.transform import AffineTransform

    model, agree = ransac((first, second), AffineTransform, 3, tolerance, max_trials=1000, rng=seed)
    if model is None or agree is None or agree.sum() < 6:
        return None, nobody
    return model.params[:2], agree
