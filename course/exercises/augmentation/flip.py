"""Exercise augmentation.flip: mirror some pictures of a batch."""

from __future__ import annotations

import torch

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, pixels
from course.exercises.exercise import Case, Draw, Exercise, mistakes


def cases(draw: Draw) -> list[Case]:
    """Two tiny pictures, then all, none, and some of a batch."""

    def some(n: int) -> torch.Tensor:
        flipped = torch.rand(n, generator=draw.generator) < 0.5
        flipped[:2] = torch.tensor([False, True])
        return flipped

    tiny = torch.tensor([[[[1.0, 2, 3], [4, 5, 6]]], [[[7.0, 8, 9], [0, 1, 2]]]]) / 10
    n = draw.integer(4, 7)
    return [
        Case("two pictures, the first is to be mirrored", (tiny, torch.tensor([True, False])), "hand"),
        Case("none is to be mirrored", (pixels(draw, 2, 3, 3, 4), torch.tensor([False, False]))),
        Case("all are", (pixels(draw, 3, 1, 4, 3), torch.tensor([True, True, True]))),
        Case("a single column", (pixels(draw, 2, 3, 4, 1), torch.tensor([True, False]))),
        Case("some of several", (pixels(draw, n, 3, 4, 5), some(n))),
        Case("three pictures of 3×3×3", (pixels(draw, 3, 3, 3, 3), some(3))),
        Case("four channels, 40 columns", (pixels(draw, 2, 4, 2, 40), torch.tensor([False, True]))),
    ]


def vertical(x, flipped):
    """The pictures stand on their heads: this flips rows, which is axis −2; left and right is axis −1, the columns."""
    return torch.where(flipped[:, None, None, None], x.flip(-2), x)


def all_mirrored(x, flipped):
    """Every picture is mirrored; only those with True in `flipped` must be."""
    return x.flip(-1)


def others_mirrored(x, flipped):
    """The wrong ones are mirrored: True means mirror, False means leave."""
    return torch.where(flipped[:, None, None, None], x, x.flip(-1))


def nothing_mirrored(x, flipped):
    """Nothing is mirrored: `x.flip(-1)` and `x[flipped]` return new tensors, so use what they return."""
    x[flipped].flip(-1)
    return x.clone()


def half_turn(x, flipped):
    """This is half a turn, rows and columns flipped; mirror the columns alone, axis −1."""
    return torch.where(flipped[:, None, None, None], x.flip(-1, -2), x)


def channels_reversed(x, flipped):
    """The channels are reversed (axis 1), so red becomes blue; the columns are axis −1."""
    return torch.where(flipped[:, None, None, None], x.flip(1), x)


def batch_reversed(x, flipped):
    """The order of the pictures is reversed (axis 0); mirror the columns of each, axis −1."""
    return torch.where(flipped[:, None, None, None], x.flip(0), x)


def first_decides(x, flipped):
    """All pictures follow the first entry of `flipped`; each picture has an entry of its own."""
    return x.flip(-1) if flipped[0] else x.clone()


def any_decides(x, flipped):
    """As soon as one picture is to be mirrored, all are; each picture has an entry of its own."""
    return x.flip(-1) if flipped.any() else x.clone()


def only_the_flipped(x, flipped):
    """Only the mirrored pictures came back; return the whole batch, the others as they were."""
    return x[flipped].flip(-1)


def rolled(x, flipped):
    """The columns are shifted around, not mirrored; use `x.flip(-1)`."""
    return torch.where(flipped[:, None, None, None], x.roll(1, -1), x)


def read_after_overwritten(x, flipped):
    """The second half of each row was copied from a half that had been overwritten already: read from x, write to a
    copy."""
    y, w = x.clone(), x.shape[3]
    for i in range(len(x)):
        if flipped[i]:
            for s in range(w):
                y[i, :, :, s] = y[i, :, :, w - 1 - s]
    return y


def mirrored_ones_first(x, flipped):
    """The pictures came back in another order, the mirrored ones first; each must stay at its place."""
    return torch.cat([x[flipped].flip(-1), x[~flipped]])


def by_mask(x, flipped):  # noqa: D103
    y = x.clone()
    y[flipped] = x[flipped].flip(-1)
    return y


def loop(x, flipped):  # noqa: D103
    return torch.stack([torch.fliplr(p.movedim(0, 2)).movedim(2, 0) if f else p for p, f in zip(x, flipped)])  # noqa: B905


def weighted(x, flipped):  # noqa: D103
    share = flipped.to(x.dtype).view(-1, 1, 1, 1)
    return share * torch.flip(x, dims=[3]) + (1 - share) * x


EXERCISE = Exercise(
    name="augmentation.flip",
    title="Mirror some pictures",
    signature="flip(x, flipped)",
    points=1,
    minutes=5,
    difficulty=1,
    idea=(
        "Make the mirror image of the whole batch, which is easy, and then choose for each picture which of the "
        "two you want. Left and right is the last axis."
    ),
    pseudocode="""
    z ← x with its columns in reverse order
    y_i ← z_i where flipped_i, else x_i
    """,
    reference=augmentation.flip,
    shown=by_mask,
    cases=cases,
    misconceptions=mistakes(
        vertical,
        all_mirrored,
        others_mirrored,
        nothing_mirrored,
        half_turn,
        channels_reversed,
        batch_reversed,
        first_decides,
        any_decides,
        only_the_flipped,
        rolled,
        read_after_overwritten,
        mirrored_ones_first,
    ),
    alternatives=(by_mask, loop, weighted),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
)
