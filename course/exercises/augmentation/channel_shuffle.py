"""Exercise augmentation.channel_shuffle: an order of the channels for each picture."""

from __future__ import annotations

import torch

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, partners, pixels
from course.exercises.exercise import Case, Draw, Exercise, mistakes


def cases(draw: Draw) -> list[Case]:
    """A cycle of three by hand, the same order, then orders of their own."""
    there, back = torch.tensor([1, 2, 0]), torch.tensor([2, 0, 1])
    pixel = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    own = torch.stack([there, back, torch.tensor([0, 2, 1])])[torch.randperm(3, generator=draw.generator)]
    n = draw.integer(4, 6)
    many = torch.stack([torch.arange(3), there, *(partners(draw, 3) for _ in range(n - 2))])
    four = torch.stack([partners(draw, 4) for _ in range(3)])
    return [
        Case("one pixel (0.1, 0.2, 0.3), order (1, 2, 0)", (pixel, there[None]), "hand"),
        Case("the order as it was", (pixels(draw, 2, 3, 2, 2), torch.tensor([[0, 1, 2], [0, 1, 2]]))),
        Case("three pictures of 3×3", (pixels(draw, 3, 3, 3, 3), own)),
        Case("several pictures", (pixels(draw, n, 3, 2, 4), many)),
        Case("four channels", (pixels(draw, 3, 4, 3, 2), four)),
    ]


def one_order(x, order):
    """All pictures are shuffled in the first one's order; each has its own row of `order`."""
    return x[:, order[0]]


def inverse(x, order):
    """This is the inverse order: channel k of the result is channel order[i, k] of the picture."""
    y = torch.empty_like(x)
    for i in range(len(x)):
        y[i, order[i]] = x[i]
    return y


def always_reversed(x, order):
    """The channels are always reversed (RGB to BGR); use `order`."""
    return x.flip(1)


def unchanged(x, order):
    """Nothing is shuffled: pick the channels in the order of each row."""
    return x.clone()


def cross_product(x, order):
    """Every order was applied to every picture (N×N×…): pair picture i with row i, for example in a loop."""
    return x[:, order]


def next_pictures_order(x, order):
    """Each picture uses the row of its neighbour: picture i belongs to row i."""
    return torch.stack([p[o] for p, o in zip(x, order.roll(1, 0), strict=True)])


def last_order(x, order):
    """All pictures are shuffled in the last one's order; a loop must write each picture to its own place."""
    return x[:, order[-1]]


def shuffled_twice(x, order):
    """The order was applied twice; once is enough, y[i, k] = x[i, order[i, k]]."""
    return torch.stack([p[o[o]] for p, o in zip(x, order, strict=True)])


def read_after_overwritten(x, order):
    """Channels were read after they had been overwritten, so one shows up twice: read from x, write to a copy."""
    y = x.clone()
    for i in range(len(x)):
        for k in range(x.shape[1]):
            y[i, k] = y[i, order[i, k]]
    return y


def gathered(x, order):  # noqa: D103
    return x.gather(1, order[:, :, None, None].expand_as(x))


def indexed(x, order):  # noqa: D103
    return x[torch.arange(len(x))[:, None], order]


def along(x, order):  # noqa: D103
    return torch.take_along_dim(x, order[:, :, None, None], 1)


def as_matrix(x, order):  # noqa: D103
    return torch.einsum("nkc,nchw->nkhw", torch.eye(x.shape[1])[order], x)


EXERCISE = Exercise(
    name="augmentation.channel_shuffle",
    title="Shuffle the channels",
    signature="channel_shuffle(x, order)",
    points=1,
    minutes=6,
    difficulty=1,
    idea=(
        "Read the formula as a look-up: for each picture, its row of `order` says which old channel stands at "
        "each new place. Each picture has an order of its own, so one index for the whole batch is not enough."
    ),
    pseudocode="""
    for each picture i and each new channel k:
        y_i[k] ← x_i[ order_i[k] ]
    """,
    reference=augmentation.channel_shuffle,
    shown=indexed,
    cases=cases,
    misconceptions=mistakes(
        one_order,
        inverse,
        always_reversed,
        unchanged,
        cross_product,
        next_pictures_order,
        last_order,
        shuffled_twice,
        read_after_overwritten,
    ),
    alternatives=(gathered, indexed, along, as_matrix),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
)
