"""Exercise smoothing.smooth_labels: a little probability for every other class."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F

from course import smoothing
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Two pictures by hand, then no smoothing, complete smoothing, two classes, one sample, classes nobody has."""
    k, many = draw.integer(4, 7), draw.integer(9, 15)
    both_ends = torch.cat([torch.tensor([0, k - 1]), draw.labels(draw.integer(3, 6), k)])
    return [
        Case("an apple and an orange, ε = 0.2 (banana 0, apple 1, orange 2)", (torch.tensor([1, 2]), 3, 0.2), "hand"),
        Case("ε = 0: one-hot", (draw.labels(4, k), k, 0.0)),
        Case("ε = (K−1)/K: all classes alike", (draw.labels(3, 4), 4, 0.75)),
        Case("two classes", (draw.labels(draw.integer(3, 6), 2), 2, draw.uniform(0.05, 0.4))),
        Case("one sample", (draw.labels(1, k), k, draw.uniform(0.05, 0.5))),
        Case("first and last class", (both_ends, k, draw.uniform(0.05, 0.3))),
        Case("the last classes do not appear", (draw.labels(draw.integer(4, 8), k), k + 3, draw.uniform(0.05, 0.5))),
        Case("more classes than samples", (draw.labels(draw.integer(3, 6), many), many, draw.uniform(0.3, 0.6))),
        Case("ε near 1: more for the others than for the class", (draw.labels(5, k), k, draw.uniform(0.85, 0.95))),
    ]


def over_all_classes(y, K, eps):
    """ε/K went to every class, the true one included: PyTorch's convention. Here the true class has 1 − ε, and the
    other K − 1 share ε."""
    return (1 - eps) * F.one_hot(y, K) + eps / K


def others_by_k(y, K, eps):
    """The other classes have ε/K each; there are K − 1 of them, so each gets ε/(K−1), or the row does not sum to 1."""
    return torch.where(F.one_hot(y, K) == 1, 1 - eps, eps / K)


def added_to_all(y, K, eps):
    """ε/(K−1) was added to the true class as well, so the row sums to more than 1; it has 1 − ε, nothing more."""
    return (1 - eps) * F.one_hot(y, K) + eps / (K - 1)


def whole_eps_each(y, K, eps):
    """Each other class has the whole ε, so the row sums to more than 1; they share it: ε/(K−1) each."""
    return torch.where(F.one_hot(y, K) == 1, 1 - eps, eps)


def nothing_for_others(y, K, eps):
    """What was taken from the true class went nowhere, so the row sums to 1 − ε; the others share it: ε/(K−1) each."""
    return (1 - eps) * F.one_hot(y, K)


def class_keeps_one(y, K, eps):
    """The true class still has 1, so the row sums to 1 + ε; what the others get is taken from it: 1 − ε."""
    return torch.where(F.one_hot(y, K) == 1, 1.0, eps / (K - 1))


def eps_for_the_class(y, K, eps):
    """ε stands at the true class and 1 − ε at the others; it is the other way round."""
    return torch.where(F.one_hot(y, K) == 1, eps, (1 - eps) / (K - 1))


def eps_for_the_class_each(y, K, eps):  # noqa: D103 - the same mistake, not shared out either
    return torch.where(F.one_hot(y, K) == 1, eps, 1 - eps)


def rounded_to_whole_numbers(y, K, eps):
    """F.one_hot gives whole numbers, and what is written into such a tensor is cut off to 0 or 1: make it floats first,
    with .float()."""
    P = F.one_hot(y, K)
    P[P == 0] = int(eps / (K - 1))
    P[torch.arange(len(y)), y] = int(1 - eps)
    return P.float()


def rounded_and_whole(y, K, eps):  # noqa: D103 - the same mistake, as whole numbers
    return rounded_to_whole_numbers(y, K, eps).long()


def not_smoothed(y, K, eps):
    """These are one-hot rows: ε changes nothing yet."""
    return F.one_hot(y, K).float()


def fixed_eps(y, K, eps, always=0.1):
    """A fixed ε instead of the argument eps: use what is given."""
    return torch.where(F.one_hot(y, K) == 1, 1 - always, always / (K - 1))


def ids_from_one(y, K, eps):
    """The ids are taken as 1 … K; here they are 0 … K−1: the true class is column y, so nothing is subtracted."""
    P = torch.full((len(y), K), eps / (K - 1))
    P[torch.arange(len(y)), y - 1] = 1 - eps
    return P


def transposed(y, K, eps):
    """This is transposed, (K, N): each sample has a row, so the shape is (N, K)."""
    return torch.where(F.one_hot(y, K) == 1, 1 - eps, eps / (K - 1)).T


def width_from_batch(y, K, eps):
    """The number of columns comes from the largest id in y; classes that do not appear need theirs too: K columns."""
    return torch.where(F.one_hot(y) == 1, 1 - eps, eps / (K - 1))


def all_rows_alike(y, K, eps):
    """P[:, y] = … sets these columns in every row; row i has one true class: P[torch.arange(N), y] = 1 − ε."""
    P = torch.full((len(y), K), eps / (K - 1))
    P[:, y] = 1 - eps
    return P


def from_full(y, K, eps):  # noqa: D103
    P = torch.full((len(y), K), eps / (K - 1))
    P[torch.arange(len(y)), y] = 1 - eps
    return P


def by_scatter(y, K, eps):  # noqa: D103
    return torch.full((len(y), K), eps / (K - 1)).scatter_(1, y[:, None], 1 - eps)


def mixed(y, K, eps):  # noqa: D103
    hot = F.one_hot(y, K).float()
    return (1 - eps) * hot + eps / (K - 1) * (1 - hot)


def through_torchs(y, K, eps):  # noqa: D103
    e = eps * K / (K - 1)
    return torch.eye(K)[y] * (1 - e) + e / K


def row_by_row(y, K, eps):  # noqa: D103
    rows = [[1 - eps if k == label else eps / (K - 1) for k in range(K)] for label in y.tolist()]
    return torch.tensor(rows, dtype=torch.float64)


EXERCISE = Exercise(
    name="smoothing.smooth_labels",
    title="Smoothed labels",
    signature="smooth_labels(y, K, eps)",
    points=2,
    minutes=6,
    difficulty=1,
    idea=(
        "Begin with what most entries get, the small share of the other classes, and then put the large one where "
        "the class is. Check yourself: does each row add up to 1?"
    ),
    pseudocode="""
    P ← ε / (K − 1) everywhere, N rows and K columns
    for each sample i:   P_(i, y_i) ← 1 − ε
    """,
    reference=smoothing.smooth_labels,
    shown=from_full,
    cases=cases,
    misconceptions=(
        *mistakes(
            over_all_classes,
            others_by_k,
            added_to_all,
            whole_eps_each,
            nothing_for_others,
            class_keeps_one,
            not_smoothed,
            ids_from_one,
            transposed,
            width_from_batch,
            all_rows_alike,
        ),
        mistake(eps_for_the_class, eps_for_the_class_each),
        mistake(rounded_to_whole_numbers, rounded_and_whole),
        mistake(fixed_eps, partial(fixed_eps, always=0.2), partial(fixed_eps, always=0.05)),
    ),
    alternatives=(from_full, by_scatter, mixed, through_torchs, row_by_row),
    note="A row per sample, a column per class, (N, K), floating point.",
    forbidden=("timm.data", "course.smoothing"),
)
