"""Exercise tour.integral_image: the sum of everything above and to the left."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course import tour
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Small whole numbers by hand, a single row and column, then pictures of other shapes."""

    def picture(label: str, height: int, width: int) -> Case:
        return Case(f"{label}, {height}×{width}", (torch.rand(height, width, generator=draw.generator),))

    return [
        Case("two rows, three columns", (torch.tensor([[1.0, 2, 3], [4, 5, 6]]),), "hand"),
        Case("one pixel", (torch.tensor([[7.0]]),), "hand"),
        picture("a single row", 1, draw.integer(4, 6)),
        picture("a single column", draw.integer(4, 6), 1),
        picture("square", 4, 4),
        picture("another square", 4, 4),
        picture("wide", draw.integer(3, 5), draw.integer(7, 9)),
        picture("tall", draw.integer(8, 10), draw.integer(3, 6)),
    ]


def rows_only(gray):
    """The sum runs along each row alone; then let it run down the columns as well: two cumsum, one per direction."""
    return F.pad(gray.cumsum(1), (1, 0, 1, 0))


def columns_only(gray):
    """The sum runs down each column alone; let it run along the rows as well: two cumsum, one per direction."""
    return F.pad(gray.cumsum(0), (1, 0, 1, 0))


def no_border(gray):
    """The row and the column of zeros in front are missing; with them, a box at the edge needs no special care."""
    return gray.cumsum(0).cumsum(1)


def border_at_the_end(gray):
    """The zeros are below and to the right; they belong above and to the left: F.pad(…, (1, 0, 1, 0))."""
    return F.pad(gray.cumsum(0).cumsum(1), (0, 1, 0, 1))


def border_all_around(gray):
    """There are zeros on all four sides; only a row above and a column to the left are asked for."""
    return F.pad(gray.cumsum(0).cumsum(1), (1, 1, 1, 1))


def last_pixels_lost(gray):
    """The zeros took the place of the last row and column; the answer is one larger than the picture both ways."""
    return F.pad(gray.cumsum(0).cumsum(1), (1, -1, 1, -1))


def runs_on(gray):
    """The sum runs on from the end of a row into the next; flattening forgets that the picture has two directions."""
    return F.pad(gray.flatten().cumsum(0).view(gray.shape), (1, 0, 1, 0))


def same_direction_twice(gray):
    """Both cumsum go down the columns; one must go along dim 0, the other along dim 1."""
    return F.pad(gray.cumsum(0).cumsum(0), (1, 0, 1, 0))


def rows_twice(gray):  # noqa: D103 - the same mistake in the other direction
    return F.pad(gray.cumsum(1).cumsum(1), (1, 0, 1, 0))


def sums_added(gray):
    """The sums along the row and down the column are added up: that is a cross, not the whole box above and to the
    left; take the second cumsum of the first."""
    return F.pad(gray.cumsum(0) + gray.cumsum(1), (1, 0, 1, 0))


def pixel_counted_once(gray):  # noqa: D103 - the same cross
    return F.pad(gray.cumsum(0) + gray.cumsum(1) - gray, (1, 0, 1, 0))


def counted_twice(gray):
    """Left plus above counts their common box twice: subtract S[i−1, j−1] once."""
    height, width = gray.shape
    s = torch.zeros(height + 1, width + 1)
    for i in range(height):
        for j in range(width):
            s[i + 1, j + 1] = gray[i, j] + s[i, j + 1] + s[i + 1, j]
    return s


def mean_for_sum(gray):
    """These are means over the box; an integral image holds sums."""
    rows, columns = torch.arange(1, gray.shape[0] + 1), torch.arange(1, gray.shape[1] + 1)
    return F.pad(gray.cumsum(0).cumsum(1) / (rows[:, None] * columns), (1, 0, 1, 0))


def transposed(gray):
    """Rows and columns are swapped: S[i, j] sums the first i rows and the first j columns."""
    return F.pad(gray.T.cumsum(0).cumsum(1), (1, 0, 1, 0))


def box_by_box(gray):  # noqa: D103
    height, width = gray.shape
    return torch.stack([torch.stack([gray[:i, :j].sum() for j in range(width + 1)]) for i in range(height + 1)])


def by_recurrence(gray):  # noqa: D103
    height, width = gray.shape
    s = torch.zeros(height + 1, width + 1)
    for i in range(height):
        for j in range(width):
            s[i + 1, j + 1] = gray[i, j] + s[i, j + 1] + s[i + 1, j] - s[i, j]
    return s


def by_matrices(gray):  # noqa: D103
    height, width = gray.shape
    x = gray.double()
    return torch.ones(height + 1, height).double().tril(-1) @ x @ torch.ones(width, width + 1).double().triu(1)


EXERCISE = Exercise(
    name="tour.integral_image",
    title="Integral image",
    signature="integral_image(gray)",
    points=1,
    minutes=6,
    difficulty=1,
    idea=(
        "Adding up along one axis makes running sums; adding those up along the other axis makes sums over whole "
        'rectangles. What is left is a matter of room: the first row and column say "nothing above, nothing to '
        'the left", and that is 0.'
    ),
    pseudocode="""
    R_rc ← x_0c + … + x_rc            running sums down each column
    T_rc ← R_r0 + … + R_rc            running sums of these along each row
    S ← table of zeros with one row and one column more than x
    S_(r+1)(c+1) ← T_rc
    """,
    reference=tour.integral_image,
    cases=cases,
    misconceptions=(
        *mistakes(
            rows_only,
            columns_only,
            no_border,
            border_at_the_end,
            border_all_around,
            last_pixels_lost,
            runs_on,
            counted_twice,
            mean_for_sum,
            transposed,
        ),
        mistake(same_direction_twice, rows_twice),
        mistake(sums_added, pixel_counted_once),
    ),
    alternatives=(box_by_box, by_recurrence, by_matrices),
    pictures=("gray", "answer"),
    note="Return floats, one row and one column more than the picture: the zeros in front.",
    forbidden=("skimage.transform.integral_image", "cv2.integral"),
)
