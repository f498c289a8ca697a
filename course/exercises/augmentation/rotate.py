"""Exercise augmentation.rotate: each picture by its own angle."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def reference(x: Tensor, degrees: Tensor) -> Tensor:
    """The library's function, pixels mixed."""
    return augmentation.rotate(x, degrees)


def cases(draw: Draw) -> list[Case]:
    """A quarter turn, no turn, half a turn, then angles of their own."""

    def run(label: str, n: int, channels: int, side: int, low: float, high: float) -> Case:
        degrees = [draw.uniform(low, high) * (-1) ** i for i in range(n)]
        return Case(label, (pixels(draw, n, channels, side, side, low=0.1), torch.tensor(degrees)))

    tiny = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]]) / 10
    return [
        Case("a quarter turn, counter-clockwise", (tiny, torch.tensor([90.0])), "hand"),
        Case("no turn at all", (pixels(draw, 2, 3, 4, 4, low=0.1), torch.zeros(2))),
        Case("half a turn, and none", (pixels(draw, 2, 1, 4, 4, low=0.1), torch.tensor([180.0, 0.0]))),
        run("small angles", 3, 1, 5, 5, 30),
        run("large angles", draw.integer(3, 5), 3, 6, 100, 170),
        run("two pictures of 7×7", 2, 2, 7, 20, 80),
    ]


def _turned(x, radians):
    c, s, zero = radians.cos(), radians.sin(), torch.zeros_like(radians)
    matrix = torch.stack([c, -s, zero, s, c, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)


def in_radians(x, degrees):
    """The angle went into cos and sin as it was, in degrees; they want radians, degrees · π/180."""
    return _turned(x, degrees)


def clockwise(x, degrees):
    """The pictures turn clockwise. The matrix says where each pixel of the *result* looks, so its signs are
    [[cos, −sin], [sin, cos]]."""
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, s, zero, -s, c, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)


def one_angle(x, degrees):
    """All pictures turn by the angle of one of them, the first or the last; each has its own."""
    return _turned(x, (degrees * 0 + degrees[0]) * math.pi / 180)


def _angle_of_the_last(x, degrees):
    return one_angle(x, degrees.flip(0))


def twice_the_angle(x, degrees):
    """The pictures turn twice as far as they should, or half as far: radians are degrees · π / 180."""
    return _turned(x, degrees * math.pi / 90)


def _half_the_angle(x, degrees):
    return twice_the_angle(x, degrees / 4)


def nearest_pixel(x, degrees):
    """Each place takes the nearest pixel; mix the four around it (mode="bilinear", which is the default)."""
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, s, c, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, x.shape, align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", align_corners=False)


def edges_smeared(x, degrees):
    """Beyond the edge, pixels of the picture are repeated; the corners must become 0 (padding_mode="zeros")."""
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, s, c, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, x.shape, align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def corners_disagree(x, degrees):
    """The picture is scaled a little as well: give `affine_grid` and `grid_sample` the same align_corners."""
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, s, c, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=True), align_corners=False)


def corners_disagree_the_other_way(x, degrees):
    """The picture is scaled a little as well: `grid_sample` and `affine_grid` need the same align_corners."""
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, s, c, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=True)


def reflected(x, degrees):
    """The matrix mirrors instead of turning: just one of the two sines has a minus, [[cos, −sin], [sin, cos]]."""
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, s, zero, s, c, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)


def reflected_the_other_way(x, degrees):  # noqa: D103 - the same mistake, both sines with a minus
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, -s, c, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)


def stacked_the_other_way(x, degrees):
    """The matrices of the pictures are mixed up: torch.stack puts the pictures last unless told otherwise, so that view
    takes numbers of several pictures for one matrix. Stack along axis 1."""
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, s, c, zero]).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)


def edges_mirrored(x, degrees):  # noqa: D103 - another border that is not 0
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, s, c, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, x.shape, align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def sine_and_cosine_swapped(x, degrees):
    """cos and sin are swapped: at 0° nothing may turn, and cos 0 = 1 belongs on the diagonal."""
    t = degrees * math.pi / 180
    c, s, zero = t.sin(), t.cos(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, s, c, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)


def quarter_turns_only(x, degrees):
    """Only whole quarter turns are made; angles in between need the grid."""
    return torch.stack([torch.rot90(p, round(float(d) / 90), (1, 2)) for p, d in zip(x, degrees, strict=True)])


def sizes_added(x, degrees):
    """The pictures have grown so that the corners still fit; keep the size, corners that leave it are lost."""
    pad = math.ceil(x.shape[-1] * 0.21)
    x = F.pad(x, (pad,) * 4)
    t = degrees * math.pi / 180
    c, s, zero = t.cos(), t.sin(), torch.zeros_like(t)
    matrix = torch.stack([c, -s, zero, s, c, zero], 1).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)


def loop(x, degrees):  # noqa: D103
    turned = []
    for picture, angle in zip(x, degrees, strict=True):
        t = math.radians(float(angle))
        matrix = torch.tensor([[[math.cos(t), -math.sin(t), 0.0], [math.sin(t), math.cos(t), 0.0]]])
        grid = F.affine_grid(matrix, [1, *picture.shape], align_corners=False)
        turned.append(F.grid_sample(picture[None], grid, align_corners=False)[0])
    return torch.stack(turned)


def corners_aligned(x, degrees):  # noqa: D103
    t = torch.deg2rad(degrees)
    matrix = torch.zeros(len(x), 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = torch.cos(t)
    matrix[:, 0, 1], matrix[:, 1, 0] = -torch.sin(t), torch.sin(t)
    return F.grid_sample(x, F.affine_grid(matrix, list(x.shape), align_corners=True), align_corners=True)


EXERCISE = Exercise(
    name="augmentation.rotate",
    title="Turn each picture by its own angle",
    signature="rotate(x, degrees)",
    points=2,
    minutes=12,
    difficulty=2,
    idea=(
        "The text gives you the matrix; your work is to make one for each picture, from its own angle. Convert "
        "degrees to radians first, and keep the order of the two rows: x before y."
    ),
    pseudocode="""
    θ_i ← degrees_i · π / 180
    M_i ← ( cos θ_i   −sin θ_i   0 )
          ( sin θ_i    cos θ_i   0 )
    grid ← where each pixel of the result looks, from all M_i
    y ← x sampled at the grid
    """,
    reference=reference,
    shown=loop,
    cases=cases,
    rtol=1e-3,
    atol=1e-3,
    misconceptions=(
        *mistakes(
            in_radians,
            clockwise,
            nearest_pixel,
            corners_disagree,
            corners_disagree_the_other_way,
            sine_and_cosine_swapped,
            quarter_turns_only,
            sizes_added,
            stacked_the_other_way,
        ),
        mistake(one_angle, _angle_of_the_last),
        mistake(twice_the_angle, _half_the_angle),
        mistake(edges_smeared, edges_mirrored),
        mistake(reflected, reflected_the_other_way),
    ),
    alternatives=(loop, corners_aligned),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
    alike=True,
)
