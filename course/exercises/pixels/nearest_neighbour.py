"""Exercise pixels.nearest_neighbour: a first classifier, which only remembers."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from course import pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Pictures of two pixels by hand, then grey and coloured ones; more, fewer and as many pictures as remembered.

    All have a channel dimension, (N, C, H, W): grey ones have C = 1.
    """
    height, width = draw.integer(3, 4), draw.integer(5, 6)
    return [
        Case(
            "black, white, dark; two pixels each", _pair([[0, 0], [1, 1], [0.3, 0.2]], [[0.9, 0.6], [0.1, 0.1]]), "hand"
        ),
        Case("far off in one pixel, or a little in both", _pair([[0, 0.6], [0.4, 0.4]], [[0, 0]]), "hand"),
        Case("one remembered picture", _noisy(draw, 1, 3, 1, height, width)),
        Case("one picture to classify", _noisy(draw, 7, 1, 1, height, width)),
        Case("a spot or a haze", _spot_or_haze(draw, height + 2, width + 2)),
        Case("a class has dark and bright pictures", _dark_and_bright(draw, height, width)),
        Case("a picture and its mirror images", _mirrored(draw, height, width)),
        Case("every second row misleads", _misleading_rows(draw, height, width)),
        Case("as many as remembered", _noisy(draw, 6, 6, 1, height, width)),
        Case("as many other ones, far from all", _far_off(draw, 6, 6, 1, height, width)),
        Case("the remembered pictures themselves, which differ in one colour", _one_colour(draw, 9, 8, height, width)),
        Case("colours that differ, equally bright", _equally_bright(draw, 9, 12, height, width)),
        Case("many in colour", _noisy(draw, draw.integer(6, 8), draw.integer(10, 14), 3, height, width)),
    ]


def _pair(known: list[list[float]], asked: list[list[float]]) -> tuple[Tensor, Tensor, Tensor]:
    """Grey pictures of one column; no label is its own position."""
    labels = torch.tensor([7, 3, 5][: len(known)])
    return torch.tensor(known).float()[:, None, :, None], labels, torch.tensor(asked).float()[:, None, :, None]


def _noisy(draw: Draw, n: int, m: int, *shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random pictures, and some of them again with noise: far nearer to their origin than to any other."""
    known = torch.rand(n, *shape, generator=draw.generator)
    origin = torch.randint(n, (m,), generator=draw.generator)
    return known, _labels(draw, n), known[origin] + draw.normal(m, *shape, scale=0.1)


def _far_off(draw: Draw, n: int, m: int, *shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures in large numbers: even the nearest is millions away."""
    known, labels, asked = _noisy(draw, n, m, *shape)
    return 1e7 * known, labels, 1e7 * asked


def _mirrored(draw: Draw, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same numbers in four orders: sums over rows, columns or all pixels tell nothing."""
    picture = torch.rand(1, height, width, generator=draw.generator)
    known = torch.stack([picture, picture.flip(1), picture.flip(2), picture.flip(1, 2)])
    origin = torch.arange(4).repeat(4)[torch.randperm(16, generator=draw.generator)]
    labels = torch.randperm(10, generator=draw.generator)[:4]
    return known, labels, known[origin] + draw.normal(16, 1, height, width, scale=0.02)


def _misleading_rows(draw: Draw, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows 1, 3, … tell the pictures well apart. In rows 0, 2, … they hardly differ, and each asked picture has those
    of a remembered picture with another label."""
    known = torch.rand(6, 1, height, width, generator=draw.generator)
    known[:, :, ::2] = 0.5 + 0.1 * known[:, :, ::2]
    labels = torch.randperm(10, generator=draw.generator)[:6]
    origin = torch.randint(6, (8,), generator=draw.generator)
    asked = known[origin]
    asked[:, :, ::2] = known[(origin + draw.integer(1, 5)) % 6][:, :, ::2]
    return known, labels, asked


def _one_colour(draw: Draw, n: int, m: int, *shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """Colour pictures that have two channels of a common one each; some are asked for again as they are."""
    known = torch.rand(1, 3, *shape, generator=draw.generator).repeat(n, 1, 1, 1)
    known[range(n), torch.arange(n) % 3] = torch.rand(n, *shape, generator=draw.generator)
    return known, _labels(draw, n), known[torch.randint(n, (m,), generator=draw.generator)]


def _equally_bright(draw: Draw, n: int, m: int, *shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """Colour pictures whose channels add up to nearly 1.5 in every pixel, so that noise decides which means agree."""
    known = 0.25 + 0.5 * torch.rand(n, 3, *shape, generator=draw.generator)
    known[:, 2] = 1.5 - known[:, 0] - known[:, 1] + 0.05 * (known[:, 2] - 0.5)
    origin = torch.randint(n, (m,), generator=draw.generator)
    return known, _labels(draw, n), known[origin] + draw.normal(m, 3, *shape, scale=0.05)


def _labels(draw: Draw, n: int) -> Tensor:
    """Labels 0 … 9; two different ones at least, and none equal to its position."""
    shift = 1 + torch.randint(9, (n,), generator=draw.generator)
    shift[1:2] = shift[:1]  # positions 0 and 1 get different labels
    return (torch.arange(n) + shift) % 10


def _spot_or_haze(draw: Draw, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Each asked picture is remembered twice: one pixel far off, and all pixels a little off. ‖·‖₂ prefers the haze of
    one and the spots of the others, one of which has a haze so thick that only the largest difference prefers it; the
    sum of differences always prefers the spot. The spot lies neither in the first nor in the last row."""
    size, off = height * width, 0.8
    asked = torch.rand(3, size, generator=draw.generator)
    place = torch.randint(width, size - width, (3, 1), generator=draw.generator)
    asked.scatter_(1, place, 0.1)
    spot = asked.scatter(1, place, 0.1 + off)
    strength = torch.tensor([[0.75], [1.3], [0.6 * size**0.5]]) * off / size**0.5
    haze = torch.where(asked < 0.5, asked + strength, asked - strength)
    order, turn = torch.randperm(6, generator=draw.generator), torch.randperm(3, generator=draw.generator)
    labels = torch.randperm(10, generator=draw.generator)[:6]
    return torch.cat([spot, haze])[order].view(6, 1, height, width), labels, asked[turn].view(3, 1, height, width)


def _dark_and_bright(draw: Draw, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """A dark and a bright picture of a class whose mean is grey; the other class has two grey ones. What is asked is a
    grey one made darker and brighter, so that all have its angle."""
    grain = 0.02 * torch.rand(4, 1, height, width, generator=draw.generator)
    known = torch.tensor([0.1, 0.9, 0.65, 0.66])[:, None, None, None] + grain
    asked = known[2] * torch.tensor([0.15, 0.85, 0.84, 0.6])[:, None, None, None] / 0.65
    a = draw.integer(0, 8)
    order, turn = torch.randperm(4, generator=draw.generator), torch.randperm(4, generator=draw.generator)
    labels = torch.tensor([a, a, a + 1, a + 1])
    return known[order], labels[order], asked[turn]


def farthest(train_x, train_y, x):
    """This takes the farthest training picture; the most similar one has the smallest distance: argmin."""
    return train_y[torch.cdist(x.flatten(1), train_x.flatten(1)).argmax(1)]


def index_for_label(train_x, train_y, x):
    """These are positions in the training set; the answer is the label that stands there, train_y[position]."""
    return torch.cdist(x.flatten(1), train_x.flatten(1)).argmin(1)


def argmin_over_the_wrong_axis(train_x, train_y, x):
    """The minimum runs over the pictures in x; for each picture in x it must run over the training pictures, so that M
    labels come out."""
    return train_y[torch.cdist(x.flatten(1), train_x.flatten(1)).argmin(0)]


def argmin_of_everything(train_x, train_y, x):
    """argmin() without dim looks for the smallest of all M·N distances; each picture in x has its own nearest
    neighbour."""
    return train_y[torch.cdist(x.flatten(1), train_x.flatten(1)).argmin()]


def summed_over_one_axis(train_x, train_y, x):
    """The squares are summed over the columns only, one distance per row of pixels; sum over all pixels: flatten(1)
    first."""
    return train_y[(x[:, None] - train_x[None]).pow(2).sum(-1).argmin(1)]


def summed_over_the_pictures(train_x, train_y, x):
    """The squares are summed over the training pictures; sum over the pixels, so that each training picture keeps a
    distance."""
    return train_y[torch.stack([(train_x - picture).pow(2).sum(0).argmin() for picture in x])]


def not_flattened(train_x, train_y, x):
    """The rows that torch.cdist compares are rows of pixels here: make each picture one row first, flatten(1)."""
    return train_y[torch.cdist(x, train_x).argmin(1)]


def absolute_differences(train_x, train_y, x):
    """This sums absolute differences (L1); the Euclidean distance squares them, so a large one counts more."""
    return train_y[torch.cdist(x.flatten(1), train_x.flatten(1), p=1).argmin(1)]


def largest_difference(train_x, train_y, x):
    """Only the largest difference counts here; the Euclidean distance sums the squares over all pixels."""
    return train_y[torch.cdist(x.flatten(1), train_x.flatten(1), p=float("inf")).argmin(1)]


def signed_differences(train_x, train_y, x):
    """Positive and negative differences cancel out when they are summed: square each one before."""
    return train_y[(x.flatten(1)[:, None] - train_x.flatten(1)).sum(2).argmin(1)]


def difference_of_sums(train_x, train_y, x):  # noqa: D103 - the same mistake, with the square too late
    return train_y[(x.flatten(1)[:, None] - train_x.flatten(1)).sum(2).abs().argmin(1)]


def largest_product(train_x, train_y, x):
    """The largest inner product prefers bright pictures, similar or not; use the distance."""
    return train_y[(x.flatten(1) @ train_x.flatten(1).T).argmax(1)]


def smallest_angle(train_x, train_y, x):
    """The cosine ignores how bright a picture is; use the Euclidean distance."""
    similarity = F.normalize(x.flatten(1), dim=1) @ F.normalize(train_x.flatten(1), dim=1).T
    return train_y[similarity.argmax(1)]


def turned_grey_first(train_x, train_y, x):
    """The channels are added up before the differences are squared, so that red and blue look alike; square the
    difference in each channel, then sum over channels, rows and columns."""
    return train_y[torch.cdist(x.mean(1).flatten(1), train_x.mean(1).flatten(1)).argmin(1)]


def nearest_mean(train_x, train_y, x):
    """Each class counts as a whole, by its mean picture or its mean distance; the nearest single training picture
    decides."""
    classes = train_y.unique()
    means = torch.stack([train_x[train_y == c].flatten(1).mean(0) for c in classes])
    return classes[torch.cdist(x.flatten(1), means).argmin(1)]


def one_channel(train_x, train_y, x, channel=-1):
    """Only one channel is compared (does each one in a loop replace the one before?); the sum runs over all of them."""
    return train_y[torch.cdist(x[:, channel].flatten(1), train_x[:, channel].flatten(1)).argmin(1)]


def smallest_mean_distance(train_x, train_y, x):  # noqa: D103 - the same mistake, averaged later
    classes, distances = train_y.unique(), torch.cdist(x.flatten(1), train_x.flatten(1))
    return classes[torch.stack([distances[:, train_y == c].mean(1) for c in classes]).argmin(0)]


def fixed_bound(train_x, train_y, x, bound=1000.0):
    """The search begins with a fixed number as the best distance, so whatever is further off than that is never found;
    begin with float("inf")."""
    labels = torch.zeros(len(x), dtype=train_y.dtype)
    for i, picture in enumerate(x):
        best = bound
        for known, label in zip(train_x, train_y, strict=True):
            distance = (picture - known).square().sum().sqrt()
            if distance < best:
                best, labels[i] = distance, label
    return labels


def fixed_bound_first_label(train_x, train_y, x, bound=1000.0):  # noqa: D103 - the same mistake, another answer
    distance, nearest = torch.cdist(x.flatten(1), train_x.flatten(1)).min(1)
    return torch.where(distance < bound, train_y[nearest], train_y[0])


def vote_of_three(train_x, train_y, x):
    """Three neighbours vote here; only the nearest one decides."""
    nearest = torch.cdist(x.flatten(1), train_x.flatten(1)).topk(min(3, len(train_x)), largest=False).indices
    return train_y[nearest].mode(1).values


def picture_for_label(train_x, train_y, x):
    """This is the nearest picture itself; its label is asked for, from train_y."""
    return train_x[torch.cdist(x.flatten(1), train_x.flatten(1)).argmin(1)]


def distance_for_label(train_x, train_y, x):
    """These are the smallest distances; the label of the picture at that distance is asked for: argmin, then
    train_y."""
    return torch.cdist(x.flatten(1), train_x.flatten(1)).min(1).values


def by_cdist(train_x, train_y, x):  # noqa: D103
    return train_y[torch.cdist(x.flatten(1), train_x.flatten(1)).argmin(dim=1)]


def by_broadcasting(train_x, train_y, x):  # noqa: D103
    return train_y[(x[:, None] - train_x).square().flatten(2).sum(2).argmin(1)]


def by_product(train_x, train_y, x):  # noqa: D103
    a, b = x.flatten(1), train_x.flatten(1)
    return train_y[((b * b).sum(1) - 2 * a @ b.T).min(1).indices]


def one_by_one(train_x, train_y, x):  # noqa: D103
    labels = []
    for picture in x:
        distances = [(picture - known).norm().item() for known in train_x]
        labels.append(train_y[distances.index(min(distances))].item())
    return torch.tensor(labels)


EXERCISE = Exercise(
    name="pixels.nearest_neighbour",
    title="The nearest neighbour",
    signature="nearest_neighbour(train_x, train_y, x)",
    points=2,
    minutes=10,
    difficulty=2,
    idea=(
        "Make each picture one long row of numbers; then similar means a small distance between rows. You need no "
        "distance itself in the end, only which of the known pictures has the smallest."
    ),
    pseudocode="""
    a_m ← new picture m as one row,   b_i ← known picture i as one row
    D_mi ← ‖a_m − b_i‖
    i*_m ← the i with the smallest D_mi
    ŷ_m ← y of picture i*_m
    """,
    reference=pixels.nearest_neighbour,
    shown=by_cdist,
    cases=cases,
    misconceptions=(
        *mistakes(
            farthest,
            index_for_label,
            argmin_over_the_wrong_axis,
            argmin_of_everything,
            summed_over_one_axis,
            summed_over_the_pictures,
            not_flattened,
            absolute_differences,
            largest_difference,
            largest_product,
            smallest_angle,
            turned_grey_first,
            vote_of_three,
            picture_for_label,
            distance_for_label,
        ),
        mistake(nearest_mean, smallest_mean_distance),
        mistake(signed_differences, difference_of_sums),
        mistake(fixed_bound, fixed_bound_first_label),
        mistake(one_channel, partial(one_channel, channel=0)),
    ),
    alternatives=(by_cdist, by_broadcasting, by_product, one_by_one),
    note="One label for each picture in x: a tensor of shape (M,), whole numbers like train_y.",
    forbidden=("sklearn.neighbors", "scipy.spatial.KDTree", "scipy.spatial.cKDTree"),
)
