"""Exercise augmentation.cutmix: paste a box, and share the label by area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, one_hot_labels, partners, pixels
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistake, mistakes


def drive(
    cutmix: Callable[..., Any],
    x: Tensor,
    y: Tensor,
    top: Tensor,
    left: Tensor,
    height: Tensor,
    width: Tensor,
    order: Tensor,
) -> dict[str, Any]:
    """One call with the box as one argument; pictures and labels by name."""
    answer = cutmix(x, y, (top, left, height, width), order)
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Unusable("cutmix must return two tensors, `x, y`: the mixed pictures, then the mixed labels.")
    return {"mixed x": answer[0], "mixed y": answer[1]}


def cases(draw: Draw) -> list[Case]:
    """A corner by hand; boxes that hang over each edge; no box and all of it; then batches."""

    def box(*rows: tuple[int, int, int, int]) -> tuple[Tensor, ...]:
        return tuple(torch.tensor(column) for column in zip(*rows, strict=True))

    def run(label: str, n: int, k: int, channels: int, h: int, w: int, overhang: int) -> Case:
        rows = []
        for _ in range(n):
            a, b = draw.integer(1, h - 1), draw.integer(1, w - 1)
            low, end = -min(overhang, a - 1), -min(overhang, b - 1)
            top = draw.integer(low, h - a + min(overhang, a - 1))
            rows.append((top, draw.integer(end, w - b + min(overhang, b - 1)), a, b))
        x, y = pixels(draw, n, channels, h, w), one_hot_labels(draw, n, k)
        return Case(label, (x, y, *box(*rows), partners(draw, n)))

    two = torch.tensor([[0.1] * 4, [0.9] * 4]).view(2, 1, 2, 2)
    swap = torch.tensor([1, 0])
    edges = box((-1, 1, 3, 2), (3, 1, 3, 2), (1, -2, 2, 3), (1, 4, 2, 3), (-2, -1, 4, 3))
    whole = box((0, 0, 0, 0), (0, 0, 3, 4), (1, 1, 1, 2), (0, 1, 3, 3))
    by_hand = (two, torch.eye(2), *box((1, 1, 1, 1), (0, 0, 1, 2)), swap)
    x = pixels(draw, 5, 1, 4, 5)
    x[..., 0] = 0.5  # alike in all pictures, so that what was pasted cannot be told by comparing
    # Each of another class: the labels of two of the same would be right whatever the shares are.
    over = (x, torch.eye(5), *edges, partners(draw, 5))
    return [
        Case("two pictures of 2×2: one pixel, then the upper half", by_hand, "hand"),
        Case("boxes over the edges: only what is inside counts", over),
        Case("no box, all of it, parts", (pixels(draw, 4, 2, 3, 4), torch.eye(4), *whole, partners(draw, 4))),
        run("boxes inside", draw.integer(4, 6), 3, 3, 4, 5, 0),
        run("higher than wide, some over the edge", 6, 4, 1, 6, 4, 2),
        run("wider than high, in colour", draw.integer(5, 7), 5, 3, 4, 6, 2),
    ]


def labels_not_mixed(x, y, box, order):
    """The labels are as they were: share them by area, λ for the picture and 1 − λ for what was pasted."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    return torch.where(inside, x[order], x), y


def other_partner_for_labels(x, y, box, order):
    """The labels come from another partner than the pixels: use the same `order` for both."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order.argsort()]


def labels_by_the_unclipped_box(x, y, box, order):
    """The labels count parts of the box that hang over an edge: λ must count only what is within the picture."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - height * width / (x.shape[2] * x.shape[3])
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]


def shares_swapped(x, y, box, order):
    """In the labels λ and 1 − λ are swapped: the pasted box belongs to the partner, the rest to the picture itself."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), (1 - lam) * y + lam * y[order]


def inside_out(x, y, box, order):
    """The partner is outside the box and the picture inside; paste the partner into the box."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x, x[order]), lam * y + (1 - lam) * y[order]


def pixels_inside_out(x, y, box, order):
    """The partner is outside the box and the picture inside, against the labels; paste the partner into the box."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x, x[order]), lam * y + (1 - lam) * y[order]


def one_box(x, y, box, order):
    """All pictures get the box of one of them, the first or the last; each has its own."""
    top, left, height, width = (b[:1, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]


def _box_of_the_last(x, y, box, order):
    return one_box(x, y, tuple(b.flip(0) for b in box), order)


def one_share_for_all(x, y, box, order):
    """One λ serves the labels of the whole batch (a mean over all pictures, or the first one's); each picture has its
    own, from its own box."""
    pasted = _pasted(x, box).float().mean()
    return cutmix_by_boxes(x, y, box, order)[0], (1 - pasted) * y + pasted * y[order]


def _share_of_the_first(x, y, box, order):
    pasted = _pasted(x, box)[0].float().mean()
    return cutmix_by_boxes(x, y, box, order)[0], (1 - pasted) * y + pasted * y[order]


def share_cut_off(x, y, box, order):
    """Integer division // cuts λ off to a whole number; divide the pixels of the box by H·W with /."""
    return _labels_from(x, y, box, order, _pasted(x, box)[:, 0].long().sum((1, 2))[:, None], whole=True)


def share_of_all_channels(x, y, box, order):
    """The pixels of the box are divided by C·H·W, all numbers of a picture; a pixel counts once: H·W."""
    return _labels_from(x, y, box, order, _pasted(x, box)[:, 0].sum((1, 2))[:, None] / x.shape[1])


def partner_of_the_partner(x, y, box, order):
    """Picture i is mixed with the one that has i for a partner: its own partner is order[i], x[order]."""
    return cutmix_by_boxes(x, y, box, order.argsort())


def batch_backwards(x, y, box, order):
    """The partners are the batch backwards or shifted by one, as in some libraries; here the partner of picture i is
    order[i]."""
    return cutmix_by_boxes(x, y, box, torch.arange(len(x)).flip(0))


def comes_back(x, y, box, order):
    """What hangs over the edge comes back on the other side (a remainder, or roll); it is cut off."""
    (top, left, height, width), (h, w) = (b[:, None] for b in box), x.shape[2:]
    in_rows, in_columns = (torch.arange(h) - top) % h < height, (torch.arange(w) - left) % w < width
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]


def place_in_the_partner(x, y, box, order):
    """The box shows the partner's upper left corner, or another place of it; it shows the same place, without a
    shift."""
    mixed, inside = x.clone(), _pasted(x, box)[:, 0]
    for i, j in enumerate(order.tolist()):
        rows, columns = inside[i].any(1), inside[i].any(0)
        mixed[i][:, inside[i]] = x[j, :, : int(rows.sum()), : int(columns.sum())].flatten(1)
    return mixed, cutmix_by_boxes(x, y, box, order)[1]


def negative_indices(x, y, box, order):
    """Boxes that begin outside, at a negative row or column, are lost: in a slice −1 means the last. Clip to 0
    first."""
    mixed, shares = x.clone(), []
    for i, (top, left, height, width) in enumerate(torch.stack(box, 1).tolist()):
        patch = mixed[i, :, top : top + height, left : left + width]
        patch[:] = x[order[i], :, top : top + height, left : left + width]
        shares.append(1 - patch[0].numel() / (x.shape[2] * x.shape[3]))
    lam = torch.tensor(shares)[:, None]
    return mixed, lam * y + (1 - lam) * y[order]


def _pasted(x, box):
    """Which pixels lie in the box, (N, 1, H, W)."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    return (in_rows[:, :, None] & in_columns[:, None, :])[:, None]


def _labels_from(x, y, box, order, inside, whole=False):
    """The right pictures, with labels by another number of pixels."""
    all_of_it = x.shape[2] * x.shape[3]
    lam = 1 - (inside // all_of_it if whole else inside / all_of_it)
    return torch.where(_pasted(x, box), x[order], x), lam * y + (1 - lam) * y[order]


def labels_clipped_below_only(x, y, box, order):  # noqa: D103 - the same mistake on two of the four sides
    top, left, height, width = (b[:, None] for b in box)
    rows = (top + height).clamp(max=x.shape[2]) - top
    return _labels_from(x, y, box, order, rows * ((left + width).clamp(max=x.shape[3]) - left))


def labels_clipped_above_only(x, y, box, order):  # noqa: D103 - the same mistake on the other two
    top, left, height, width = (b[:, None] for b in box)
    rows = top + height - top.clamp(min=0)
    return _labels_from(x, y, box, order, rows * (left + width - left.clamp(min=0)))


def labels_by_comparing(x, y, box, order):
    """λ is the share of pixels that have changed; a pasted pixel may look as the one before. Count those of the box."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    mixed = torch.where((in_rows[:, :, None] & in_columns[:, None, :])[:, None], x[order], x)
    lam = (mixed == x).all(1).float().mean((1, 2))[:, None]
    return mixed, lam * y + (1 - lam) * y[order]


def columns_before_rows(x, y, box, order):
    """The box was read as (left, top, …), x before y; here it is top, left, height, width: rows before columns."""
    top, left, height, width = box
    return cutmix_by_boxes(x, y, (left, top, width, height), order)


def left_before_top(x, y, box, order):  # noqa: D103 - the same mistake in the place alone
    top, left, height, width = box
    return cutmix_by_boxes(x, y, (left, top, height, width), order)


def cutmix_by_boxes(x, y, box, order):  # noqa: D103 - right, for the mistakes that change the box
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    return _labels_from(x, y, box, order, (in_rows.sum(1) * in_columns.sum(1))[:, None])


def box_around_its_centre(x, y, box, order):
    """top and left were taken for the box's centre; they are its first row and its first column."""
    top, left, height, width = box
    return cutmix_by_boxes(x, y, (top - height // 2, left - width // 2, height, width), order)


def moved_inside(x, y, box, order):
    """Boxes that hang over the edge were moved inside; what is outside is cut off, so that the box becomes smaller."""
    top, left, height, width = (b[:, None] for b in box)
    top = torch.minimum(top.clamp(min=0), x.shape[2] - height)
    left = torch.minimum(left.clamp(min=0), x.shape[3] - width)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]


def start_clipped_size_kept(x, y, box, order):
    """A box that begins outside is clipped at its start, but keeps its size: compute its end before you clip."""
    top, left, height, width = (b[:, None] for b in box)
    top, left = top.clamp(min=0), left.clamp(min=0)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]


def one_pixel_more(x, y, box, order):
    """The boxes are one pixel too large: the last row is top + height − 1."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows <= top + height), (columns >= left) & (columns <= left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]


def height_and_width_swapped(x, y, box, order):
    """Height and width are swapped: the box is (top, left, height, width)."""
    top, left, width, height = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]


def box_as_corners(x, y, box, order):
    """Height and width were taken for the last row and column: the box ends at top + height and left + width."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < height), (columns >= left) & (columns < width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), lam * y + (1 - lam) * y[order]


def labels_by_halves(x, y, box, order):
    """The labels are mixed half and half; share them by area."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    return torch.where(inside, x[order], x), (y + y[order]) / 2


def blended(x, y, box, order):
    """The pictures are blended everywhere, as in mixup; in CutMix each pixel belongs to one of the two."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    lam = 1 - (in_rows[:, :, None] & in_columns[:, None, :]).float().mean((1, 2))[:, None]
    a = lam[:, :, None, None]
    return a * x + (1 - a) * x[order], lam * y + (1 - lam) * y[order]


def larger_share_wins(x, y, box, order):
    """The label of the larger part was taken whole: keep both, weighted by area, so that each row adds up to 1."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, x[order], x), torch.where(lam >= 0.5, y, y[order])


def black_box(x, y, box, order):
    """The box is black: paste the partner's pixels of the same place."""
    top, left, height, width = (b[:, None] for b in box)
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    in_rows, in_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    lam = 1 - inside.float().mean((1, 2, 3))[:, None]
    return torch.where(inside, 0.0, x), lam * y + (1 - lam) * y[order]


def pasted_into_pasted(x, y, box, order):
    """The boxes were cut from pictures that had been pasted into already: take them from the original x."""
    mixed, shares = x.clone(), []
    for i, (top, left, height, width) in enumerate(torch.stack(box, 1).tolist()):
        rows, columns = slice(max(top, 0), max(top + height, 0)), slice(max(left, 0), max(left + width, 0))
        mixed[i, :, rows, columns] = mixed[order[i], :, rows, columns]
        shares.append(1 - mixed[i, 0, rows, columns].numel() / (x.shape[2] * x.shape[3]))
    lam = torch.tensor(shares)[:, None]
    return mixed, lam * y + (1 - lam) * y[order]


def loop(x, y, box, order):  # noqa: D103
    pictures, labels = x.clone(), y.clone()
    h, w = x.shape[2:]
    for i in range(len(x)):
        top, left, height, width = (int(b[i]) for b in box)
        first, last = max(top, 0), max(min(top + height, h), 0)
        start, end = max(left, 0), max(min(left + width, w), 0)
        pictures[i, :, first:last, start:end] = x[order[i], :, first:last, start:end]
        lam = 1 - max(last - first, 0) * max(end - start, 0) / (h * w)
        labels[i] = lam * y[i] + (1 - lam) * y[order[i]]
    return pictures, labels


def by_masks(x, y, box, order):  # noqa: D103
    top, left, height, width = (b.view(-1, 1, 1, 1) for b in box)
    rows = torch.arange(x.shape[2]).view(1, 1, -1, 1)
    columns = torch.arange(x.shape[3]).view(1, 1, 1, -1)
    mask = ((rows < top) | (rows >= top + height) | (columns < left) | (columns >= left + width)).float()
    lam = mask.mean((1, 2, 3))[:, None]
    return mask * x + (1 - mask) * x[order], lam * y + (1 - lam) * y[order]


def by_clipping(x, y, box, order):  # noqa: D103
    (top, left, height, width), (h, w) = box, x.shape[2:]
    first, last = top.clamp(0, h), (top + height).clamp(0, h)
    start, end = left.clamp(0, w), (left + width).clamp(0, w)
    lam = (1 - (last - first) * (end - start) / (h * w)).unsqueeze(1)
    mixed = x.clone()
    for i, j in enumerate(order.tolist()):
        mixed[i, :, first[i] : last[i], start[i] : end[i]] = x[j, :, first[i] : last[i], start[i] : end[i]]
    return [mixed, torch.lerp(y[order], y, lam)]


EXERCISE = Exercise(
    name="augmentation.cutmix",
    title="Paste a box, share the label by area",
    signature="cutmix(x, y, box, order)",
    points=3,
    minutes=15,
    difficulty=3,
    idea=(
        "First find out which pixels of the picture lie in the box at all; a box over the edge is simply smaller. "
        "Those pixels come from the partner, and their share of the picture is the partner's share of the label."
    ),
    pseudocode="""
    for each sample i, with partner j = order_i:
        inside ← pixels (r, c) with top ≤ r < top + height and left ≤ c < left + width
        x̃_i ← x_j where inside, x_i elsewhere
        λ_i ← 1 − (number of pixels inside) / (H·W)
        ỹ_i ← λ_i·y_i + (1 − λ_i)·y_j
    """,
    reference=augmentation.cutmix,
    shown=by_masks,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            labels_not_mixed,
            other_partner_for_labels,
            shares_swapped,
            inside_out,
            pixels_inside_out,
            partner_of_the_partner,
            share_cut_off,
            share_of_all_channels,
            comes_back,
            place_in_the_partner,
            negative_indices,
            moved_inside,
            start_clipped_size_kept,
            one_pixel_more,
            height_and_width_swapped,
            box_as_corners,
            labels_by_halves,
            blended,
            larger_share_wins,
            black_box,
            pasted_into_pasted,
            labels_by_comparing,
            box_around_its_centre,
        ),
        mistake(batch_backwards, lambda x, y, box, order: cutmix_by_boxes(x, y, box, torch.arange(len(x)).roll(1))),
        mistake(one_box, _box_of_the_last),
        mistake(one_share_for_all, _share_of_the_first),
        mistake(labels_by_the_unclipped_box, labels_clipped_below_only, labels_clipped_above_only),
        mistake(columns_before_rows, left_before_top),
    ),
    alternatives=(loop, by_masks, by_clipping),
    telling=("mixed x", "mixed y"),
    note="Return two tensors, `x, y`: the mixed pictures, then the mixed labels.",
    forbidden=(*LIBRARIES, "course.augmentation"),
    alike=True,
)
