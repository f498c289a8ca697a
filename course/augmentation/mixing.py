"""Two pictures in one, and two labels: mixup blends, CutMix pastes.

Each picture i of a batch gets a partner, picture order[i] of the same batch; labels are mixed like the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from math import prod

import torch
from torch import Tensor

from course.augmentation._checks import device_of, each, floats, pictures, spread
from course.augmentation.occlusion import Box, box_mask, edges

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
            fresh memory for each batch, on a processor half of the whole at 224×224.

    Returns:
        Mixed pictures and labels, of the shapes of x and y; the pictures are `out` if it is given.

    Raises:
        ValueError: shapes do not fit together, class ids instead of distributions, integers, or an `out`
            that is not like x or shares its memory.

    Source: lecture, "Mixup & CutMix"; Zhang et al., "mixup: Beyond empirical risk minimization" (2018).
    `torchvision.transforms.v2.MixUp` takes one λ for the whole batch.
    """
    lam, (order, further) = each("lam", lam, floats(x), dtype=x.dtype), _partners(order, x)
    labels, weight = _mix_labels(y, lam, order), spread(lam)
    if not _blockwise(x):
        return _into(x, out, torch.lerp(x.index_select(0, order), x, weight)), labels
    mixed = _target(x, out)
    for partners, own, place, share in _pieces(x, order, further, mixed, weight):
        torch.lerp(partners, own, share, out=place)
    return mixed, labels


def cutmix(x: Tensor, y: Tensor, box: Box, order: Tensor, out: Tensor | None = None) -> Pairs:
    """Paste a box of each picture's partner into it: x̃ᵢ = Mᵢ ⊙ xᵢ + (1 − Mᵢ) ⊙ x_{order[i]}, M = 0 inside the box.

    The labels are mixed by the area that is really left of each: λᵢ = 1 − (pixels of the box inside the picture) / HW.

    Args:
        x: pictures (N, C, H, W), any dtype.
        y: labels as distributions, one-hot or smoothed (N, K), floating point.
        box: top, left, height, width of each box, integer (N,) each; what hangs over the edge is cut off.
        order: each picture's partner, integer (N,), usually a permutation.
        out: where to write the pictures, as in `mixup`.

    Returns:
        Mixed pictures and labels, of the shapes of x and y; the pictures are `out` if it is given.

    Raises:
        ValueError: shapes do not fit together, class ids instead of distributions, or an `out`
            that is not like x or shares its memory.

    Source: lecture, "Mixup & CutMix"; Yun et al., "CutMix" (2019). `torchvision.transforms.v2.CutMix` takes one box for
    the whole batch.
    """
    (order, further), (n, _, height, width) = _partners(order, pictures(x)), x.shape
    with torch.inference_mode():  # whole numbers have no gradients: without records for them, small calls are faster
        edge = edges(box, x)
        first, end = edge
        area = (end - first).clamp_(min=0).prod(0)
    mixed_labels = _mix_labels(y, 1 - area.to(y.dtype) / (height * width), order)
    if not _blockwise(x):
        return _into(x, out, torch.where(box_mask(box, x), x.index_select(0, order), x)), mixed_labels
    mixed = _target(x, out)
    if _at_once(x) == 1:  # a picture fills the cache: copy the box alone, while the picture is still there
        for partners, own, place, corners in _pieces(x, order, further, mixed, edge.view(4, n).T):
            for partner, picture, target, (a, c, b, d) in zip(partners, own, place, corners.tolist(), strict=True):
                target.copy_(picture)[:, a:b, c:d] = partner[:, a:b, c:d]
        return mixed, mixed_labels
    with torch.inference_mode():
        rows, columns = _spans(edge, height, width)
        mask = rows.view(n, 1, height, 1) * columns.view(n, 1, 1, width)
        for partners, own, place, pasted in _pieces(x, order, further, mixed, mask):
            torch.lerp(own, partners, pasted, out=place)  # exact for 0 and 1, where numbers are finite
    return mixed, mixed_labels


def _spans(edge: Tensor, height: int, width: int) -> Pairs:
    """1 in the rows, and in the columns, that are pasted, 0 elsewhere: (N, H) and (N, W).

    As `span`, but looked up, since to compare many short rows takes longer.
    """
    if height == width:  # in one go: for a batch of small pictures each call of torch counts
        first, end = _before(width).index_select(0, edge.view(-1).long()).view(2, 2, -1, width)
        rows, columns = end.sub_(first).relu_()
        return rows, columns
    rows, columns = (_before(size)[edge[:, k].long()] for k, size in enumerate((height, width)))
    return (rows[1] - rows[0]).relu_(), (columns[1] - columns[0]).relu_()


@cache
def _before(size: int) -> Tensor:
    """Row e: 1 in the places before e, (size + 1, size); do not change it."""
    return torch.ones(size + 1, size, dtype=torch.float32, device="cpu").tril(-1)


def draw_lambdas(n: int, alpha: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Shares λ ~ Beta(α, α) for n pictures, (n,). α = 1 is uniform; α → 0 hardly mixes; α → ∞ always by halves.

    Raises:
        ValueError: alpha ≤ 0.

    Source: Zhang et al. (2018), section 2.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be > 0, got {alpha}")
    if alpha == 1:  # Beta(1, 1) is the uniform distribution, which is drawn faster
        return torch.rand(n, generator=generator, device=device_of(generator), dtype=torch.float32)
    both = torch.full((n, 2), alpha, dtype=torch.float64, device=device_of(generator))
    return torch._sample_dirichlet(both, generator)[:, 0].float()


def draw_partners(n: int, generator: torch.Generator | None = None) -> Tensor:
    """Partners k places further on in the batch, which goes round: (i + k) mod n, k uniform in 1 … n − 1. int64 (n,).

    Each picture is a partner once, all others are equally likely to be its own, and it is never its own partner, as
    in a random permutation one is on average. Pictures next to each other have partners next to each other, so that
    `mixup` and `cutmix` read them where they are, instead of gathering copies. The batch has to be in random order.

    Source: as `torchvision.transforms.v2.MixUp`, where k is always 1.
    """
    further = torch.randint(1, max(n, 2), (1,), generator=generator, device=device_of(generator))
    return torch.arange(n, device=device_of(generator)).add_(further).remainder_(max(n, 1))


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
    root, device = (1 - lam).clamp(0, 1).sqrt(), device_of(generator)
    if H == W:  # in one go: for a batch of small pictures each call of torch counts
        size = (H * root).long()
        centre = torch.randint(H, (2, len(lam)), generator=generator, device=device).to(lam.device)
        top, left = centre - (size >> 1)
        return top, left, size, size.clone()
    height, width = (H * root).long(), (W * root).long()
    row, column = (
        torch.randint(size, (len(lam),), generator=generator, device=device).to(lam.device) for size in (H, W)
    )
    return row - (height >> 1), column - (width >> 1), height, width


def _blockwise(x: Tensor) -> bool:
    """Whether to go block by block, for the sake of a processor's cache, where no gradient is to flow back."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not x.requires_grad


def _at_once(x: Tensor) -> int:
    return max(1, BLOCK // max(1, prod(x.shape[1:])))


def _pieces(
    x: Tensor, order: Tensor, further: int | None, mixed: Tensor, parameters: Tensor
) -> Iterator[tuple[Tensor, ...]]:
    """What is mixed together: partners, where they are or gathered, pictures, place for the mixed ones, parameters."""
    n, size = len(x), _at_once(x)
    if not n:
        return
    sizes = size if further is None else [n - further, further]
    pieces = zip(x.split(sizes), mixed.split(sizes), parameters.split(sizes), strict=True)
    if further is not None:
        for partners, rest in zip(reversed(x.split([further, n - further])), pieces, strict=True):
            yield partners, *rest
    elif size == 1:
        for j, rest in zip(order.tolist(), pieces, strict=True):
            yield x[j : j + 1], *rest
    else:
        for rows, (own, place, parameter) in zip(order.split(size), pieces, strict=True):
            yield torch.index_select(x, 0, rows, out=place), own, place, parameter


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


def _partners(order: Tensor, x: Tensor) -> tuple[Tensor, int | None]:
    """Partners, checked; on a processor also how many places further on all of them are, if equally many."""
    order, n = each("order", order, x), len(x)
    if order.is_floating_point() or order.dtype == torch.bool:
        raise ValueError(f"order must hold the numbers of pictures, got {order.dtype}")
    order = order.long()
    if n and x.device.type == "cpu":
        further = int(order[0])
        if 0 <= further < n and torch.equal(order, _round(n)[further : further + n]):
            return order, further
    low, high = order.aminmax() if n else (0, 0)
    if n and not 0 <= int(low) <= int(high) < n:
        raise ValueError(f"partners are numbered 0 … {n - 1}, got {order.tolist()}")
    return order, None


@lru_cache(maxsize=8)
def _round(n: int) -> Tensor:
    """0 … n − 1, twice; do not change it."""
    return torch.arange(n, device="cpu").repeat(2)


def _mix_labels(y: Tensor, lam: Tensor, order: Tensor) -> Tensor:
    if y.ndim != 2 or len(y) != len(lam) or not y.is_floating_point():
        raise ValueError(f"need labels as distributions (N, K), such as one_hot(y, K), got {y.dtype}, {tuple(y.shape)}")
    return torch.lerp(y.index_select(0, order), y, lam.to(y.dtype).unsqueeze(1))
