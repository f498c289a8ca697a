"""Exercise pixels.one_hot: class ids as rows of probabilities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course import pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Two fruits by hand, then one sample, one class, as many samples as classes, classes that nobody has."""

    def every_class_once(k: int) -> Tensor:
        return torch.randperm(k, generator=draw.generator)

    k = draw.integer(4, 7)
    few = draw.labels(draw.integer(4, 8), k)  # the last classes appear nowhere
    both_ends = torch.cat([torch.tensor([0, k - 1, k - 1]), draw.labels(draw.integer(k, 9), k)])
    turned = (both_ends + 1) % k
    return [
        Case("an orange and a banana (banana 0, apple 1, orange 2)", (torch.tensor([2, 0]), 3), "hand"),
        Case("one sample", (draw.labels(1, k), k)),
        Case("only one class", (torch.zeros(draw.integer(2, 4), dtype=torch.int64), 1)),
        Case("every class once", (every_class_once(k), k)),
        Case("the last classes do not appear", (few, k + draw.integer(1, 3))),
        Case("more samples than classes", (both_ends, k)),
        Case("the same number of samples, other classes", (turned, k)),
        Case("more classes than samples", (draw.labels(draw.integer(3, 6), 20), 20)),
    ]


def ids_from_one(y, K):
    """The ids are taken as 1 … K; here they are 0 … K−1: class 0 has its 1 in the first column, so nothing is
    subtracted."""
    P = torch.zeros(len(y), K)
    P[torch.arange(len(y)), y - 1] = 1
    return P


def ids_from_one_compared(y, K):  # noqa: D103 - the same mistake; class 0 gets no 1 at all
    return (y[:, None] == torch.arange(1, K + 1)).float()


def transposed(y, K):
    """This is transposed, (K, N): each sample has a row, so the shape is (N, K)."""
    return (torch.arange(K)[:, None] == y).float()


def whole_numbers(y, K):
    """These are whole numbers or booleans, as F.one_hot gives; the rows are probabilities, to be blended and compared
    with a softmax: make them floats with .float()."""
    return F.one_hot(y, K)


def width_from_batch(y, K):
    """The width comes from the largest id in y; classes that do not appear need their columns too: there are always
    K."""
    return F.one_hot(y).float()


def one_column_too_many(y, K):
    """There are K + 1 columns; ids count from 0, so K columns hold the classes 0 … K−1."""
    P = torch.zeros(len(y), K + 1)
    P[torch.arange(len(y)), y] = 1
    return P


def one_column_too_many_and_shifted(y, K):  # noqa: D103 - the same mistake, with the first column empty
    P = torch.zeros(len(y), K + 1)
    P[torch.arange(len(y)), y + 1] = 1
    return P


def all_rows_alike(y, K):
    """P[:, y] = 1 sets these columns in every row; row i gets one 1 only: P[torch.arange(N), y] = 1."""
    P = torch.zeros(len(y), K)
    P[:, y] = 1
    return P


def label_for_one(y, K):
    """The class id itself stands in its column; a 1 belongs there, whatever the class."""
    P = torch.zeros(len(y), K)
    P[torch.arange(len(y)), y] = y.float()
    return P


def one_row_for_all(y, K):
    """This is one row for the whole batch; each sample has a row of its own, so the shape is (N, K)."""
    p = torch.zeros(K)
    p[y] = 1
    return p


def counts(y, K):  # noqa: D103 - the same mistake: how often each class appears
    return F.one_hot(y, K).sum(0).float()


def inverted(y, K):
    """Zeros and ones are exchanged: the 1 marks the sample's class, all other classes are 0."""
    return (y[:, None] != torch.arange(K)).float()


def with_torch(y, K):  # noqa: D103
    return F.one_hot(y, num_classes=K).float()


def from_identity(y, K):  # noqa: D103
    return torch.eye(K)[y]


def by_scatter(y, K):  # noqa: D103
    return torch.zeros(len(y), K).scatter_(1, y[:, None], 1.0)


def row_by_row(y, K):  # noqa: D103
    return torch.tensor([[1.0 if k == label else 0.0 for k in range(K)] for label in y.tolist()], dtype=torch.float64)


EXERCISE = Exercise(
    name="pixels.one_hot",
    title="Labels as one-hot rows",
    signature="one_hot(y, K)",
    points=1,
    minutes=4,
    difficulty=1,
    idea=(
        "Begin with a table in which nothing is chosen yet, and put a single 1 into each row, in the column that "
        "the class id names. All rows can be done at once if you say which row and which column belong together."
    ),
    pseudocode="""
    P ← zeros, N rows and K columns, floating point
    for each sample i:   P_(i, y_i) ← 1
    """,
    reference=pixels.one_hot,
    shown=from_identity,
    cases=cases,
    misconceptions=(
        *mistakes(transposed, whole_numbers, width_from_batch, all_rows_alike, label_for_one, inverted),
        mistake(ids_from_one, ids_from_one_compared),
        mistake(one_column_too_many, one_column_too_many_and_shifted),
        mistake(one_row_for_all, counts),
    ),
    alternatives=(with_torch, from_identity, by_scatter, row_by_row),
    note="A row per sample, a column per class, (N, K), floating point.",
)
