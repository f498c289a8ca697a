"""A face detector as Viola and Jones made it: AdaBoost chooses Haar features, a cascade spends time on few windows.

A window is described by many Haar features, each relative to the window's contrast. AdaBoost picks a few whose
thresholds, weighted, tell faces from the rest. Such a committee is a stage. Most windows of a picture are rejected by
the first stages, which ask for few features, so that only a few windows must be looked at more closely.

All this runs on the CPU; pictures that live elsewhere are copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course.tour.haar import LAYOUTS, integral_image

# ------------------------------------------------------------------------------------------------ features


@dataclass(frozen=True)
class Features:
    """Haar features of a window: each is a weighted sum of at most nine entries of an integral image.

    Attributes:
        rows, columns: which entries, counted from the window's upper left corner; int64, shape (n, 9).
        weights: their weights, float64, shape (n, 9); 0 where a feature needs fewer.
    """

    rows: Tensor
    columns: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, which: Tensor) -> Features:
        return Features(self.rows[which], self.columns[which], self.weights[which])


def all_features(height: int, width: int, step: int = 2) -> Features:
    """The Haar features of all layouts, at every place and in every size that are multiples of `step` pixels."""
    found = [_corners(layout, box) for layout in LAYOUTS for box in _boxes(layout, height, width, step)]
    rows, columns, weights = (torch.tensor(part) for part in zip(*found, strict=True))
    return Features(rows, columns, weights.double())


def _boxes(layout: str, height: int, width: int, step: int) -> list[tuple[int, int, int, int]]:
    parts = (len(LAYOUTS[layout]), len(LAYOUTS[layout][0]))
    sizes = [
        (h, w)
        for h in range(step * parts[0], height + 1, step * parts[0])
        for w in range(step * parts[1], width + 1, step * parts[1])
    ]
    return [
        (i, j, h, w) for h, w in sizes for i in range(0, height - h + 1, step) for j in range(0, width - w + 1, step)
    ]


def _corners(layout: str, box: tuple[int, int, int, int]) -> tuple[list[int], list[int], list[int]]:
    """Where to look in the integral image and with which weights; the parts' common corners are added up."""
    (top, left, height, width), parts = box, LAYOUTS[layout]
    h, w, total = height // len(parts), width // len(parts[0]), dict[tuple[int, int], int]()
    for i, row in enumerate(parts):
        for j, weight in enumerate(row):
            for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1)):
                corner = (top + (i + di) * h, left + (j + dj) * w)
                total[corner] = total.get(corner, 0) + weight * (1 if di == dj else -1)
    fill = 9 - len(total)
    rows, columns = zip(*total, strict=True)
    return [*rows, *[0] * fill], [*columns, *[0] * fill], [*total.values(), *[0] * fill]


class Windows:
    """Windows of one size in one or many pictures, ready to be asked for features.

    Args:
        gray: pictures, shape (N, H, W).
        size: height and width of a window.
        at: picture, row and column of the upper left corners, int64, shape (n, 3); None for all (0, 0) corners.
    """

    def __init__(self, gray: Tensor, size: tuple[int, int], at: Tensor | None = None) -> None:
        gray = gray.cpu().double()
        count, height, width = gray.shape
        if min(height - size[0], width - size[1]) < 0 or (at is None and (height, width) != size):
            raise ValueError(f"need pictures (n, {size[0]}, {size[1]}), got {tuple(gray.shape)}")
        if at is None:
            at = torch.arange(count)[:, None] * torch.tensor([1, 0, 0])
        self.pitch, self.at = width + 1, at
        self.start = (at[:, 0] * (height + 1) + at[:, 1]) * self.pitch + at[:, 2]
        self.sums = integral_image(gray).flatten()
        squares = integral_image(gray.square()).flatten()
        area, (h, w) = math.prod(size), size
        corners = torch.tensor([0, w, h * self.pitch, h * self.pitch + w])
        signs = torch.tensor([1.0, -1, -1, 1], dtype=torch.float64)
        mean, square = (t[self.start[:, None] + corners] @ signs / area for t in (self.sums, squares))
        self.scale = area * (square - mean.square()).clamp(min=1e-4).sqrt()

    def __len__(self) -> int:
        return len(self.start)

    def responses(self, features: Features, which: Tensor | None = None) -> Tensor:
        """Features relative to the window's area and standard deviation: shape (windows, features), float32."""
        start = self.start if which is None else self.start[which]
        scale = self.scale if which is None else self.scale[which]
        places = features.rows * self.pitch + features.columns
        found = torch.empty(len(start), len(features))
        chunk = max(1, (1 << 20) // max(1, len(start)))
        for k in range(0, len(features), chunk):
            entries = self.sums[start[:, None, None] + places[k : k + chunk]]
            found[:, k : k + chunk] = (entries * features.weights[k : k + chunk]).sum(-1) / scale[:, None]
        return found


# ------------------------------------------------------------------------------------------------ AdaBoost


@dataclass(frozen=True)
class Stage:
    """A committee of stumps: s(x) = Σ_t α_t · (+1 if x_t > θ_t, else −1, times p_t); a face if s ≥ threshold.

    Attributes:
        features: the Haar features x_t, in the order in which they were chosen.
        thresholds, signs, votes: θ_t, p_t = ±1 and α_t > 0, shape (T,).
        threshold: on the sum of the votes.
    """

    features: Features
    thresholds: Tensor
    signs: Tensor
    votes: Tensor
    threshold: float

    def scores(self, responses: Tensor) -> Tensor:
        """s for windows whose features are (n, T): shape (n,)."""
        return torch.where(responses > self.thresholds, self.signs, -self.signs) @ self.votes


def adaboost(x: Tensor, face: Tensor, enough: Callable[[Tensor], bool], rounds: int) -> tuple[Tensor, ...]:
    """Choose features one after the other: each time the stump with the least weighted error, then weigh its errors up.

    With weights w_i (faces and others half each at first) and labels y_i = ±1: error ε = Σ w_i [h(x_i) ≠ y_i],
    vote α = ½ log((1 − ε)/ε), then w_i ← w_i exp(−α y_i h(x_i)) / Z.

    Args:
        x: features of the windows, shape (n, F).
        face: whether a window is a face, bool, shape (n,); both kinds occur.
        enough: told the sums of votes (n,) after each round; training ends when it says so …
        rounds: … or after that many rounds.

    Returns:
        Indices of the chosen features, thresholds, signs, votes, each of shape (T,), and the sums of votes, (n,).

    Source: Freund & Schapire, "A decision-theoretic generalization of on-line learning" (1997); Viola & Jones (2001),
    table 1.
    """
    y = torch.where(face, 1.0, -1.0)
    weight = torch.where(face, 0.5 / face.sum(), 0.5 / (~face).sum())
    ordered, order = x.sort(0)
    between = ordered[1:] > ordered[:-1]  # a threshold must lie between two different values
    chosen, total = list[tuple[int, float, float, float]](), torch.zeros(len(x))
    for _ in range(rounds):
        # Error of "face if x > θ", θ after the i-th smallest: faces up to there and others beyond it are wrong.
        error = weight[~face].sum() + (weight * y)[order[:-1]].cumsum(0)
        best = int(((error - 0.5).abs() * between).argmax())
        i, feature = divmod(best, x.shape[1])
        e = error[i, feature].item()
        sign, e = (1.0, e) if e < 0.5 else (-1.0, 1 - e)
        vote = 0.5 * math.log((1 - e) / max(e, 1e-6))
        threshold = ordered[i : i + 2, feature].mean().item()
        h = torch.where(x[:, feature] > threshold, sign, -sign)
        total += vote * h
        weight = weight * torch.exp(-vote * y * h)
        weight /= weight.sum()
        chosen.append((feature, threshold, sign, vote))
        if enough(total):
            break
    return (*(torch.tensor(part) for part in zip(*chosen, strict=True)), total)


# ------------------------------------------------------------------------------------------------- cascade


@dataclass(frozen=True)
class Cascade:
    """A detector: a window is a face if every stage says so.

    Attributes:
        size: height and width of a window in pixels.
        stages: in the order in which they are asked.
    """

    size: tuple[int, int]
    stages: tuple[Stage, ...]

    def classify(self, windows: Tensor | Windows) -> tuple[Tensor, Tensor]:
        """How far windows get.

        Args:
            windows: grey pictures of the cascade's size, shape (n, h, w), or places in larger pictures.

        Returns:
            The number of stages passed, int64, shape (n,): a face if that is all of them; and by how much their
            thresholds were passed, summed over the stages asked, float32, shape (n,).

        Raises:
            ValueError: pictures of another size.
        """
        if isinstance(windows, Tensor):
            windows = Windows(windows, self.size)
        passed = torch.zeros(len(windows), dtype=torch.int64)
        score = torch.zeros(len(windows))
        left = torch.arange(len(windows))
        for stage in self.stages:
            margin = stage.scores(windows.responses(stage.features, left)) - stage.threshold
            score[left] += margin
            left = left[margin >= 0]
            passed[left] += 1
        return passed, score

    def detect(
        self, gray: Tensor, smallest: int = 50, factor: float = 1.2, step: int = 2, overlap: float = 0.3
    ) -> tuple[Tensor, Tensor, list[int]]:
        """Look for faces at all places and in all sizes of one picture, by shrinking the picture.

        Args:
            gray: shape (H, W), floating point.
            smallest: height of the smallest face in pixels.
            factor: each size is that much larger than the one before, > 1.
            step: distance of neighbouring windows in pixels of the shrunk picture, ≥ 1.
            overlap: of two finds that overlap more (intersection over union), the one with more support stays.

        Returns:
            Boxes (top, left, height, width), int64, shape (n, 4), and their support, shape (n,), best first: the scores
            of all finds that overlap a box. And how many windows were looked at: at first, and after each stage.

        Raises:
            ValueError: not one picture, or factor or step is too small.

        Source: Viola & Jones (2001), section 5 (they enlarge the features instead).
        """
        if gray.ndim != 2 or factor <= 1 or step < 1:
            raise ValueError(
                f"need one picture (H, W), factor > 1, step ≥ 1; got {tuple(gray.shape)}, {factor}, {step}"
            )
        count, size = len(self.stages), torch.tensor(self.size)
        boxes, scores, seen = [], [], torch.zeros(count + 1, dtype=torch.int64)
        zoom = max(1.0, smallest / self.size[0])
        while (picture := _shrink(gray, zoom, self.size)) is not None:
            windows = Windows(picture[None], self.size, _places(picture, self.size, step))
            passed, score = self.classify(windows)
            seen += (passed[:, None] >= torch.arange(count + 1)).sum(0)
            corner = windows.at[passed == count, 1:]
            boxes.append(torch.cat([corner, size.expand_as(corner)], 1) * zoom)
            scores.append(score[passed == count])
            zoom *= factor
        if not boxes:
            return torch.zeros(0, 4, dtype=torch.int64), torch.zeros(0), seen.tolist()
        return *_merge(torch.cat(boxes), torch.cat(scores), overlap), seen.tolist()


def _shrink(gray: Tensor, zoom: float, size: tuple[int, int]) -> Tensor | None:
    """The picture 1/zoom as large; None if no window fits in."""
    shape = [round(n / zoom) for n in gray.shape]
    if any(n < k for n, k in zip(shape, size, strict=True)):
        return None
    return F.interpolate(gray[None, None].cpu().float(), shape, mode="bilinear", antialias=True)[0, 0]


def _places(gray: Tensor, size: tuple[int, int], step: int) -> Tensor:
    """Upper left corners of all windows in one picture, `step` apart: (0, row, column)."""
    ranges = [torch.arange(0, n - k + 1, step) for n, k in zip(gray.shape, size, strict=True)]
    return torch.cartesian_prod(torch.zeros(1, dtype=torch.int64), *ranges)


def _merge(boxes: Tensor, scores: Tensor, overlap: float) -> tuple[Tensor, Tensor]:
    """Of overlapping boxes (top, left, height, width) keep that with most support: the scores of all that overlap."""
    from torchvision.ops import box_iou, nms

    corners = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    support = (box_iou(corners, corners) > overlap).to(scores) @ scores
    keep = nms(corners, support, overlap)
    return boxes[keep].round().long(), support[keep]


# ------------------------------------------------------------------------------------------------ training


def train_cascade(
    faces: Tensor,
    background: Sequence[Tensor],
    generator: torch.Generator,
    stages: int = 10,
    candidates: int = 1500,
    negatives: int = 1000,
    pool: int = 200_000,
    detection: float = 0.995,
    false_alarms: float = 0.4,
    progress: Callable[[int, int, int], object] | None = None,
) -> Cascade:
    """Train one stage after the other, each on what the stages before it still take for a face.

    Each face is also used mirrored, and both of these three times slightly turned, enlarged and shifted. What is no
    face are random windows of the background, in several sizes.

    Args:
        faces: grey pictures of one size, shape (N, h, w), floating point.
        background: grey pictures without a face, each (H, W).
        generator: decides which features, variations and windows are used.
        stages: at most so many; training ends early when fewer than 20 windows of the background are left.
        candidates: Haar features to choose from.
        negatives: windows of the background per stage.
        pool: windows to draw them from.
        detection: share of the training faces that each stage must pass.
        false_alarms: share of its negatives that a stage may pass; features are added until that is reached.
        progress: called after each stage with its number (from 1), its features, and the windows left in the pool.

    Returns:
        The cascade.

    Raises:
        ValueError: no faces, or no background that is large enough for a window.

    Source: Viola & Jones (2001), sections 3 and 4. They had 4 916 faces and 38 stages, trained for weeks.
    """
    size = (faces.shape[-2], faces.shape[-1])
    shrunk = [_shrink(p, zoom, size) for p in background for zoom in (1, 1.5, 2, 3, 4, 6)]
    others = [p for p in shrunk if p is not None]
    if faces.ndim != 3 or not len(faces) or not others:
        raise ValueError(f"need faces (N, h, w), N > 0, and background of at least that size; got {tuple(faces.shape)}")
    features = all_features(*size)
    features = features[torch.randperm(len(features), generator=generator)[:candidates]]
    positive = Windows(_vary(faces.cpu().float(), 3, generator), size).responses(features)
    pools = [Windows(p[None], size, _random_places(p, size, pool // len(others) + 1, generator)) for p in others]
    left, cascade = [torch.arange(len(w)) for w in pools], Cascade(size, ())
    for k in range(stages):
        share = negatives / max(1, sum(map(len, left)))
        drawn = [i[torch.rand(len(i), generator=generator) < share] for i in left]
        negative = torch.cat([w.responses(features, i) for w, i in zip(pools, drawn, strict=True)])
        if len(negative) < 20:
            break
        stage = _train_stage(features, positive, negative, detection, false_alarms)
        left = [
            i[stage.scores(w.responses(stage.features, i)) >= stage.threshold] for w, i in zip(pools, left, strict=True)
        ]
        cascade = Cascade(size, (*cascade.stages, stage))
        if progress is not None:
            progress(k + 1, len(stage.features), sum(map(len, left)))
    return cascade


def _train_stage(
    features: Features, positive: Tensor, negative: Tensor, detection: float, false_alarms: float
) -> Stage:
    """Add features until, at a threshold that passes enough faces, few enough others pass."""
    x = torch.cat([positive, negative])
    face = torch.arange(len(x)) < len(positive)

    def threshold(total: Tensor) -> float:
        return torch.quantile(total[face], 1 - detection, interpolation="lower").item() - 1e-5

    def enough(total: Tensor) -> bool:
        return (total[~face] >= threshold(total)).float().mean().item() <= false_alarms

    which, thresholds, signs, votes, total = adaboost(x, face, enough, rounds=50)
    return Stage(features[which], thresholds, signs, votes, threshold(total))


def _vary(faces: Tensor, copies: int, generator: torch.Generator) -> Tensor:
    """Faces, mirrored faces, and copies of both: turned by up to 10°, up to 10 % larger or smaller, shifted by 4 %."""
    both = torch.cat([faces, faces.flip(2)])
    varied = [both]
    for _ in range(copies):
        turn, zoom, x, y = (2 * torch.rand(4, len(both), generator=generator) - 1).unbind()
        angle, zoom = math.radians(10) * turn, 1 + 0.1 * zoom
        rows = ((angle.cos() * zoom, -angle.sin() * zoom, 0.08 * x), (angle.sin() * zoom, angle.cos() * zoom, 0.08 * y))
        grid = F.affine_grid(torch.stack([torch.stack(r, 1) for r in rows], 1), list(both[:, None].shape), False)
        varied.append(F.grid_sample(both[:, None], grid, padding_mode="border", align_corners=False)[:, 0])
    return torch.cat(varied)


def _random_places(gray: Tensor, size: tuple[int, int], n: int, generator: torch.Generator) -> Tensor:
    """Upper left corners of n random windows of one picture: (0, row, column)."""
    rows, columns = (torch.randint(m - k + 1, (n,), generator=generator) for m, k in zip(gray.shape, size, strict=True))
    return torch.stack([torch.zeros_like(rows), rows, columns], 1)
