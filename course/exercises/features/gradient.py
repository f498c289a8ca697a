"""Exercise features.gradient: how strongly, and in which direction, brightness changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course import features
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistake, mistakes


def drive(gradient: Callable[..., Any], gray: Tensor) -> dict[str, Any]:
    """Magnitude and orientation; the latter as 0 where the magnitude is 0, since a flat place has no direction."""
    flat = features.gradient(gray)[0] == 0
    answer = gradient(gray)
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Unusable(f"gradient must return two tensors, `magnitude, orientation`; it returned {_what(answer)}.")
    magnitude, orientation = answer
    if isinstance(orientation, Tensor) and orientation.shape == flat.shape and orientation.is_floating_point():
        orientation = _settled(orientation.detach(), flat)
    return {"magnitude": magnitude, "orientation": orientation}


def _settled(orientation: Tensor, flat: Tensor) -> Tensor:
    """Free choices and rounding taken away: 179.99999° is a rounded 0°. NaN, and 180° itself, stay what they are."""
    orientation = torch.where(flat & orientation.isfinite(), torch.zeros_like(orientation), orientation)
    rounded = (orientation > 179.999) & (orientation < 180)
    return torch.where(rounded, orientation - 180, orientation)


def _what(answer: Any) -> str:
    if answer is None:
        return "None: is there a return"
    return f"{len(answer)} things" if type(answer) in (list, tuple) else f"one thing of type {type(answer).__name__}"


def cases(draw: Draw) -> list[Case]:
    """An upright edge, a level one, a slope; then pictures in steps of 1/32 or 1/256: rounding decides no angle."""

    def random(label: str, height: int, width: int, top: int = 32) -> Case:
        return Case(label, (torch.randint(top + 1, (height, width), generator=draw.generator) / 32,))

    upright = torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(3, 1)
    level = torch.tensor([1.0, 1.0, 0.5, 0.5])[:, None].repeat(1, 3)
    stripes = 7 / 8 * (torch.arange(9) % 4 >= 2) + torch.randint(2, (6, 9), generator=draw.generator) / 256
    slope = (3 * torch.arange(4.0) + 4 * torch.arange(3.0)[:, None]) / 20
    return [
        Case("an upright edge from dark to bright", (upright,), "hand"),
        Case("a level edge from bright to dark", (level,), "hand"),
        Case("a slope: 0.3 to the right, 0.4 down", (slope,), "hand"),
        Case("an upright edge from bright to dark", (upright.flip(1),), "hand"),
        Case("a flat picture", (torch.full((4, 5), draw.integer(1, 31) / 32),)),
        random("the smallest picture with a middle", 3, 3),
        random("a flat shape", 4, draw.integer(8, 10)),
        random("an upright shape", draw.integer(8, 10), 5),
        random("another small picture", 3, 3),
        random("a faint picture", 6, 7, top=4),
        Case("nearly upright stripes", (stripes,)),
        random("a larger picture", draw.integer(9, 11), draw.integer(12, 14)),
    ]


def axes_swapped(gray):
    """Rows and columns are exchanged in the angle: it is atan2(g_y, g_x), so that an upright edge has 0°."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_x, g_y)) % 180


def signed(gray):
    """The angle is signed: a step from dark to bright and its negative share one orientation; take it modulo 180, with
    % (torch.fmod keeps the sign)."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x))


def full_circle(gray):  # noqa: D103 - the same mistake, counted from 0 to 360
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 360


def sign_kept_by_fmod(gray):  # noqa: D103 - the same mistake
    magnitude, degrees = signed(gray)
    return magnitude, torch.fmod(degrees, 180)


def along_the_edge(gray):
    """This is the direction along the edge; the gradient points across it, so that an upright edge has 0°: turn nothing
    by 90°."""
    magnitude, degrees = signed(gray)
    return magnitude, (degrees + 90) % 180


def radians(gray):
    """The orientation is in radians; it is wanted in degrees, from 0 to below 180."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.atan2(g_y, g_x) % torch.pi


def signed_radians(gray):  # noqa: D103 - the same mistake, and signed
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.atan2(g_y, g_x)


def radians_mod_180(gray):  # noqa: D103 - the same mistake, hidden by a late modulo
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.atan2(g_y, g_x) % 180


def mirrored(gray):
    """The absolute value mirrors the angle: −30° is the same orientation as 150°, not as 30°; take it modulo 180."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)).abs()


def rows_upwards(gray):
    """g_y points upwards here: rows are counted downwards, so g_y is the row below minus the row above."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[:-2] - gray[2:], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def half_turn_stays(gray):
    """A step from bright to dark has 180°, from dark to bright 0°: one orientation, so 180 must become 0."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    degrees = torch.rad2deg(torch.atan2(g_y, g_x))
    return torch.hypot(g_x, g_y), torch.where(degrees < 0, degrees + 180, degrees)


def nan_where_flat(gray):
    """Where nothing changes, g_y/g_x is 0/0 and the angle is not a number; torch.atan2(g_y, g_x) knows that case."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan(g_y / g_x)) % 180


def halved(gray):
    """The differences are halved, as for a derivative; here g_x is the right neighbour minus the left, without ½."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)) / 2
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1)) / 2
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def with_torch_gradient(gray):
    """That is torch.gradient: it halves the differences and takes one-sided ones at the borders; here there is no ½,
    and 0 where a neighbour is missing."""
    g_y, g_x = torch.gradient(gray)
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def forward_difference(gray):
    """The pixel itself is subtracted; g_x is the right neighbour minus the left one, g_y the lower minus the upper."""
    g_x = F.pad(gray[:, 1:] - gray[:, :-1], (0, 1))
    g_y = F.pad(gray[1:] - gray[:-1], (0, 0, 0, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def backward_difference(gray):  # noqa: D103 - the same mistake to the other side
    g_x = F.pad(gray[:, 1:] - gray[:, :-1], (1, 0))
    g_y = F.pad(gray[1:] - gray[:-1], (0, 0, 1, 0))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def zeros_outside(gray):
    """At the borders the picture is compared with zeros outside: where a neighbour is missing, g_x or g_y is 0."""
    padded = F.pad(gray, (1, 1, 1, 1))
    g_x, g_y = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def border_repeated(gray):
    """At the borders the pixel itself stands in for the missing neighbour: there g_x or g_y is 0."""
    padded = F.pad(gray[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    g_x, g_y = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def wraps_around(gray):
    """At the borders the opposite side is taken for the missing neighbour (as roll does): there g_x or g_y is 0."""
    g_x, g_y = gray.roll(-1, 1) - gray.roll(1, 1), gray.roll(-1, 0) - gray.roll(1, 0)
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def frame_of_zeros(gray):
    """The whole border is 0: only what lacks a neighbour is; g_y lives on in the first column, g_x in the first row."""
    g_x = F.pad(gray[1:-1, 2:] - gray[1:-1, :-2], (1, 1, 1, 1))
    g_y = F.pad(gray[2:, 1:-1] - gray[:-2, 1:-1], (1, 1, 1, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def sobel(gray):
    """These are Sobel's kernels, which add up three rows; here g_x is one difference within the pixel's own row."""
    kernel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], dtype=gray.dtype)
    both = F.conv2d(gray[None, None], torch.stack([kernel, kernel.T])[:, None])[0]
    g_x, g_y = F.pad(both, (1, 1, 1, 1))
    return torch.hypot(g_x, g_y), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def sum_of_absolutes(gray):
    """The magnitude is |g_x| + |g_y|; it is the length of the vector, √(g_x² + g_y²)."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return g_x.abs() + g_y.abs(), torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def root_forgotten(gray):
    """The root is missing: the magnitude is √(g_x² + g_y²)."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return g_x**2 + g_y**2, torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def swapped_result(gray):
    """The two results are swapped: return the magnitude first, then the orientation."""
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    return torch.rad2deg(torch.atan2(g_y, g_x)) % 180, torch.hypot(g_x, g_y)


def with_kernels(gray):  # noqa: D103
    step = torch.tensor([[-1.0, 0.0, 1.0]])
    g_x = F.conv2d(gray[None, None], step[None, None], padding=(0, 1))[0, 0]
    g_y = F.conv2d(gray[None, None], step.T[None, None], padding=(1, 0))[0, 0]
    g_x[:, [0, -1]] = 0
    g_y[[0, -1], :] = 0
    return (g_x.square() + g_y.square()).sqrt(), torch.atan2(g_y, g_x) * 180 / torch.pi % 180


def in_double(gray):  # noqa: D103
    x = gray.double()
    g_x, g_y = torch.zeros_like(x), torch.zeros_like(x)
    g_x[:, 1:-1] = x[:, 2:] - x[:, :-2]
    g_y[1:-1] = x[2:] - x[:-2]
    ratio = torch.where(g_x == 0, torch.full_like(x, torch.inf), g_y / torch.where(g_x == 0, 1, g_x))
    degrees = torch.rad2deg(torch.atan(ratio))
    return [torch.hypot(g_x, g_y), torch.where(degrees < 0, degrees + 180, degrees)]


def by_complex_numbers(gray):  # noqa: D103
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    z = torch.complex(g_x, g_y)
    return z.abs(), (z * z).angle().rad2deg().remainder(360) / 2


EXERCISE = Exercise(
    name="features.gradient",
    title="Magnitude and orientation of edges",
    signature="gradient(gray)",
    points=2,
    minutes=12,
    difficulty=2,
    idea=(
        "Both differences are the picture minus itself, shifted by two places; on the border there is nothing to "
        "subtract, and the answer stays 0. Two numbers for each pixel then become a length and an angle, and "
        "opposite angles count as one."
    ),
    pseudocode="""
    g_x, g_y ← zeros
    inside the left and right border:   g_x ← (pixel to the right) − (pixel to the left)
    inside the upper and lower border:  g_y ← (pixel below) − (pixel above)
    m ← √(g_x² + g_y²)
    θ ← angle of (g_x, g_y) in degrees, modulo 180
    """,
    reference=features.gradient,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            axes_swapped,
            mirrored,
            along_the_edge,
            rows_upwards,
            half_turn_stays,
            nan_where_flat,
            halved,
            with_torch_gradient,
            zeros_outside,
            border_repeated,
            wraps_around,
            frame_of_zeros,
            sobel,
            sum_of_absolutes,
            root_forgotten,
            swapped_result,
        ),
        mistake(signed, full_circle, sign_kept_by_fmod),
        mistake(radians, signed_radians, radians_mod_180),
        mistake(forward_difference, backward_difference),
    ),
    atol=1e-4,  # degrees in float32
    alternatives=(with_kernels, in_double, by_complex_numbers),
    telling=("orientation", "magnitude"),
    pictures=("gray", "answer"),
    note="Return two tensors of the picture's shape, `magnitude, orientation`; g_x and g_y without the factor ½.",
    alike=True,
)
