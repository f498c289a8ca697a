"""Equivalences of section 08."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course import smoothing
from course.equivalences.equivalence import Equivalence

K, EPS = 6, 0.1


def _batch(g: torch.Generator) -> tuple[Tensor, Tensor]:
    return 3 * torch.randn(30, K, generator=g).double(), torch.randint(K, (30,), generator=g)


def _label_smoothing(g: torch.Generator) -> tuple[Any, Any]:
    from torch.nn.functional import cross_entropy

    z, y = _batch(g)
    theirs = cross_entropy(z, y, label_smoothing=smoothing.to_torch_eps(EPS, K))
    return smoothing.LabelSmoothing(EPS)(z, y), theirs


def _timm_label_smoothing(g: torch.Generator) -> tuple[Any, Any]:
    from timm.loss import LabelSmoothingCrossEntropy

    z, y = _batch(g)
    return smoothing.LabelSmoothing(EPS)(z, y), LabelSmoothingCrossEntropy(smoothing.to_torch_eps(EPS, K))(z, y)


def _soft(g: torch.Generator) -> tuple[Any, Any]:
    from torch.nn.functional import cross_entropy

    z, p = _batch(g)[0], _batch(g)[0].softmax(1)
    return smoothing.soft_cross_entropy(z, p), cross_entropy(z, p)


def _timm_soft(g: torch.Generator) -> tuple[Any, Any]:
    from timm.loss import SoftTargetCrossEntropy

    z, p = _batch(g)[0], _batch(g)[0].softmax(1)
    return smoothing.SoftTargetCrossEntropy()(z, p), SoftTargetCrossEntropy()(z, p)


def _reliability(g: torch.Generator) -> tuple[Any, Any]:
    from sklearn.calibration import calibration_curve

    z, y = torch.randn(300, 2, generator=g).double(), torch.randint(2, (300,), generator=g)
    p = z.softmax(1)
    found = smoothing.reliability(p, y, 10)
    full = found.count > 0
    theirs = calibration_curve((p.argmax(1) == y).numpy(), p.amax(1).numpy(), n_bins=10)
    return (found.accuracy[full], found.confidence[full]), theirs


EQUIVALENCES = (
    Equivalence(
        "smoothing.LabelSmoothing",
        "torch.nn.functional.cross_entropy",
        "`label_smoothing=to_torch_eps(ε, K)`: theirs smooths over K classes, the lecture over the K − 1 others.",
        1e-9,
        _label_smoothing,
    ),
    Equivalence(
        "smoothing.LabelSmoothing",
        "timm.loss.LabelSmoothingCrossEntropy",
        "`smoothing=to_torch_eps(ε, K)`, for the same reason.",
        1e-9,
        _timm_label_smoothing,
    ),
    Equivalence(
        "smoothing.soft_cross_entropy",
        "torch.nn.functional.cross_entropy",
        "With probabilities in place of class ids.",
        1e-9,
        _soft,
    ),
    Equivalence(
        "smoothing.SoftTargetCrossEntropy",
        "timm.loss.SoftTargetCrossEntropy",
        "The mean over the batch.",
        1e-9,
        _timm_soft,
    ),
    Equivalence(
        "smoothing.reliability",
        "sklearn.calibration.calibration_curve",
        "`n_bins=bins`, of the answer's probability and whether it is right; theirs leaves out empty bins.",
        1e-9,
        _reliability,
    ),
)
