"""Two pictures in one, and two labels: mixup blends, CutMix pastes.

Each picture i of a batch gets a partner, picture order[i] of the same batch; labels are mixed like the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from course.augmentation._checks import device_of, each, floats, pictures, spread, uniform
from course.augmentation.occlusion import Box, box_mask, edges, span

BLOCK = 1 << 17
"""Numbers that are mixed at a time: they, their partners and the result stay in the processor's cache together."""

Pairs = tuple[Tensor, Tensor]


def mixup(x: Tensor, y: Tensor, lam: Tensor, order: Tensor, out: Tensor | None = None) -> Pairs:
    """Blend each picture with its partner: x̃ᵢ = λᵢ xᵢ + (1 − λᵢ) x_{order[i]}, and the labels alike.

    Args:
        x: pictures (N, C, H, W), floating point.
        y: labels as distributions, one-hot or smoothed (N, K), floating point.
        lam: λ in [0, 1], each picture's own share, (N,).
        order: each picture's partner, integer (N,), usually a permutation.
        out: where to write the pictures, another batch like x. To reuse one spares the time that it takes to get
            fresh memory for each large batch, on a processor half of the whole at 128 × 224×224; small batches, as
            512 × 32×32, are mixed faster without.

    Returns:
        Mixed pictures and labels, of the shapes of x and y; the pictures are `out` if it is given.

    Raises:
        ValueError: shapes do not fit together, class ids instead of distributions, integers, or an `out`
            that is not like x or shares its memory.

    Source: lecture, "Mixup & CutMix"; Zhang et al., "mixup: Beyond empirical risk minimization" (2018).
    `torchvision.transforms.v2.MixUp` takes one λ for the whole batch.
    """
    lam, order = each("lam", lam, floats(x), dtype=x.dtype), _partners(order, x)
    weight = spread(lam)
    if not _blockwise(x):
        mixed = _into(x, out, torch.lerp(x.index_select(0, order), x, weight))
    elif out is None:
        mixed = _weighted_pairs(x, lam, order)
    else:  # partners stay in the cache
        mixed = _target(x, out)
        for block in _blocks(x):
            torch.lerp(x.index_select(0, order[block]), x[block], weight[block], out=mixed[block])
    return mixed, _mix_labels(y, lam, order)


def _weighted_pairs(x: Tensor, lam: Tensor, order: Tensor) -> Tensor:
    """Both pictures of a pair are read, weighed and added in one go: a bag of two embeddings."""
    pairs = torch.stack([torch.arange(len(x)), order], 1)
    bags = F.embedding_bag(pairs, x.flatten(1), mode="sum", per_sample_weights=torch.stack([lam, 1 - lam], 1))
    return bags.view(x.shape)


def cutmix(x: Tensor, y: Tensor, box: Box, order: Tensor, out: Tensor | None = None) -> Pairs:
    """Paste a box of each picture's partner into it: x̃ᵢ = Mᵢ ⊙ xᵢ + (1 − Mᵢ) ⊙ x_{order[i]}, M = 0 inside the box.

    The labels are mixed by the area that is really left of each: λᵢ = 1 − (pixels of the box inside the picture) / HW.

    Args:
        x: pictures (N, C, H, W), any dtype.
        y: labels as distributions, one-hot or smoothed (N, K), floating point.
        box: top, left, height, width of each box, integer (N,) each; what hangs over the edge is cut off.
        order: each picture's partner, integer (N,), usually a permutation.
        out: where to write the pictures, another batch like x. To reuse one spares the time that it takes to get
            fresh memory for each batch, on a processor half of the whole at 224×224.

    Returns:
        Mixed pictures and labels, of the shapes of x and y; the pictures are `out` if it is given.

    Raises:
        ValueError: shapes do not fit together, class ids instead of distributions, or an `out`
            that is not like x or shares its memory.

    Source: lecture, "Mixup & CutMix"; Yun et al., "CutMix" (2019). `torchvision.transforms.v2.CutMix` takes one box for
    the whole batch.
    """
    order, (top, bottom, left, right) = _partners(order, pictures(x)), edges(box, x)
    area = (bottom - top).clamp(min=0) * (right - left).clamp(min=0)
    mixed_labels = _mix_labels(y, 1 - area / (x.shape[-2] * x.shape[-1]), order)
    if not _blockwise(x):
        return _into(x, out, torch.where(box_mask(box, x), x.index_select(0, order), x)), mixed_labels
    mixed = _target(x, out)
    if _at_once(x) == 1:  # a picture fills the cache: copy the box alone, while the picture is still there
        boxes = torch.stack([order, top, bottom, left, right], 1).tolist()
        for picture, own, (partner, a, b, c, d) in zip(mixed, x, boxes, strict=True):
            picture.copy_(own)[:, a:b, c:d] = x[partner, :, a:b, c:d]
        return mixed, mixed_labels
    rows, columns = _spans((top, left), (bottom, right), x)
    for block in _blocks(x, 16):  # many: with small pictures the calls cost more than the cache saves
        mask = rows[block, None, :, None] * columns[block, None, None, :]
        pasted = torch.index_select(x, 0, order[block], out=mixed[block])
        torch.lerp(x[block], pasted, mask, out=pasted)  # exact for 0 and 1
    return mixed, mixed_labels


def _spans(first: Pairs, end: Pairs, x: Tensor) -> Pairs:
    """1 in the rows, and in the columns, that are pasted, 0 elsewhere: (N, H) and (N, W)."""
    n, _, height, width = x.shape
    if height == width:  # in one go: at this size each call of torch counts
        both = span(torch.cat(first), torch.cat(end), width).to(x.dtype)
        return both[:n], both[n:]
    (top, left), (bottom, right) = first, end
    return span(top, bottom, height).to(x.dtype), span(left, right, width).to(x.dtype)


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


def _blockwise(x: Tensor) -> bool:
    """Whether to go block by block, for the sake of a processor's cache, where no gradient is to flow back."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not x.requires_grad


def _at_once(x: Tensor) -> int:
    return max(1, BLOCK // max(1, x[:1].numel()))


def _blocks(x: Tensor, factor: int = 1) -> Iterator[slice]:
    """Pictures that are mixed together; larger blocks where the partners need no memory of their own."""
    size = factor * _at_once(x)
    return (slice(start, start + size) for start in range(0, len(x), size))


def _target(x: Tensor, out: Tensor | None) -> Tensor:
    """Memory for the mixed pictures: what is given, or new."""
    if out is None:
        return torch.empty_like(x, memory_format=torch.contiguous_format)
    if (out.shape, out.dtype, out.device) != (x.shape, x.dtype, x.device):
        raise ValueError(f"need an out like x, {x.dtype} {tuple(x.shape)}, got {out.dtype} {tuple(out.shape)}")
    if len(x) and out.untyped_storage().data_ptr() == x.untyped_storage().data_ptr():
        raise ValueError("need another batch for out: x is still read while it is written")
    return out


def _into(x: Tensor, out: Tensor | None, mixed: Tensor) -> Tensor:
    return mixed if out is None else _target(x, out).copy_(mixed)


def _partners(order: Tensor, x: Tensor) -> Tensor:
    order = each("order", order, x)
    if order.is_floating_point() or order.dtype == torch.bool:
        raise ValueError(f"order must hold the numbers of pictures, got {order.dtype}")
    if len(x) and not 0 <= int(order.min()) <= int(order.max()) < len(x):
        raise ValueError(f"partners are numbered 0 … {len(x) - 1}, got {order.tolist()}")
    return order.long()


def _mix_labels(y: Tensor, lam: Tensor, order: Tensor) -> Tensor:
    if y.ndim != 2 or len(y) != len(lam) or not y.is_floating_point():
        raise ValueError(f"need labels as distributions (N, K), such as one_hot(y, K), got {y.dtype}, {tuple(y.shape)}")
    return torch.lerp(y.index_select(0, order), y, lam.to(y.dtype)[:, None])
