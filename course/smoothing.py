"""Labels that are less sure, and whether a network's confidence can be believed (lecture section 08).

Notation: K classes, smoothing ε (`eps`), targets P of shape (N, K) whose rows sum to 1, logits z, probabilities
p = softmax(z). Everything lives where its inputs live; randomness comes in as a `torch.Generator`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course.pixels import one_hot

# -------------------------------------------------------------------------------------------------- targets


def smooth_labels(y: Tensor, K: int, eps: float) -> Tensor:
    """Smoothed labels: P[i, k] = 1 − ε for the class k = yᵢ, ε/(K−1) for each of the other K − 1.

    ε = 0 is one-hot, ε = (K−1)/K is the same for all classes.

    Args:
        y: class ids 0 … K−1, any shape (…), integer.
        K: number of classes, ≥ 2.
        eps: ε in [0, 1], what all other classes get together.

    Returns:
        float32, shape (…, K); each row sums to 1.

    Raises:
        ValueError: K < 2, ε outside [0, 1], y not integer, or an id outside 0 … K−1.

    Source: lecture, "Label smoothing". Szegedy et al. (2016) and PyTorch spread ε over all K classes, the true one
    included: see `to_torch_eps`.
    """
    _check(eps, K)
    return torch.where(one_hot(y, K) == 1, 1 - eps, eps / (K - 1))


def to_torch_eps(eps: float, K: int) -> float:
    """The `label_smoothing=` of PyTorch that gives the lecture's targets: εK/(K−1).

    PyTorch's targets are (1 − e)·onehot + e/K. Another class gets e/K there and ε/(K−1) here, so e = εK/(K−1).

    Args:
        eps: the lecture's ε in [0, 1].
        K: number of classes, ≥ 2.

    Returns:
        e. PyTorch itself only takes e ≤ 1, that is ε ≤ (K−1)/K, where all classes are alike.

    Raises:
        ValueError: K < 2, or ε outside [0, 1].

    Source: `torch.nn.CrossEntropyLoss`; Szegedy et al. (2016), section 7.
    """
    _check(eps, K)
    return eps * K / (K - 1)


def from_torch_eps(eps: float, K: int) -> float:
    """The lecture's ε for PyTorch's `label_smoothing=` e, the inverse of `to_torch_eps`: ε = e(K−1)/K.

    Raises:
        ValueError: K < 2, or e outside [0, 1].
    """
    _check(eps, K)
    return eps * (K - 1) / K


def log_odds_gap(eps: float, K: int) -> float:
    """How far the true class's logit lies above every other one where the loss is least: log((K−1)(1−ε)/ε).

    There softmax(z) = P, so z_y − z_k = log P_y − log P_k = log((1−ε) / (ε/(K−1))).

    Args:
        eps: ε in [0, 1].
        K: number of classes, ≥ 2.

    Returns:
        The gap; infinite for ε = 0 (no finite logits reach a one-hot target), 0 for ε = (K−1)/K.

    Raises:
        ValueError: K < 2, or ε outside [0, 1].

    Source: from the lecture's targets; Müller, Kornblith & Hinton (2019), section 2.
    """
    _check(eps, K)
    if eps in (0, 1):
        return math.inf if eps == 0 else -math.inf
    return math.log((K - 1) * (1 - eps) / eps)


def least_loss(eps: float, K: int) -> float:
    """The cross-entropy that no logits get below, the targets' entropy: −(1−ε) log(1−ε) − ε log(ε/(K−1)).

    Raises:
        ValueError: K < 2, or ε outside [0, 1].
    """
    _check(eps, K)
    return sum(-p * math.log(p / n) for p, n in ((1 - eps, 1), (eps, K - 1)) if p > 0)


def wrong_labels(y: Tensor, K: int, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Labels of which some are wrong: round(share · N) of them, each replaced by one of the other K − 1 classes.

    Args:
        y: class ids 0 … K−1, shape (N,), integer.
        K: number of classes, ≥ 2.
        share: of wrong labels, in [0, 1].
        generator: decides which labels, and what they become; on y's device.

    Returns:
        Shape (N,), dtype of y; y itself is left as it was.

    Raises:
        ValueError: K < 2, or a share outside [0, 1].

    Source: lecture, "Label smoothing" (labels may be wrong); uniform label noise.
    """
    _check(share, K, "share")
    chosen = torch.randperm(len(y), generator=generator, device=y.device)[: round(share * len(y))]
    away = torch.randint(1, K, (len(chosen),), generator=generator, device=y.device)
    wrong = y.clone()
    wrong[chosen] = ((y[chosen] + away) % K).to(y.dtype)
    return wrong


def _check(eps: float, K: int, name: str = "ε") -> None:
    if K < 2 or not 0 <= eps <= 1:
        raise ValueError(f"need K ≥ 2 classes and {name} in [0, 1], got K = {K}, {name} = {eps}")


# ----------------------------------------------------------------------------------------------------- loss


def soft_cross_entropy(logits: Tensor, p: Tensor) -> Tensor:
    """Mean cross-entropy against targets that are probabilities: L = −1/N Σᵢ Σₖ P[i, k] log softmax(zᵢ)[k].

    Args:
        logits: scores z, any real numbers, shape (N, K).
        p: targets P, shape (N, K), floating point; rows that sum to 1.

    Returns:
        The mean loss in nats, shape (), differentiable with ∂L/∂z = (softmax(z) − P) / N.

    Raises:
        ValueError: shapes that differ or are not (N, K), N = 0, or class ids in place of probabilities.

    Source: lecture, "Label smoothing"; what `torch.nn.functional.cross_entropy` does with such targets.
    """
    if logits.ndim != 2 or p.shape != logits.shape or not len(p) or not p.is_floating_point():
        raise ValueError(
            f"need logits and probabilities of one shape (N, K), N > 0; got {tuple(logits.shape)} and "
            f"{tuple(p.shape)}, {p.dtype}"
        )
    return -(p * torch.log_softmax(logits, dim=1)).sum(1).mean()


class SoftTargetCrossEntropy(nn.Module):
    """`soft_cross_entropy` as a module: for targets made elsewhere, by smoothing, mixup or CutMix.

    Agrees with timm's `SoftTargetCrossEntropy`.
    """

    def forward(self, logits: Tensor, p: Tensor) -> Tensor:
        """Scores (N, K) and targets (N, K) → mean loss, shape ()."""
        return soft_cross_entropy(logits, p)


class LabelSmoothing(nn.Module):
    """Cross-entropy against smoothed labels, from class ids; the targets themselves are never stored.

    L = −1/N Σᵢ [(1 − ε − ε/(K−1)) log p[i, yᵢ] + ε/(K−1) Σₖ log p[i, k]], which is `soft_cross_entropy` with
    `smooth_labels`. With a smoothing of `to_torch_eps(eps, K)`, timm's `LabelSmoothingCrossEntropy` and PyTorch's
    `CrossEntropyLoss(label_smoothing=…)` give the same.

    Args:
        eps: the lecture's ε in [0, 1]: what all other classes get together.

    Raises:
        ValueError: ε outside [0, 1]; in use, shapes that do not fit together, N = 0, or K < 2.

    Source: lecture, "Label smoothing".
    """

    def __init__(self, eps: float) -> None:
        super().__init__()
        _check(eps, 2)
        self.eps = eps

    def extra_repr(self) -> str:
        """The ε, in the module's repr."""
        return f"eps={self.eps:g}"

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """Scores (N, K) and class ids (N,) → mean loss, shape ()."""
        if logits.ndim != 2 or y.shape != logits.shape[:1] or not len(y):
            raise ValueError(f"need logits (N, K) and y (N,), N > 0; got {tuple(logits.shape)}, {tuple(y.shape)}")
        _check(self.eps, logits.shape[1])
        other = self.eps / (logits.shape[1] - 1)
        log_p = torch.log_softmax(logits, dim=1)
        own = log_p.gather(1, y.long()[:, None])[:, 0]
        # a class without weight must not turn a log-probability of −∞ into a NaN
        rest = other * log_p.sum(1) if other else 0.0
        return -((1 - self.eps - other) * own + rest).mean()


# ---------------------------------------------------------------------------------------------- calibration


class Reliability(NamedTuple):
    """What a reliability diagram shows, one entry per bin: shapes (…, bins).

    Attributes:
        count: how many predictions lie in the bin, int64.
        confidence: their mean confidence; NaN for an empty bin.
        accuracy: the share of them that is right; NaN for an empty bin.
    """

    count: Tensor  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    confidence: Tensor
    accuracy: Tensor


def reliability(p: Tensor, y: Tensor, bins: int = 10) -> Reliability:
    """Predictions sorted by confidence, maxₖ p[i, k], into bins of equal width: how sure, and how often right.

    Bin b = 1 … B holds the confidences in ((b−1)/B, b/B]; so 1 belongs to the last one.

    Args:
        p: probabilities, shape (…, N, K); several models may stand in front.
        y: class ids 0 … K−1, shape (N,).
        bins: B ≥ 1.

    Returns:
        Count, confidence and accuracy, each (…, B), the latter two float64.

    Raises:
        ValueError: shapes do not fit together, N = 0, B < 1, or entries that are no probabilities (logits, say).

    Source: DeGroot & Fienberg (1983); Guo et al. (2017), section 2.
    """
    count, sure, right = _binned(p, y, bins)
    return Reliability(count, sure / count, right / count)


def expected_calibration_error(p: Tensor, y: Tensor, bins: int = 10) -> Tensor:
    """Expected calibration error: Σ_b N_b/N · |accuracy_b − confidence_b|, over bins of equal width.

    Args:
        p: probabilities, shape (…, N, K); several models may stand in front.
        y: class ids 0 … K−1, shape (N,).
        bins: B ≥ 1; see `reliability` for their edges.

    Returns:
        The error in [0, 1], float64, shape (…).

    Raises:
        ValueError: as for `reliability`.

    Source: Naeini, Cooper & Hauskrecht (2015); Guo et al. (2017), equation 3.
    """
    _, sure, right = _binned(p, y, bins)
    return (right - sure).abs().sum(-1) / p.shape[-2]  # N_b cancels: an empty bin adds 0, not NaN


def _binned(p: Tensor, y: Tensor, bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """How many predictions each bin holds, the sum of their confidences, and how many are right."""
    if p.ndim < 2 or y.shape != p.shape[-2:-1] or not len(y) or bins < 1:
        raise ValueError(f"need p (…, N, K), y (N,), N > 0, bins ≥ 1; got {tuple(p.shape)}, {tuple(y.shape)}, {bins}")
    confidence, guess = p.max(-1)
    if not bool(((confidence >= 0) & (confidence <= 1 + 1e-4)).all()):
        raise ValueError("confidences must lie in [0, 1]: give probabilities, e.g. logits.softmax(-1)")
    inner = torch.arange(1, bins, device=p.device, dtype=p.dtype) / bins
    place = torch.bucketize(confidence, inner)
    empty = torch.zeros(*place.shape[:-1], bins, device=p.device, dtype=torch.float64)
    count, sure, right = (
        empty.scatter_add(-1, place, each.double()) for each in (torch.ones_like(place), confidence, guess == y)
    )
    return count.long(), sure, right


def fit_temperature(logits: Tensor, y: Tensor) -> Tensor:
    """Temperature scaling: the T > 0 for which softmax(z/T) has the least cross-entropy on held-out data.

    One number, fitted after training. It changes no ranking, so the accuracy stays. The loss is convex in 1/T; its
    slope is mean(Σₖ p[i, k] zᵢₖ − zᵢ,yᵢ), and T is found by halving an interval of log T.

    Args:
        logits: scores of held-out samples, shape (…, N, K); several models may stand in front.
        y: their class ids, shape (N,).

    Returns:
        T, float64, shape (…), within [1/1000, 1000]; the upper end if the scores are worse than none, the lower if
        every answer is right, for then no T is sure enough.

    Raises:
        ValueError: shapes do not fit together, or N = 0.

    Source: Guo et al. (2017), section 4.2.
    """
    if logits.ndim < 2 or y.shape != logits.shape[-2:-1] or not len(y):
        raise ValueError(f"need logits (…, N, K) and y (N,), N > 0; got {tuple(logits.shape)}, {tuple(y.shape)}")
    z = logits.detach().double()
    own = z.gather(-1, y.long().expand(z.shape[:-1])[..., None]).mean((-2, -1))
    low = torch.full(z.shape[:-2], -math.log(1000), dtype=torch.float64, device=z.device)
    high = -low
    for _ in range(40):
        middle = (low + high) / 2
        p = torch.softmax(z / middle.exp()[..., None, None], -1)
        too_sure = (p * z).sum(-1).mean(-1) > own  # the slope in 1/T is positive: T must grow
        low, high = torch.where(too_sure, middle, low), torch.where(too_sure, high, middle)
    return ((low + high) / 2).exp()
