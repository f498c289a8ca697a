"""Exercise augmentation.rgb_shift: a number for each channel of each picture."""

from __future__ import annotations

import torch

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """One pixel, shifts that overflow on both sides, then batches."""

    def shifts(n: int, limit: float) -> torch.Tensor:
        return pixels(draw, n, 3, low=-limit, high=limit)

    pixel = torch.tensor([0.9, 0.5, 0.1]).view(1, 3, 1, 1)
    both = torch.tensor([[0.5, -0.5, 0.0], [-0.6, 0.1, 0.7]])
    n = draw.integer(4, 6)
    return [
        Case("one pixel, red up, green as it is, blue down", (pixel, torch.tensor([[0.2, 0.0, -0.3]])), "hand"),
        Case("no shift", (pixels(draw, 2, 3, 2, 3), torch.zeros(2, 3))),
        Case("shifts that leave 0 … 1", (pixels(draw, 2, 3, 3, 3), both)),
        Case("three pictures of 3×3: axes of one length", (pixels(draw, 3, 3, 3, 3), shifts(3, 0.4))),
        Case("small shifts", (pixels(draw, n, 3, 2, 4), shifts(n, 0.1))),
        Case("larger ones", (pixels(draw, n, 3, 4, 2), shifts(n, 0.8))),
    ]


def no_clamp(x, shift):
    """Numbers below 0 or above 1 are left: clamp the result to 0 … 1."""
    return x + shift[:, :, None, None]


def clamped_above_only(x, shift):
    """Numbers below 0 are left: clamp on both sides, to 0 … 1."""
    return (x + shift[:, :, None, None]).clamp(max=1)


def clamped_below_only(x, shift):
    """Numbers above 1 are left: clamp on both sides, to 0 … 1."""
    return (x + shift[:, :, None, None]).clamp(min=0)


def wraps_around(x, shift):
    """Too bright became dark again (as with uint8 that overflows): clamp, do not take the remainder."""
    return (x + shift[:, :, None, None]).remainder(1)


def one_shift_for_all(x, shift):
    """All pictures get the shift of one of them, the first or the last; each has its own row."""
    return (x + shift[0].view(1, 3, 1, 1)).clamp(0, 1)


def _shift_of_the_last(x, shift):
    return one_shift_for_all(x, shift.flip(0))


def one_number_for_all_channels(x, shift):
    """All channels get the same number, so this is brightness: each channel has its own."""
    return (x + shift[:, :1, None, None]).clamp(0, 1)


def factor(x, shift):
    """The shift multiplies; it must be added."""
    return (x * (1 + shift[:, :, None, None])).clamp(0, 1)


def subtracted(x, shift):
    """The shift is subtracted; add it."""
    return (x - shift[:, :, None, None]).clamp(0, 1)


def shift_clamped(x, shift):
    """The shift was clamped, so nothing ever gets darker; clamp the sum."""
    return (x + shift[:, :, None, None].clamp(0, 1)).clamp(0, 1)


def levels(x, shift):
    """The shift was divided by 255; pictures and shifts are both in the unit 0 … 1 here."""
    return (x + shift[:, :, None, None] / 255).clamp(0, 1)


def rescaled(x, shift):
    """The result was stretched to fill 0 … 1; only cut off what is outside (clamp)."""
    y = x + shift[:, :, None, None]
    low, high = y.min(), y.max()
    return (y - low) / (high - low) if low < 0 or high > 1 else y


def bgr(x, shift):
    """The shifts went to the channels in reverse order: shift[i, 0] is for red, channel 0."""
    return (x + shift.flip(1)[:, :, None, None]).clamp(0, 1)


def viewed(x, shift):  # noqa: D103
    return torch.clip(x + shift.view(-1, 3, 1, 1), 0, 1)


def loop(x, shift):  # noqa: D103
    y = x.clone()
    for i in range(len(x)):
        for k in range(3):
            y[i, k] = (y[i, k] + shift[i, k]).clamp(0, 1)
    return y


def min_max(x, shift):  # noqa: D103
    y = (x.permute(2, 3, 0, 1) + shift).permute(2, 3, 0, 1)
    return torch.minimum(torch.maximum(y, torch.tensor(0.0)), torch.tensor(1.0))


EXERCISE = Exercise(
    name="augmentation.rgb_shift",
    title="Shift red, green and blue",
    signature="rgb_shift(x, shift)",
    points=1,
    minutes=5,
    difficulty=1,
    idea=(
        "One number for each channel of each picture, and it counts for all pixels of that channel. Give the "
        "shifts two more axes of length 1, and they spread over rows and columns by themselves."
    ),
    pseudocode="""
    y_(i,k,r,c) ← x_(i,k,r,c) + shift_(i,k)      for all rows r and columns c
    y ← each entry at least 0 and at most 1
    """,
    reference=augmentation.rgb_shift,
    shown=viewed,
    cases=cases,
    misconceptions=(
        *mistakes(
            no_clamp,
            clamped_above_only,
            clamped_below_only,
            wraps_around,
            one_number_for_all_channels,
            factor,
            subtracted,
            shift_clamped,
            levels,
            rescaled,
            bgr,
        ),
        mistake(one_shift_for_all, _shift_of_the_last),
    ),
    alternatives=(viewed, loop, min_max),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
)
