"""Two pictures in one, and two labels: mixup blends, CutMix pastes.

Each picture i of a batch gets a partner, picture order[i] of the same batch; labels are mixed like the pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course.augmentation._checks import device_of, each, floats, pictures, spread, uniform
from course.augmentation.occlusion import Box, box_mask

Pairs = tuple[Tensor, Tensor]


def mixup(x: Tensor, y: Tensor, lam: Tensor, order: Tensor) -> Pairs:
    """Blend each picture with its partner: x̃ᵢ = λᵢ xᵢ + (1 − λᵢ) x_{order[i]}, and the labels alike.

    Args:
        x: pictures (N, C, H, W), floating point.
        y: labels as distributions, one-hot or smoothed (N, K), floating point.
        lam: λ in [0, 1], each picture's own share, (N,).
        order: each picture's partner, integer (N,), usually a permutation.

    Returns:
        Mixed pictures and labels, of the shapes of x and y.

    Raises:
        ValueError: shapes do not fit together, class ids instead of distributions, or integers.

    Source: lecture, "Mixup & CutMix"; Zhang et al., "mixup: Beyond empirical risk minimization" (2018).
    `torchvision.transforms.v2.MixUp` takes one λ for the whole batch.
    """
    lam, order = each("lam", lam, floats(x), dtype=x.dtype), _partners(order, x)
    other = x.index_select(0, order)
    return torch.lerp(other, x, spread(lam)), _mix_labels(y, lam, order)


def cutmix(x: Tensor, y: Tensor, box: Box, order: Tensor) -> Pairs:
    """Paste a box of each picture's partner into it: x̃ᵢ = Mᵢ ⊙ xᵢ + (1 − Mᵢ) ⊙ x_{order[i]}, M = 0 inside the box.

    The labels are mixed by the area that is really left of each: λᵢ = 1 − (pixels of the box inside the picture) / HW.

    Args:
        x: pictures (N, C, H, W), any dtype.
        y: labels as distributions, one-hot or smoothed (N, K), floating point.
        box: top, left, height, width of each box, integer (N,) each; what hangs over the edge is cut off.
        order: each picture's partner, integer (N,), usually a permutation.

    Returns:
        Mixed pictures and labels, of the shapes of x and y.

    Raises:
        ValueError: shapes do not fit together, or class ids instead of distributions.

    Source: lecture, "Mixup & CutMix"; Yun et al., "CutMix" (2019). `torchvision.transforms.v2.CutMix` takes one box for
    the whole batch.
    """
    order, inside = _partners(order, pictures(x)), box_mask(box, x)
    lam = 1 - inside.float().mean((1, 2, 3))
    return torch.where(inside, x.index_select(0, order), x), _mix_labels(y, lam, order)


def draw_lambdas(n: int, alpha: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Shares λ ~ Beta(α, α) for n pictures, (n,). α = 1 is uniform; α → 0 hardly mixes; α → ∞ always by halves.

    Raises:
        ValueError: alpha ≤ 0.

    Source: Zhang et al. (2018), section 2.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be > 0, got {alpha}")
    both = torch.full((n, 2), alpha, dtype=torch.float64, device=device_of(generator))
    return torch._sample_dirichlet(both, generator)[:, 0].float()


def draw_partners(n: int, generator: torch.Generator | None = None) -> Tensor:
    """A random permutation of n pictures: each has a partner, and each is a partner once. int64 (n,)."""
    return torch.randperm(n, generator=generator, device=device_of(generator))


def draw_cuts(lam: Tensor, H: int, W: int, generator: torch.Generator | None = None) -> Box:
    """Boxes of the share 1 − λ with the picture's own aspect, about a uniform centre; they may hang over the edge.

    height = ⌊H √(1 − λ)⌋, width = ⌊W √(1 − λ)⌋; the centre is any pixel.

    Args:
        lam: λ in [0, 1], what is to be left of each picture, (N,).
        H, W: height and width of the pictures.
        generator: where the randomness comes from.

    Returns:
        Top, left, height, width, int64 (N,) each; not clipped, so top or left may be negative.

    Source: Yun et al. (2019), equation 2.
    """
    root = (1 - lam).clamp(0, 1).sqrt()
    height, width = (H * root).long(), (W * root).long()
    row = (uniform(0, H, (len(lam),), generator)).long().to(lam.device)
    column = (uniform(0, W, (len(lam),), generator)).long().to(lam.device)
    return row - height // 2, column - width // 2, height, width


def _partners(order: Tensor, x: Tensor) -> Tensor:
    order = each("order", order, x)
    if order.is_floating_point() or order.dtype == torch.bool:
        raise ValueError(f"order must hold the numbers of pictures, got {order.dtype}")
    return order.long()


def _mix_labels(y: Tensor, lam: Tensor, order: Tensor) -> Tensor:
    if y.ndim != 2 or len(y) != len(lam) or not y.is_floating_point():
        raise ValueError(f"need labels as distributions (N, K), such as one_hot(y, K), got {y.dtype}, {tuple(y.shape)}")
    return torch.lerp(y.index_select(0, order), y, lam.to(y.dtype)[:, None])
