"""Exercise smoothing.expected_calibration_error: how far confidence is from accuracy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course import smoothing
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def drive(expected_calibration_error: Callable[..., Any], p: Tensor, y: Tensor, bins: int) -> Any:
    """The error as a plain number: a tensor without dimensions is as good as a float."""
    answer = expected_calibration_error(p, y, bins)
    return answer.item() if isinstance(answer, Tensor) and not answer.ndim else answer


def cases(draw: Draw) -> list[Case]:
    """Four rows by hand; then empty bins, one bin, certainty, bins that lean both ways.

    Whether an edge belongs to the bin below or above is a matter of taste, so nothing may depend on it: in the one case
    with confidences on an edge both bins are empty otherwise. Only 1, the upper end, has no bin above.
    """

    def rows(confidence: Tensor, right: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        """Probabilities with these confidences, at a random class, which is the label where `right`."""
        guess = draw.labels(len(confidence), classes)
        rest = 0.7 + 0.3 * torch.rand(len(confidence), classes, generator=draw.generator)  # none beats the guess
        rest = rest * (1 - F.one_hot(guess, classes))
        rest = rest / rest.sum(1, keepdim=True) * (1 - confidence)[:, None]
        p = rest + confidence[:, None] * F.one_hot(guess, classes)
        away = torch.randint(1, classes, guess.shape, generator=draw.generator)
        return p, torch.where(right, guess, (guess + away) % classes)

    def spread(n: int, bins: int, low: int) -> Tensor:
        """Confidences in the bins low … bins − 1, each at least twice, away from the edges by a tenth of the width."""
        which = torch.cat([torch.arange(low, bins)] * 2 + [torch.randint(low, bins, (n,), generator=draw.generator)])
        return (which + 0.1 + 0.8 * torch.rand(len(which), generator=draw.generator)) / bins

    def batch(n: int, bins: int, low: int, classes: int, accuracy: float, slope: float = 0.0) -> tuple[Any, ...]:
        c = spread(n, bins, low)
        chance = accuracy + slope * (c - c.mean())
        return (*rows(c, torch.rand(len(c), generator=draw.generator) < chance, classes), bins)

    def swinging(bins: int) -> tuple[Any, ...]:
        """Too sure in the upper bins, not sure enough in the lower: signed gaps would cancel."""
        c = torch.cat([torch.full((4,), 0.53), torch.full((6,), 0.57), torch.full((9,), 0.97)])
        c = c + 0.02 * torch.rand(len(c), generator=draw.generator)
        right = torch.tensor([1] * 9 + [0] + [1] * 4 + [0] * 5).bool()
        return (*rows(c, right, 3), bins)

    def certain() -> tuple[Any, ...]:
        """Some confidences are exactly 1, and one of these is wrong."""
        p, y = rows(
            torch.tensor([0.62, 0.66, 0.73, 0.85, 1.0, 1.0, 1.0]), torch.tensor([1, 0, 1, 1, 1, 0, 1]).bool(), 4
        )
        return p, y, 5

    def on_an_edge() -> tuple[Any, ...]:
        p, y = rows(torch.tensor([0.5, 0.9, 0.5, 0.5]), torch.tensor([1, 1, 0, 1]).bool(), 4)
        return p, y, 4

    by_hand = torch.tensor([[0.9, 0.1], [0.3, 0.7], [0.1, 0.9], [0.7, 0.3]])
    odd, k = draw.integer(6, 9), draw.integer(3, 5)
    few = rows(torch.tensor([0.62, 0.68, 0.95]), torch.tensor([1, 0, 1]).bool(), 3)
    return [
        Case("four rows, five bins", (by_hand, torch.tensor([0, 1, 0, 1]), 5), "hand"),
        Case("four rows, one bin", (by_hand, torch.tensor([0, 1, 1, 0]), 1), "hand"),
        Case("most bins are empty", (*few, 10)),
        Case("certain, and sometimes wrong", certain()),
        Case("exactly on an edge", on_an_edge()),
        Case("too sure above, not sure enough below", swinging(10)),
        Case("one row", (*rows(torch.tensor([draw.uniform(0.83, 0.87)]), torch.tensor([False]), 3), 10)),
        Case("bins of several sizes", batch(draw.integer(14, 22), 10, 5, k, 0.6)),
        Case("another number of bins", batch(draw.integer(10, 16), odd, 3, k + 1, 0.5, 1.0)),
        Case("never sure, often right", batch(draw.integer(10, 16), 15, 6, 3, 0.9, -0.8)),
        Case("four bins", batch(draw.integer(15, 25), 4, 2, 10, 0.4)),
    ]


def _parts(p: Tensor, y: Tensor, bins: int, sure: Tensor | None = None, right: Tensor | None = None) -> Any:
    """Confidence and rightness of each row, and for each bin which rows are in it."""
    sure = p.max(1).values if sure is None else sure
    right = (p.argmax(1) == y).double() if right is None else right
    place = (sure * bins).long().clamp(0, bins - 1)
    return sure.double(), right, [place == b for b in range(bins)]


def _error(p: Tensor, y: Tensor, bins: int, sure: Tensor | None = None, right: Tensor | None = None) -> Tensor:
    """The right answer, with another confidence or another rightness."""
    sure, right, members = _parts(p, y, bins, sure, right)
    return sum(
        (m.sum() / len(y) * (sure[m].mean() - right[m].mean()).abs() for m in members if m.any()), p.new_zeros(())
    )


def unweighted(p, y, bins):
    """All bins count alike here; each counts by the share of predictions in it, N_b/N."""
    sure, right, members = _parts(p, y, bins)
    gaps = [(sure[m].mean() - right[m].mean()).abs() for m in members if m.any()]
    return torch.stack(gaps).mean()


def unweighted_with_empty_ones(p, y, bins):  # noqa: D103 - the same mistake, empty bins count 0
    sure, right, members = _parts(p, y, bins)
    return sum((sure[m].mean() - right[m].mean()).abs() for m in members if m.any()) / bins


def gaps_summed(p, y, bins):
    """The gaps are summed up without weights; each counts by the share of predictions in its bin, N_b/N."""
    sure, right, members = _parts(p, y, bins)
    return sum((sure[m].mean() - right[m].mean()).abs() for m in members if m.any())


def signed(p, y, bins):
    """The gaps keep their signs, or all predictions share one bin, so those that are too sure and those that are not
    sure enough cancel: take |…| in each bin."""
    sure, right, _ = _parts(p, y, bins)
    return (right - sure).mean()


def signed_other_way(p, y, bins):  # noqa: D103 - the same mistake
    return -signed(p, y, bins)


def signed_absolute_late(p, y, bins):  # noqa: D103 - the same mistake, |…| after the sum
    return signed(p, y, bins).abs()


def per_sample(p, y, bins):
    """Here each prediction is compared with its own 0 or 1; first average confidence and accuracy within each bin, then
    compare the two means."""
    sure, right, _ = _parts(p, y, bins)
    return (sure - right).abs().mean()


def confidence_of_the_label(p, y, bins):
    """This takes the probability of the true class y; confidence is the probability of the class that the model
    prefers, the row's largest."""
    return _error(p, y, bins, sure=p[torch.arange(len(y)), y])


def accuracy_of_the_wrong_class(p, y, bins):
    """Right means that the class with the largest probability is y; here another class is compared with it (argmin, or
    the second best)."""
    return _error(p, y, bins, right=(p.argmin(1) == y).double())


def accuracy_of_the_second(p, y, bins):  # noqa: D103 - the same mistake
    return _error(p, y, bins, right=(p.argsort(1)[:, -2] == y).double())


def error_for_accuracy(p, y, bins):
    """This compares confidence with the share that is wrong; it must be the share that is right, p.argmax(1) == y."""
    return _error(p, y, bins, right=(p.argmax(1) != y).double())


def largest_gap(p, y, bins):
    """This is the largest gap of all bins (the maximum calibration error); the expected one is their weighted mean."""
    sure, right, members = _parts(p, y, bins)
    return torch.stack([(sure[m].mean() - right[m].mean()).abs() for m in members if m.any()]).max()


def squared(p, y, bins):
    """The gaps are squared; take their absolute values."""
    sure, right, members = _parts(p, y, bins)
    return sum(m.sum() / len(y) * (sure[m].mean() - right[m].mean()) ** 2 for m in members if m.any())


def squared_with_root(p, y, bins):  # noqa: D103 - the same mistake, with a root
    return squared(p, y, bins).sqrt()


def bin_centres(p, y, bins, at=0.5, upper=False):
    """This compares accuracy with a fixed point of each bin, such as its middle; compare it with the mean confidence of
    those in the bin."""
    _, right, members = _parts(p, y, bins)
    if upper:  # an edge belongs to the bin below
        place = (p.max(1).values * bins).ceil().long() - 1
        members = [place == b for b in range(bins)]
    gaps = [m.sum() / len(y) * ((b + at) / bins - right[m].mean()).abs() for b, m in enumerate(members) if m.any()]
    return sum(gaps)


def over_other_edges(p, y, bins, low=None):
    """The bins do not divide 0 … 1, but what lies between the smallest and the largest confidence, or above 1/K; they
    are equally wide from 0 to 1."""
    sure, right, _ = _parts(p, y, bins)
    start, end = (sure.min(), sure.max()) if low is None else (low(p), 1.0)
    place = ((sure - start) / max(end - start, 1e-9) * bins).ceil().long().clamp(1, bins)
    members = [place == b + 1 for b in range(bins)]
    return sum(m.sum() / len(y) * (sure[m].mean() - right[m].mean()).abs() for m in members if m.any())


def a_bin_left_out(p, y, bins, first=0, last=-1):
    """A bin is left out, the first or the last: the loop goes over all B of them, range(bins)."""
    sure, right, members = _parts(p, y, bins)
    members = members[first : bins + last]
    return sum(
        (m.sum() / len(y) * (sure[m].mean() - right[m].mean()).abs() for m in members if m.any()), p.new_zeros(())
    )


def fixed_bins(p, y, bins, always=10):
    """The number of bins is fixed in the code; use the argument bins."""
    return _error(p, y, always)


def one_bin_less(p, y, bins):
    """There is one bin less than asked for: B bins have B + 1 edges, torch.linspace(0, 1, bins + 1)."""
    return _error(p, y, max(bins - 1, 1)) if bins > 1 else p.new_zeros(())


def one_bin_more(p, y, bins):
    """There is one bin more than asked for: B bins have B + 1 edges, both ends included, not B + 2."""
    return _error(p, y, bins + 1)


def equally_full(p, y, bins):
    """These bins hold equally many predictions each; here they are equally wide, 1/bins."""
    sure, right, _ = _parts(p, y, bins)
    order = sure.argsort()
    parts = [i for i in torch.tensor_split(order, bins) if len(i)]
    return sum(len(i) / len(y) * (sure[i].mean() - right[i].mean()).abs() for i in parts)


def ones_left_out(p, y, bins):
    """Predictions with a confidence of exactly 1 are in no bin: the last bin includes its upper end."""
    sure, right, members = _parts(p, y, bins)
    members = [m & (sure < 1) for m in members]
    return sum(
        (m.sum() / len(y) * (sure[m].mean() - right[m].mean()).abs() for m in members if m.any()), p.new_zeros(())
    )


def ones_in_a_bin_of_their_own(p, y, bins):
    """A confidence of exactly 1 got a bin of its own, number B (floor(c·B) = B); it belongs to the last, B − 1."""
    sure, right, members = _parts(p, y, bins)
    members = [*(m & (sure < 1) for m in members), sure >= 1]
    return sum(m.sum() / len(y) * (sure[m].mean() - right[m].mean()).abs() for m in members if m.any())


def edges_twice(p, y, bins):
    """A confidence exactly on an edge is in two bins, since both ends are included (>= and <=); include one of them."""
    sure, right, _ = _parts(p, y, bins)
    members = [(sure >= b / bins) & (sure <= (b + 1) / bins) for b in range(bins)]
    return sum(m.sum() / len(y) * (sure[m].mean() - right[m].mean()).abs() for m in members if m.any())


def edges_left_out(p, y, bins):
    """A confidence exactly on an edge is in no bin, since neither end is included (> and <); include one of them."""
    sure, right, _ = _parts(p, y, bins)
    members = [(sure > b / bins) & (sure < (b + 1) / bins) for b in range(bins)]
    return sum(
        (m.sum() / len(y) * (sure[m].mean() - right[m].mean()).abs() for m in members if m.any()), p.new_zeros(())
    )


def not_a_number(p, y, bins):
    """An empty bin has no mean (0/0 is nan), and one nan spoils the sum: leave empty bins out."""
    sure, right, members = _parts(p, y, bins)
    return sum(m.sum() / len(y) * (sure[m].mean() - right[m].mean()).abs() for m in members)


def softmax_again(p, y, bins):
    """The probabilities went through a softmax once more; p holds probabilities already, not logits."""
    return _error(torch.softmax(p, 1), y, bins)


def every_class(p, y, bins):
    """All N·K probabilities were sorted into bins; confidence is one number per sample, the row's largest."""
    hot = F.one_hot(y, p.shape[1]).double().flatten()
    return _error(torch.stack([1 - p.flatten(), p.flatten()], 1), hot, bins, sure=p.flatten(), right=hot)


def percent(p, y, bins):
    """This is a percentage; the error lies between 0 and 1, without the factor 100."""
    return 100 * _error(p, y, bins)


def upper_edges(p, y, bins):  # noqa: D103
    sure, guess = p.max(1)
    right, error = guess == y, torch.zeros((), dtype=torch.float64)
    edges = torch.linspace(0, 1, bins + 1)
    for b in range(bins):
        low, high = edges[b], edges[b + 1]
        inside = (sure > low) & (sure <= high)
        if inside.any():
            error += inside.float().mean() * (sure[inside].mean() - right[inside].float().mean()).abs()
    return error


def lower_edges(p, y, bins):  # noqa: D103
    sure, right = p.amax(1).double(), (p.argmax(1) == y).double()
    place = (sure * bins).floor().long().clamp(max=bins - 1)
    gaps = torch.zeros(bins, dtype=torch.float64).index_add(0, place, right - sure)
    return gaps.abs().sum() / len(y)


def with_bucketize(p, y, bins):  # noqa: D103
    sure, guess = p.max(1)
    place = torch.bucketize(sure, torch.linspace(0, 1, bins + 1)[1:-1])
    count = torch.bincount(place, minlength=bins).clamp(min=1)
    confidence = torch.bincount(place, sure, minlength=bins) / count
    accuracy = torch.bincount(place, (guess == y).float(), minlength=bins) / count
    return ((accuracy - confidence).abs() * count * (confidence > 0)).sum() / len(y)


def plain_python(p, y, bins):  # noqa: D103
    members: dict[int, list[tuple[float, bool]]] = {}
    for row, label in zip(p.tolist(), y.tolist(), strict=True):
        top = max(row)
        members.setdefault(min(int(top * bins), bins - 1), []).append((top, row.index(top) == label))
    return sum(abs(sum(c for c, _ in m) - sum(r for _, r in m)) for m in members.values()) / len(y)


EXERCISE = Exercise(
    name="smoothing.expected_calibration_error",
    title="Expected calibration error",
    signature="expected_calibration_error(p, y, bins)",
    points=3,
    minutes=15,
    difficulty=3,
    idea=(
        "Each prediction gives two things: how sure it was, and whether it was right. Sort them into bins by how "
        "sure they were; in each bin compare the two means, and let large bins count more. Bins without members "
        "have no means, so leave them out."
    ),
    pseudocode="""
    s_i ← largest probability of row i,   r_i ← 1 if its class is y_i, else 0
    E ← 0
    for b = 1 … B:
        I ← all i with (b−1)/B < s_i ≤ b/B
        if I is not empty:
            E ← E + (|I| / N) · | mean of r over I − mean of s over I |
    """,
    reference=smoothing.expected_calibration_error,
    shown=upper_edges,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            gaps_summed,
            per_sample,
            confidence_of_the_label,
            error_for_accuracy,
            largest_gap,
            one_bin_less,
            one_bin_more,
            equally_full,
            ones_left_out,
            ones_in_a_bin_of_their_own,
            edges_twice,
            edges_left_out,
            not_a_number,
            softmax_again,
            every_class,
            percent,
        ),
        mistake(unweighted, unweighted_with_empty_ones),
        mistake(signed, signed_other_way, signed_absolute_late),
        mistake(accuracy_of_the_wrong_class, accuracy_of_the_second),
        mistake(squared, squared_with_root),
        mistake(
            bin_centres,
            *(partial(bin_centres, at=at, upper=upper) for at in (0.0, 0.5, 1.0) for upper in (True, False)),
        ),
        mistake(over_other_edges, partial(over_other_edges, low=lambda p: 1 / p.shape[1])),
        mistake(a_bin_left_out, partial(a_bin_left_out, first=1, last=0)),
        mistake(fixed_bins, partial(fixed_bins, always=15), partial(fixed_bins, always=20)),
    ),
    alternatives=(upper_edges, lower_edges, with_bucketize, plain_python),
    note="One number for the whole batch, between 0 and 1.",
    forbidden=("torchmetrics", "sklearn.calibration", "course.smoothing"),
    alike=True,
)
