"""Exercise pixels.top_k_accuracy: how often the right class is among the k best guesses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import pixels
from course.exercises.exercise import Case, Draw, Exercise, mistakes


def drive(top_k_accuracy: Callable[..., Any], scores: Tensor, y: Tensor, k: int) -> Any:
    """The share as a plain number: a tensor without dimensions is as good as a float."""
    answer = top_k_accuracy(scores, y, k)
    return answer.item() if isinstance(answer, Tensor) and not answer.ndim else answer


def cases(draw: Draw) -> list[Case]:
    """Five rows by hand with one and with two guesses, then every k from 1 to K; no two scores of a row are equal."""

    def batch(n: int, classes: int, often: int = 0) -> tuple[Tensor, Tensor]:
        """Each rank of the right class appears, so one guess more or less always changes the share; two ranks, the best
        if nothing else is said, appear most, so the best are no mirror image of the worst."""
        scores = draw.normal(n, classes)
        ranks = torch.cat([torch.arange(classes), often + draw.labels(n - classes, 2)])
        ranks = ranks[torch.randperm(n, generator=draw.generator)]
        return scores, scores.argsort(1, descending=True).gather(1, ranks[:, None])[:, 0]

    rows = [[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.2, 0.1, 0.7]]
    right = [1, 0, 0, 1, 2]
    k, many, n = draw.integer(4, 6), draw.integer(7, 9), draw.integer(11, 15)
    lowest, y = batch(5 * k, k)
    some, of_some = batch(draw.integer(12, 20), 10)
    return [
        Case("five rows, one guess", (torch.tensor(rows), torch.tensor(right), 1), "hand"),
        Case("five rows, two guesses", (torch.tensor(rows), torch.tensor(right), 2), "hand"),
        Case("one row", (draw.normal(1, k), draw.labels(1, k), 2)),
        Case("all scores are negative", (lowest - 9, y, 2)),
        Case("as many guesses as classes", (*batch(many + 2, many), many)),
        Case("one guess less than classes", (*batch(many, many), many - 1)),
        Case("large scores", (some * 4, of_some, 3)),  # softmax and sigmoid keep their order
        Case("top-5 of 10 classes", (*batch(n, 10), 5)),
        Case("top-5 of 10 classes, mostly wrong", (*batch(n, 10, often=7), 5)),
    ]


def smallest_k(scores, y, k):
    """These are the k smallest scores; the k best guesses have the largest: topk(k), without largest=False."""
    guesses = scores.topk(k, dim=1, largest=False).indices
    return (guesses == y[:, None]).any(1).float().mean()


def always_one(scores, y, k):
    """Only the best guess counts here, whatever k is; the right class may be any of the k best."""
    return (scores.argmax(1) == y).float().mean()


def kth_only(scores, y, k):
    """Only the k-th best guess is compared with y; the better ones count too."""
    return (scores.topk(k, dim=1).indices[:, -1] == y).float().mean()


def sum_for_mean(scores, y, k):
    """This is how many rows are right; accuracy is their share: divide by N."""
    return (scores.topk(k, dim=1).indices == y[:, None]).any(1).float().sum()


def divided_by_k(scores, y, k):
    """The mean runs over all N·k guesses; a row is right if any guess is: any(dim=1) first, then the mean over rows."""
    return (scores.topk(k, dim=1).indices == y[:, None]).float().mean()


def all_guesses(scores, y, k):
    """all() asks that every one of the k guesses is y, which cannot be for k > 1; one of them is enough: any()."""
    return (scores.topk(k, dim=1).indices == y[:, None]).all(1).float().mean()


def one_guess_more(scores, y, k):
    """There is one guess too many: ranks counted from 0 must be smaller than k, not k itself."""
    order = scores.argsort(1, descending=True)[:, : k + 1]
    return (order == y[:, None]).any(1).float().mean()


def one_guess_less(scores, y, k):
    """There is one guess too few, the k-th: the slice [:k] holds k entries; of ranks, count only what is larger than
    the right class's score."""
    order = scores.argsort(1, descending=True)[:, : k - 1]
    return (order == y[:, None]).any(1).float().mean()


def any_row(scores, y, k):
    """Here torch.isin looks for y among the guesses of all rows; each label counts only among those of its own row."""
    return torch.isin(y, scores.topk(k, dim=1).indices).float().mean()


def values_for_indices(scores, y, k):
    """These are the best scores themselves, compared with class ids; topk returns values and indices: take the
    indices."""
    return (scores.topk(k, dim=1).values == y[:, None]).any(1).float().mean()


def ids_from_one(scores, y, k):
    """The guesses are counted from 1, but class ids run from 0 to K−1, as the columns do: add nothing."""
    return (scores.topk(k, dim=1).indices + 1 == y[:, None]).any(1).float().mean()


def error_for_accuracy(scores, y, k):
    """This is the error, the share of rows that are wrong; accuracy is the share that is right."""
    return (scores.topk(k, dim=1).indices != y[:, None]).all(1).float().mean()


def percent(scores, y, k):
    """This is a percentage; a share lies between 0 and 1, without the factor 100."""
    return 100 * (scores.topk(k, dim=1).indices == y[:, None]).any(1).float().mean()


def rounded_down(scores, y, k):
    """Integer division // cuts off the part after the point, so only 0 and 1 are left: divide with /."""
    return (scores.topk(k, dim=1).indices == y[:, None]).any(1).sum() // len(y)


def by_topk(scores, y, k):  # noqa: D103
    return (scores.topk(k, dim=1).indices == y[:, None]).any(1).float().mean()


def by_rank(scores, y, k):  # noqa: D103
    own = scores.gather(1, y[:, None])
    return ((scores > own).sum(1) < k).double().mean()


def by_sorting(scores, y, k):  # noqa: D103
    best = torch.sort(scores, dim=1, descending=True).indices[:, :k]
    return (best == y.view(-1, 1)).sum() / len(y)


def row_by_row(scores, y, k):  # noqa: D103
    right = 0
    for row, label in zip(scores.tolist(), y.tolist(), strict=True):
        best = sorted(range(len(row)), key=lambda c: -row[c])[:k]
        right += label in best
    return right / len(y)


EXERCISE = Exercise(
    name="pixels.top_k_accuracy",
    title="Top-k accuracy",
    signature="top_k_accuracy(scores, y, k)",
    points=2,
    minutes=8,
    difficulty=2,
    idea=(
        "For each picture the question is yes or no: is the right class among its k best guesses? The accuracy is "
        "the share of yes. Mind along which axis you look for the best: each picture has its own K scores."
    ),
    pseudocode="""
    for each row i:
        G_i ← the k classes with the highest scores in row i
        hit_i ← 1 if y_i is in G_i, else 0
    return (hit_1 + … + hit_N) / N
    """,
    reference=pixels.top_k_accuracy,
    shown=by_topk,
    cases=cases,
    drive=drive,
    misconceptions=mistakes(
        smallest_k,
        always_one,
        kth_only,
        sum_for_mean,
        divided_by_k,
        all_guesses,
        one_guess_more,
        one_guess_less,
        any_row,
        values_for_indices,
        ids_from_one,
        error_for_accuracy,
        percent,
        rounded_down,
    ),
    alternatives=(by_topk, by_rank, by_sorting, row_by_row),
    note="One number for the whole batch: the share of right rows, between 0 and 1.",
    forbidden=("sklearn.metrics",),
)
