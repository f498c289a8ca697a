"""Exercise tour.local_binary_pattern: eight comparisons are the eight bits of a number."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course import tour
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Nine pixels by hand, pictures without any contrast, then few and many grey levels in several shapes."""

    def levels(label: str, height: int, width: int) -> Case:
        few = torch.randint(5, (height, width), generator=draw.generator) / 4  # so that many neighbours are equal
        return Case(f"{label}, {height}×{width}", (few,))

    tall = (draw.integer(8, 10), draw.integer(4, 6))
    flat = torch.full((3, draw.integer(4, 6)), draw.uniform(0.2, 0.9))
    return [
        Case("nine pixels", (torch.tensor([[9.0, 1, 5], [2, 5, 7], [4, 5, 0]]),), "hand"),
        Case("black: every neighbour is as bright", (torch.zeros(3, 4),), "hand"),
        Case("grey all over", (flat,)),
        levels("few grey levels", 4, 4),
        levels("few grey levels, wide", draw.integer(3, 5), draw.integer(7, 9)),
        levels("few grey levels, tall", *tall),
        levels("few grey levels, as tall", *tall),
        Case("many grey levels", (torch.rand(6, 7, generator=draw.generator),)),
    ]


def greater_for_greater_equal(gray):
    """Equal neighbours got a 0: the bit is 1 where the neighbour is at least as bright, ≥ instead of >."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] > gray) * 2**p
    return codes


def comparison_reversed(gray):
    """The comparison is reversed: the bit is 1 where the neighbour is at least as bright as the pixel."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (gray >= padded[1 + i : 1 + i + height, 1 + j : 1 + j + width]) * 2**p
    return codes


def strictly_darker(gray):  # noqa: D103 - reversed, and without the equal ones
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (gray > padded[1 + i : 1 + i + height, 1 + j : 1 + j + width]) * 2**p
    return codes


def clockwise(gray):
    """The neighbours are numbered clockwise; after the right one comes the upper right one, in row −1: rows count
    downwards."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def row_by_row(gray):
    """The neighbours are numbered row by row; number them around the pixel: right, upper right, above, and so on."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def from_the_upper_left(gray):
    """The numbering starts at the upper left neighbour; here it starts at the right one and goes counter-clockwise."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def upper_left_counter_clockwise(gray):  # noqa: D103 - the same start, the other way around
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def from_above(gray):
    """The numbering starts at the neighbour above; here it starts at the right one and goes counter-clockwise."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def above_counter_clockwise(gray):  # noqa: D103 - the same start, the other way around
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def bits_reversed(gray):
    """The first neighbour got the highest bit; neighbour p sets bit p, worth 2**p, so the right one is worth 1."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2 ** (7 - p)
    return codes


def centre_included(gray):
    """The pixel is compared with itself as well: that makes nine bits; it has eight neighbours, codes end at 255."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    places = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1), (1, -1), (1, 0), (1, 1)]
    for p, (i, j) in enumerate(places):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def centre_first(gray):  # noqa: D103 - the centre as bit 0, then around
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.ones(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2 ** (p + 1)
    return codes


def centre_last(gray):  # noqa: D103 - the centre as bit 8, after the others
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.full(gray.shape, 256)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def border_replicated(gray):
    """The border was continued outside; outside the picture there are zeros: F.pad(gray, (1, 1, 1, 1))."""
    height, width = gray.shape
    padded = F.pad(gray[None], (1, 1, 1, 1), mode="replicate")[0]
    codes = torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def border_mirrored(gray):  # noqa: D103 - continued by a mirror
    height, width = gray.shape
    padded = F.pad(gray[None], (1, 1, 1, 1), mode="reflect")[0]
    codes = torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def wraps_around(gray):
    """At the border the neighbours come from the opposite side (torch.roll does that, and so does an index of −1); pad
    the picture with zeros first."""
    codes = torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (gray.roll((-i, -j), (0, 1)) >= gray) * 2**p
    return codes


def negative_index(gray):  # noqa: D103 - the same mistake at two sides; what is below or to the right gives no bit
    (height, width), codes = gray.shape, torch.zeros(gray.shape, dtype=torch.int64)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        exists = (rows + i < height) & (columns + j < width)
        codes += (exists & (gray.roll((-i, -j), (0, 1)) >= gray)) * 2**p
    return codes


def negative_index_else_zero(gray):  # noqa: D103 - the same mistake at two sides; below and to the right there is a 0
    (height, width), codes = gray.shape, torch.zeros(gray.shape, dtype=torch.int64)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        exists = (rows + i < height) & (columns + j < width)
        codes += (torch.where(exists, gray.roll((-i, -j), (0, 1)), 0.0) >= gray) * 2**p
    return codes


def border_cut_off(gray):
    """The border is cut off; every pixel gets a code: pad the picture with zeros, then compare."""
    height, width = gray.shape
    codes = torch.zeros(height - 2, width - 2, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (gray[1 + i : height - 1 + i, 1 + j : width - 1 + j] >= gray[1:-1, 1:-1]) * 2**p
    return codes


def border_left_out(gray):
    """The border pixels got no code; they have one too: outside the picture there are zeros to compare with."""
    height, width = gray.shape
    codes = torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes[1:-1, 1:-1] += (gray[1 + i : height - 1 + i, 1 + j : width - 1 + j] >= gray[1:-1, 1:-1]) * 2**p
    return codes


def outside_is_darker(gray):
    """Outside counts as darker than everything; there are zeros outside, and for a black pixel 0 ≥ 0 holds."""
    height, width = gray.shape
    padded = F.pad(gray, (1, 1, 1, 1), value=-1.0)
    codes = torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * 2**p
    return codes


def only_counted(gray):
    """This counts the brighter neighbours; which ones they are is the pattern: neighbour p is worth 2**p."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for i, j in [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]:
        codes += padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray
    return codes


def xor_for_power(gray):
    """In Python 2^p is no power but an exclusive or; write 2**p."""
    height, width = gray.shape
    padded, codes = F.pad(gray, (1, 1, 1, 1)), torch.zeros(gray.shape, dtype=torch.int64)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes += (padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] >= gray) * (2 ^ p)
    return codes


def by_unfold(gray):  # noqa: D103
    patches = F.unfold(gray[None, None], 3, padding=1)[0]
    bits = patches[[5, 2, 1, 0, 3, 6, 7, 8]] >= gray.flatten()
    return (bits * 2 ** torch.arange(8)[:, None]).sum(0).view(gray.shape)


def by_roll(gray):  # noqa: D103
    padded = F.pad(gray, (1, 1, 1, 1))
    codes = torch.zeros(padded.shape, dtype=torch.uint8)
    for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
        codes |= (padded.roll((-i, -j), (0, 1)) >= padded).byte() << p
    return codes[1:-1, 1:-1]


def pixel_by_pixel(gray):  # noqa: D103
    height, width = gray.shape
    x, codes = gray.tolist(), torch.zeros(height, width, dtype=torch.int32)
    for r in range(height):
        for c in range(width):
            for p, (i, j) in enumerate([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]):
                inside = 0 <= r + i < height and 0 <= c + j < width
                if (x[r + i][c + j] if inside else 0) >= x[r][c]:
                    codes[r, c] += 2**p
    return codes


EXERCISE = Exercise(
    name="tour.local_binary_pattern",
    title="Local binary patterns",
    signature="local_binary_pattern(gray)",
    points=2,
    minutes=10,
    difficulty=2,
    idea=(
        "Ask the same question of all pixels at once: shift the whole picture by one place, compare, and you have "
        "one bit for every pixel. Eight shifts give eight bits; only their order and the border of zeros need "
        "care."
    ),
    pseudocode="""
    Z ← picture with a border of zeros, one pixel wide
    code ← 0 everywhere
    for p = 0 … 7, with (i, j) = right, upper right, above, … , lower right:
        g_p ← window of Z, moved by i rows and j columns (rows count downwards)
        code ← code + 2^p · [g_p ≥ g_c]
    """,
    reference=tour.local_binary_pattern,
    shown=by_roll,
    cases=cases,
    misconceptions=(
        *mistakes(greater_for_greater_equal, clockwise, row_by_row, bits_reversed),
        mistake(comparison_reversed, strictly_darker),
        mistake(from_the_upper_left, upper_left_counter_clockwise),
        mistake(from_above, above_counter_clockwise),
        mistake(centre_included, centre_first, centre_last),
        mistake(border_replicated, border_mirrored),
        mistake(wraps_around, negative_index, negative_index_else_zero),
        *mistakes(
            border_cut_off,
            border_left_out,
            outside_is_darker,
            only_counted,
            xor_for_power,
        ),
    ),
    alternatives=(by_unfold, by_roll, pixel_by_pixel),
    pictures=("gray", "answer"),
    note="Return whole numbers from 0 to 255, one for each pixel: sums of (… >= …) * 2**p are.",
    forbidden=("skimage.feature.local_binary_pattern", "course.features.lbp"),
)
