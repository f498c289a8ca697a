"""Exercise tour.haar_response: left half minus right half, from six numbers of the integral image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import tour
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def reference(integral: Tensor, box: tour.haar.Box) -> float:
    """The library's response for the layout "edge-x", as a number."""
    return float(tour.haar_response(integral, box))


def drive(haar_response: Callable[..., Any], integral: Tensor, box: list[int]) -> Any:
    """The response; a tensor with one number in it counts as that number. The function is given the box as a tuple."""
    answer = haar_response(integral, tuple(box))
    return answer.item() if isinstance(answer, Tensor) and answer.numel() == 1 else answer


def cases(draw: Draw) -> list[Case]:
    """A picture to add up by hand, boxes at every edge, then boxes inside, upright and lying."""

    def integral_image(gray: Tensor) -> Tensor:
        return tour.integral_image(gray).float()  # as the exercise before this one gives it

    def inside(label: str, box: tuple[int, int, int, int], below: int, right: int) -> Case:
        top, left, height, width = box
        gray = torch.rand(top + height + below, left + width + right, generator=draw.generator)
        return Case(f"{label}: box {box}", (integral_image(gray), list(box)))

    by_hand = integral_image(torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
    odd = 2 * draw.integer(1, 2) + 1
    lying = inside("inside, lying", (draw.integer(4, 6), draw.integer(1, 3), odd, 8), 3, 4)
    integral, box = lying.inputs
    negative = integral_image(1 - integral.diff(dim=0).diff(dim=1))  # its response has the other sign
    return [
        Case("rows 1 2 3 and 4 5 6; the last two columns", (by_hand, [0, 1, 2, 2]), "hand"),
        Case("rows 1 2 3 and 4 5 6; the last two of the lower row", (by_hand.clone(), [1, 1, 1, 2]), "hand"),
        inside("the whole picture", (0, 0, 3, 4), 0, 0),
        inside("the upper left corner", (0, 0, odd, 4), 2, 3),
        inside("the lower right corner", (2, 3, 4, 2), 0, 0),
        inside("inside, two columns", (1, draw.integer(2, 4), draw.integer(2, 3), 2), 2, 3),
        inside("inside, upright", (draw.integer(1, 3), draw.integer(4, 5), 2 * odd, 4), 2, 1),
        lying,
        Case("the same box in the negative of the picture", (negative, list(box))),
    ]


def sign_swapped(integral, box):
    """This is right minus left; the response is the left half minus the right half."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return second - first


def upper_minus_lower(integral, box):
    """The box is cut across into an upper and a lower half; cut it into a left and a right half."""
    top, left, height, width = box
    middle, right, bottom = top + height // 2, left + width, top + height
    first = integral[middle, right] - integral[top, right] - integral[middle, left] + integral[top, left]
    second = integral[bottom, right] - integral[middle, right] - integral[bottom, left] + integral[middle, left]
    return first - second


def corner_subtracted(integral, box):
    """The upper left corner is subtracted; it was taken off twice already, with the strips above and to the left: add
    it."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] - integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] - integral[top, middle]
    return first - second


def corner_forgotten(integral, box):
    """The upper left corner of each half is missing: the strips above and to the left both hold it, so add it once."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle]
    return first - second


def one_pixel_short(integral, box):
    """The last row and column of each half are left out: S[i, j] ends before row i and column j, so no −1 is
    needed."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width - 1, top + height - 1
    first = integral[bottom, middle - 1] - integral[top, middle - 1] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def border_overlooked(integral, box):
    """Every corner is one row and one column too early, as if S had no zeros in front: rows 0 … i−1 end at S[i]."""
    top, left, height, width = box
    top, left = top - 1, left - 1
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def box_as_two_corners(integral, box):
    """The last two numbers of the box were read as its lower right corner; they are its height and its width."""
    top, left, bottom, right = box
    middle = (left + right) // 2
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def box_as_two_corners_halved(integral, box):  # noqa: D103 - the same mistake; half of the right column as the width
    top, left, bottom, right = box
    middle = left + right // 2
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def size_for_position(integral, box):
    """A height or a width was taken for a position: the box ends at row top + height and at column left + width, and
    its middle is at column left + width // 2."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width, height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def half_width_for_middle(integral, box):  # noqa: D103 - the same mistake at the middle
    top, left, height, width = box
    middle, right, bottom = width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def half_of_left_and_width(integral, box):  # noqa: D103 - the same mistake: the mean of a position and a size
    top, left, height, width = box
    middle, right, bottom = (left + width) // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def width_for_right_edge(integral, box):  # noqa: D103 - the same mistake at the right edge
    top, left, height, width = box
    middle, right, bottom = left + width // 2, width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def column_first(integral, box):
    """The box was read as (left, top, …); the row comes first here, as in a tensor's index: (top, left, height,
    width)."""
    left, top, width, height = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def only_the_corner_swapped(integral, box):  # noqa: D103 - (left, top, height, width)
    left, top, height, width = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def width_first(integral, box):
    """Height and width of the box are swapped: the box is (top, left, height, width)."""
    top, left, width, height = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def whole_box(integral, box):
    """This is the sum over the whole box; subtract the right half from the left."""
    top, left, height, width = box
    right, bottom = left + width, top + height
    return integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]


def left_half_only(integral, box):
    """This is the left half alone; subtract the right half."""
    top, left, height, width = box
    middle, bottom = left + width // 2, top + height
    return integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]


def second_as_wide_as_the_box(integral, box):
    """The second part is the whole box: the left half is taken off itself; it starts at left + width // 2."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]
    return first - second


def sign_lost(integral, box):
    """The sign is lost: whether the left or the right half is brighter is what the feature tells; leave out abs."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return abs(first - second)


def mean_for_sum(integral, box):
    """The halves' means are compared; the response is the difference of their sums."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width, top + height
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return (first - second) / (height * (width // 2))


def summed_again(integral, box):
    """The integral image was summed once more, as if it were the picture; its entries are sums already: look up four
    corners per half."""
    top, left, height, width = box
    middle, right, bottom = left + width // 2, left + width, top + height
    return integral[top:bottom, left:middle].sum() - integral[top:bottom, middle:right].sum()


def six_numbers(integral, box):  # noqa: D103
    top, left, height, width = box
    upper, lower = integral[top], integral[top + height]
    a, b, c = left, left + width // 2, left + width
    return 2 * (lower[b] - upper[b]) - (lower[a] - upper[a]) - (lower[c] - upper[c])


def from_the_picture(integral, box):  # noqa: D103
    top, left, height, width = box
    gray = integral.diff(dim=0).diff(dim=1)[top : top + height, left : left + width]
    return gray[:, : width // 2].sum() - gray[:, width // 2 :].sum()


def as_a_number(integral, box):  # noqa: D103
    top, left, height, width = box
    s = integral.float().tolist()

    def total(start, end):
        return s[top + height][end] - s[top][end] - s[top + height][start] + s[top][start]

    return total(left, left + width // 2) - total(left + width // 2, left + width)


EXERCISE = Exercise(
    name="tour.haar_response",
    title="Response of a Haar feature",
    signature="haar_response(integral, box)",
    points=1,
    minutes=8,
    difficulty=1,
    idea=(
        "The box is two smaller boxes side by side, and each costs four look-ups at its corners. Write down the "
        "rows and the columns of all corners first: the halves share the column in the middle, and that is all "
        "the geometry there is."
    ),
    pseudocode="""
    t ← top,  b ← top + height,  l ← left,  m ← left + width/2,  r ← left + width
    sum over columns p … q  =  S_bq − S_tq − S_bp + S_tp
    response ← (sum over l … m) − (sum over m … r)
    """,
    reference=reference,
    shown=six_numbers,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            sign_swapped,
            upper_minus_lower,
            corner_subtracted,
            corner_forgotten,
            one_pixel_short,
            border_overlooked,
        ),
        mistake(box_as_two_corners, box_as_two_corners_halved),
        mistake(size_for_position, half_width_for_middle, half_of_left_and_width, width_for_right_edge),
        mistake(column_first, only_the_corner_swapped),
        *mistakes(
            width_first,
            whole_box,
            left_half_only,
            second_as_wide_as_the_box,
            sign_lost,
            mean_for_sum,
            summed_again,
        ),
    ),
    alternatives=(six_numbers, from_the_picture, as_a_number),
    pictures=("integral",),
    note="Return one number (or a tensor with one number in it).",
    forbidden=("skimage.feature.haar_like_feature", "skimage.transform.integrate"),
)
