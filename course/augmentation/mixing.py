"""Two pictures in one, and two labels: mixup blends, CutMix pastes.

Each picture i of a batch gets a partner, picture order[i] of the same batch; labels are mixed like the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    lam, order = each("lam", lam, floats(x), dtype=x.dtype), _partners(order, x)
    labels, weight = _mix_labels(y, lam, order), spread(lam)
    if not _blockwise(x):
        return _into(x, out, torch.lerp(x.index_select(0, order), x, weight)), labels
    mixed = _target(x, out)
    for own, partners in _pairs(x, order, mixed):
        torch.lerp(partners, x[own], weight[own], out=mixed[own])
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
    order, (top, bottom, left, right) = _partners(order, pictures(x)), edges(box, x)
    area = (bottom - top).clamp(min=0) * (right - left).clamp(min=0)
    mixed_labels = _mix_labels(y, 1 - area.to(y.dtype) / (x.shape[-2] * x.shape[-1]), order)
    if not _blockwise(x):
        return _into(x, out, torch.where(box_mask(box, x), x.index_select(0, order), x)), mixed_labels
    mixed = _target(x, out)
    if _at_once(x) == 1:  # a picture fills the cache: copy the box alone, while the picture is still there
        edge = torch.stack([top, bottom, left, right], 1).tolist()
        for own, partners in _pairs(x, order, mixed):
            for i, partner in zip(range(own.start, own.stop), partners, strict=True):
                a, b, c, d = edge[i]
                mixed[i].copy_(x[i])[:, a:b, c:d] = partner[:, a:b, c:d]
        return mixed, mixed_labels
    rows, columns = _spans((top, left), (bottom, right), x)
    mask = rows[:, None, :, None] * columns[:, None, None, :]
    for own, partners in _pairs(x, order, mixed):
        torch.lerp(x[own], partners, mask[own], out=mixed[own])  # exact for 0 and 1
    return mixed, mixed_labels


def _spans(first: Pairs, end: Pairs, x: Tensor) -> Pairs:
    """1 in the rows, and in the columns, that are pasted, 0 elsewhere: (N, H) and (N, W)."""
    n, _, height, width = x.shape
    if height == width:  # in one go: at this size each call of torch counts
        both = _between(torch.cat(first), torch.cat(end), width)
        return both[:n], both[n:]
    (top, left), (bottom, right) = first, end
    return _between(top, bottom, height), _between(left, right, width)


def _between(first: Tensor, end: Tensor, size: int) -> Tensor:
    """`span` as numbers: looked up, since to compare many short rows takes longer."""
    before = torch.ones(size + 1, size, dtype=torch.float32, device=end.device).tril(-1)  # row e: 1 in places before e
    return before.index_select(0, end.long()).sub_(before.index_select(0, first.long())).relu_()


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
    return (torch.arange(n, device=device_of(generator)) + further) % max(n, 1)


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
    row, column = (
        torch.randint(size, (len(lam),), generator=generator, device=device_of(generator)).to(lam.device)
        for size in (H, W)
    )
    return row - height // 2, column - width // 2, height, width


def _blockwise(x: Tensor) -> bool:
    """Whether to go block by block, for the sake of a processor's cache, where no gradient is to flow back."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not x.requires_grad


def _at_once(x: Tensor) -> int:
    return max(1, BLOCK // max(1, x[:1].numel()))


def _pairs(x: Tensor, order: Tensor, target: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Pictures that are mixed together, and their partners: where they are, or gathered in the target."""
    n, further, size = len(x), _further(order), _at_once(x)
    if further is not None:
        yield slice(0, n - further), x[further:]
        yield slice(n - further, n), x[:further]
    elif size == 1:
        yield from ((slice(i, i + 1), x[j : j + 1]) for i, j in enumerate(order.tolist()))
    else:
        for own in (slice(start, start + size) for start in range(0, n, size)):
            yield own, torch.index_select(x, 0, order[own], out=target[own])


def _further(order: Tensor) -> int | None:
    """How many places further on all the partners are, if it is the same for all, as by `draw_partners`."""
    n, further = len(order), int(order[0]) if len(order) else 0
    return further if n and torch.equal(order, (torch.arange(n, device=order.device) + further) % n) else None


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
