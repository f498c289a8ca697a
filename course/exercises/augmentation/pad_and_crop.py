"""Exercise augmentation.pad_and_crop: a border of zeros, then a cut of the old size."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """One picture moved by one, the corners, the middle, then places of their own."""

    def run(label: str, n: int, channels: int, height: int, width: int, padding: int) -> Case:
        top, left = (torch.randint(2 * padding + 1, (n,), generator=draw.generator) for _ in range(2))
        top[:2], left[:2] = torch.tensor([0, 2 * padding - 1]), torch.tensor([padding + 1, 0])
        return Case(label, (pixels(draw, n, channels, height, width, low=0.1), top, left, padding))

    tiny = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]]) / 10
    x = pixels(draw, 4, 1, 3, 3, low=0.1)
    corners = torch.tensor([0, 0, 4, 4]), torch.tensor([0, 4, 0, 4])
    return [
        Case("padding 1, cut at row 0, column 1", (tiny, torch.tensor([0]), torch.tensor([1]), 1), "hand"),
        Case(
            "cut in the middle: nothing changes",
            (pixels(draw, 2, 3, 3, 4, low=0.1), torch.tensor([2, 2]), torch.tensor([2, 2]), 2),
        ),
        Case("the four corners", (x, *corners, 2)),
        Case("no padding", (pixels(draw, 2, 3, 2, 3, low=0.1), torch.tensor([0, 0]), torch.tensor([0, 0]), 0)),
        run("places of their own", 5, 3, 4, 4, 2),
        run("higher than wide", draw.integer(3, 5), 1, 6, 3, 1),
        run("wider than high", draw.integer(3, 5), 2, 3, 5, 3),
    ]


def same_place(x, top, left, padding):
    """All pictures are cut at the place of one of them, the first or the last; each has its own top and left."""
    padded = F.pad(x, (padding,) * 4)
    return padded[:, :, top[0] : top[0] + x.shape[2], left[0] : left[0] + x.shape[3]]


def _place_of_the_last(x, top, left, padding):
    return same_place(x, top[-1:], left[-1:], padding)


def swapped(x, top, left, padding):
    """Rows and columns are swapped: top counts rows (axis 2), left counts columns (axis 3)."""
    padded, (h, w) = F.pad(x, (padding,) * 4), x.shape[2:]
    return torch.stack([p[:, j : j + h, i : i + w] for p, i, j in zip(padded, top, left, strict=True)])


def not_cropped(x, top, left, padding):
    """The border is still there: after padding, cut H rows and W columns out, so that the size is the old one."""
    return F.pad(x, (padding,) * 4)


def wraps_around(x, top, left, padding):
    """What leaves on one side comes in on the other; the border must be zeros."""
    moves = zip(x, top, left, strict=True)
    return torch.stack([p.roll((padding - int(i), padding - int(j)), (-2, -1)) for p, i, j in moves])


def edges_repeated(x, top, left, padding):
    """The border repeats or mirrors pixels of the picture; it must be zeros."""
    padded, (h, w) = F.pad(x, (padding,) * 4, mode="replicate"), x.shape[2:]
    return torch.stack([p[:, i : i + h, j : j + w] for p, i, j in zip(padded, top, left, strict=True)])


def _edges_mirrored(x, top, left, padding):
    padded, (h, w) = F.pad(x, (padding,) * 4, mode="reflect"), x.shape[2:]
    return torch.stack([p[:, i : i + h, j : j + w] for p, i, j in zip(padded, top, left, strict=True)])


def other_way(x, top, left, padding):
    """The pictures move the other way: the cut begins at row `top` of the padded picture, so top = 0 moves it down."""
    padded, (h, w) = F.pad(x, (padding,) * 4), x.shape[2:]
    places = zip(padded, 2 * padding - top, 2 * padding - left, strict=True)
    return torch.stack([p[:, i : i + h, j : j + w] for p, i, j in places])


def middle_cut(x, top, left, padding):
    """The cut is always made in the middle, so nothing changes; begin at `top` and `left`."""
    return F.pad(x, (padding,) * 4)[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]].clone()


def border_of_ones(x, top, left, padding):
    """The border is white; it must be zeros, black."""
    padded, (h, w) = F.pad(x, (padding,) * 4, value=1.0), x.shape[2:]
    return torch.stack([p[:, i : i + h, j : j + w] for p, i, j in zip(padded, top, left, strict=True)])


def _left_only(x, top, left, padding):
    padded, (h, w) = F.pad(x, (padding,) * 4), x.shape[2:]
    return torch.stack([p[:, padding : padding + h, j : j + w] for p, j in zip(padded, left, strict=True)])


def top_only(x, top, left, padding):
    """Only the rows move, or only the columns; cut the rows at `top` and the columns at `left`."""
    padded, (h, w) = F.pad(x, (padding,) * 4), x.shape[2:]
    return torch.stack([p[:, i : i + h, padding : padding + w] for p, i in zip(padded, top, strict=True)])


def _left_for_both(x, top, left, padding):
    return top_for_both(x, left, left, padding)


def top_for_both(x, top, left, padding):
    """Rows and columns begin at the same number; the rows begin at `top`, the columns at `left`."""
    padded, (h, w) = F.pad(x, (padding,) * 4), x.shape[2:]
    return torch.stack([p[:, i : i + h, i : i + w] for p, i in zip(padded, top, strict=True)])


def padded_in_the_middle_only(x, top, left, padding):
    """The border is not `padding` wide on each of the four sides; `F.pad` wants left, right, top and bottom:
    (padding,) * 4."""
    padded, (h, w) = F.pad(x, (2 * padding, 0, 2 * padding, 0)), x.shape[2:]
    return torch.stack([p[:, i : i + h, j : j + w] for p, i, j in zip(padded, top, left, strict=True)])


def _padded_columns_only(x, top, left, padding):
    padded, (h, w) = F.pad(x, (padding, padding)), x.shape[2:]
    return torch.stack([p[:, i : i + h, j : j + w] for p, i, j in zip(padded, top, left, strict=True)])


def loop(x, top, left, padding):  # noqa: D103
    padded, (h, w) = F.pad(x, (padding,) * 4), x.shape[2:]
    return torch.stack(
        [p[:, i : i + h, j : j + w] for p, i, j in zip(padded, top.tolist(), left.tolist(), strict=True)]
    )


def indexed(x, top, left, padding):  # noqa: D103
    padded = F.pad(x, (padding, padding, padding, padding))
    n, c, h, w = x.shape
    rows = (top[:, None] + torch.arange(h))[:, None, :, None]
    columns = (left[:, None] + torch.arange(w))[:, None, None, :]
    return padded[torch.arange(n)[:, None, None, None], torch.arange(c)[None, :, None, None], rows, columns]


def written_into_zeros(x, top, left, padding):  # noqa: D103
    n, c, h, w = x.shape
    padded = torch.zeros(n, c, h + 2 * padding, w + 2 * padding, dtype=x.dtype)
    padded[:, :, padding : padding + h, padding : padding + w] = x
    y = torch.empty_like(x)
    for i in range(n):
        y[i] = padded[i].narrow(1, int(top[i]), h).narrow(2, int(left[i]), w)
    return y


EXERCISE = Exercise(
    name="augmentation.pad_and_crop",
    title="Pad, then crop elsewhere",
    signature="pad_and_crop(x, top, left, padding)",
    points=2,
    minutes=10,
    difficulty=2,
    idea=(
        "The border makes the picture larger; the window is as large as the picture was before, and begins at "
        "another place in each one. So there is nothing to compute, only to cut."
    ),
    pseudocode="""
    z ← x with `padding` zeros on all four sides
    for each picture i:
        y_i ← z_i, rows top_i … top_i + H − 1, columns left_i … left_i + W − 1
    """,
    reference=augmentation.pad_and_crop,
    shown=loop,
    cases=cases,
    misconceptions=(
        *mistakes(swapped, not_cropped, wraps_around, other_way, middle_cut, border_of_ones),
        mistake(same_place, _place_of_the_last),
        mistake(edges_repeated, _edges_mirrored),
        mistake(top_only, _left_only),
        mistake(top_for_both, _left_for_both),
        mistake(padded_in_the_middle_only, _padded_columns_only),
    ),
    alternatives=(loop, indexed, written_into_zeros),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
    alike=True,
)
