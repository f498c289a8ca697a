"""Exercise pixels.to_tensor: from bytes, channels last, to numbers in [0, 1], channels first."""

from __future__ import annotations

import torch
from torch import Tensor

from course import pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Six pixels by hand, then pictures that hide one mistake each, then tall and wide ones."""

    def picture(height: int, width: int, brightest: int = 255) -> Tensor:
        return torch.randint(brightest + 1, (height, width, 3), generator=draw.generator, dtype=torch.uint8)

    by_hand = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [102, 102, 102], [51, 153, 204]]]
    every = torch.stack([torch.randperm(256, generator=draw.generator).view(16, 16) for _ in range(3)], 2)
    low, high = draw.integer(2, 4), draw.integer(6, 9)
    return [
        Case("red, green, blue above black, grey, sky", (torch.tensor(by_hand, dtype=torch.uint8),), "hand"),
        Case("a single pixel", (picture(1, 1),)),
        Case("no light at all", (torch.zeros(low, high, 3, dtype=torch.uint8),)),
        Case("three by three pixels, where every layout has the same shape", (picture(3, 3),)),
        Case("a dark picture", (picture(high, low, brightest=draw.integer(20, 60)),)),
        Case("almost black: bytes 0 and 1", (picture(3, 4, brightest=1),)),
        Case("all 256 values", (every.byte(),)),
        Case("a wide picture", (picture(low, high),)),
        Case("another wide picture", (picture(low, high),)),
        Case("a tall picture", (picture(high + 1, low),)),
    ]


def reshape_for_permute(image):
    """reshape keeps the bytes in their old order, so pixels and colours get mixed up; permute(2, 0, 1) moves the
    channel dimension to the front."""
    return image.reshape(3, image.shape[0], image.shape[1]).float() / 255


def divided_by_256(image):
    """A byte is at most 255: divided by 256, white never becomes 1."""
    return image.permute(2, 0, 1).float() / 256


def integer_division(image):
    """Integer division // cuts off everything after the point, so only 0 and 1 are left; divide with /."""
    return (image.permute(2, 0, 1) // 255).float()


def integer_division_in_bytes(image):  # noqa: D103 - the same mistake, not even turned into floats
    return image.permute(2, 0, 1) // 255


def bytes_returned(image):
    """These are still bytes (uint8): numbers to compute with are floating point, from 0 to 1."""
    return image.permute(2, 0, 1)


def not_scaled(image):
    """These numbers go up to 255: divide by 255, so that black is 0 and white is 1."""
    return image.permute(2, 0, 1).float()


def channels_last(image):
    """The channels still come last, (H, W, 3); networks want them first, (3, H, W): permute the dimensions."""
    return image.float() / 255


def width_first(image):
    """Height and width are swapped, so the picture lies on its side: the order is channels, rows, columns."""
    return image.permute(2, 1, 0).float() / 255


def permuted_backwards(image):
    """permute names, for each new dimension, the old one that goes there: channels (2), rows (0), columns (1)."""
    return image.permute(1, 2, 0).float() / 255


def blue_first(image):
    """The colours come out as blue, green, red; this picture is stored as red, green, blue, and stays so."""
    return image.flip(2).permute(2, 0, 1).float() / 255


def by_own_maximum(image):
    """Divided by the picture's own maximum, a dark picture turns bright; divide by 255, whatever the picture."""
    x = image.permute(2, 0, 1).float()
    return x / x.max()


def by_own_range(image):  # noqa: D103 - the same mistake, stretched at both ends
    x = image.permute(2, 0, 1).float()
    return (x - x.min()) / (x.max() - x.min())


def scaled_if_bright(image):
    """Whether this divides depends on the picture: bytes 0 and 1 are almost black, not black and white; divide by 255
    always."""
    x = image.permute(2, 0, 1).float()
    return x / 255 if x.max() > 1 else x


def centred(image):
    """These numbers run from −1 to 1; here black is 0 and white is 1: divide by 255, subtract nothing."""
    return image.permute(2, 0, 1).float() / 127.5 - 1


def batch_of_one(image):
    """A batch dimension came in front: one picture has the shape (3, H, W), without [None] or unsqueeze."""
    return image.permute(2, 0, 1)[None].float() / 255


def by_permute(image):  # noqa: D103
    return image.permute(2, 0, 1).float().div(255)


def by_channel(image):  # noqa: D103
    return torch.stack([image[..., c] for c in range(3)]) / 255


def in_double(image):  # noqa: D103
    return torch.movedim(image.double() / 255.0, 2, 0)


def pixel_by_pixel(image):  # noqa: D103
    height, width, _ = image.shape
    x = torch.zeros(3, height, width)
    for i in range(height):
        for j in range(width):
            for c in range(3):
                x[c, i, j] = image[i, j, c].item() / 255
    return x


EXERCISE = Exercise(
    name="pixels.to_tensor",
    title="A picture as a tensor",
    signature="to_tensor(image)",
    points=1,
    minutes=4,
    difficulty=1,
    idea=(
        "Two things change, and they do not touch each other: the order of the axes (colour comes first) and the "
        "scale of the numbers. Move the axes as wholes, and choose the divisor so that the brightest stored value "
        "becomes exactly 1."
    ),
    pseudocode="""
    X ← image with axes in the order (colour, row, column)
    X ← X as floating point numbers, each divided by the largest value that 8 bits hold
    """,
    reference=pixels.to_tensor,
    shown=by_permute,
    cases=cases,
    misconceptions=(
        *mistakes(
            reshape_for_permute,
            divided_by_256,
            bytes_returned,
            not_scaled,
            channels_last,
            width_first,
            permuted_backwards,
            blue_first,
            scaled_if_bright,
            centred,
            batch_of_one,
        ),
        mistake(integer_division, integer_division_in_bytes),
        mistake(by_own_maximum, by_own_range),
    ),
    alternatives=(by_permute, by_channel, in_double, pixel_by_pixel),
    pictures=("image", "answer"),
    note="Channels first, (3, H, W), floating point.",
    forbidden=("torchvision.transforms",),
)
