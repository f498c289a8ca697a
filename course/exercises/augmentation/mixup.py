"""Exercise augmentation.mixup: blend two pictures, and their labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, one_hot_labels, partners, pixels
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistake, mistakes


def drive(mixup: Callable[..., Any], x: Tensor, y: Tensor, lam: Tensor, order: Tensor) -> dict[str, Any]:
    """One call; pictures and labels by name."""
    answer = mixup(x, y, lam, order)
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Unusable("mixup must return two tensors, `x, y`: the mixed pictures, then the mixed labels.")
    return {"mixed x": answer[0], "mixed y": answer[1]}


def cases(draw: Draw) -> list[Case]:
    """Two pixels by hand; λ = 1 and 0; then batches."""

    def run(label: str, n: int, k: int, *shape: int) -> Case:
        lam = pixels(draw, n, low=0.1, high=0.9)
        lam[0], lam[1] = 0.2, 0.7
        return Case(label, (pixels(draw, n, *shape), one_hot_labels(draw, n, k), lam, partners(draw, n)))

    hand = torch.tensor([0.2, 1.0]).view(2, 1, 1, 1), torch.eye(2), torch.tensor([0.75, 0.5]), torch.tensor([1, 0])
    smooth = torch.tensor([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [0.1, 0.7, 0.2]])
    ends = torch.tensor([1.0, 0.0, 1.0])
    return [
        Case("two pictures of one pixel, λ = 0.75 and 0.5", hand, "hand"),
        Case("λ = 1 and λ = 0", (pixels(draw, 3, 1, 2, 2), torch.eye(3), ends, partners(draw, 3))),
        Case("labels that are smooth already", (pixels(draw, 3, 1, 2, 2), smooth, pixels(draw, 3), partners(draw, 3))),
        Case(
            "a picture may be its own partner",
            (pixels(draw, 4, 2, 2, 3), one_hot_labels(draw, 4, 3), pixels(draw, 4), torch.tensor([0, 2, 3, 1])),
        ),
        run("a batch in colour", draw.integer(4, 6), 3, 3, 3, 2),
        run("as many classes as pictures", 5, 5, 1, 2, 4),
        run("ten classes", draw.integer(6, 8), 10, 3, 2, 2),
    ]


def labels_not_mixed(x, y, lam, order):
    """The labels are as they were: a picture that shows two things needs both labels, λ and 1 − λ."""
    a = lam[:, None, None, None]
    return a * x + (1 - a) * x[order], y


def other_partner_for_labels(x, y, lam, order):
    """The labels come from another partner than the pixels: use the same `order` for both."""
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x[order], b * y + (1 - b) * y[order.argsort()]


def labels_reversed(x, y, lam, order):
    """The labels' partners are the batch backwards: use `order`, as for the pixels."""
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x[order], b * y + (1 - b) * y.flip(0)


def shares_swapped(x, y, lam, order):
    """λ and 1 − λ are swapped: λ is the share of the picture itself, 1 − λ that of its partner."""
    a, b = lam[:, None, None, None], lam[:, None]
    return (1 - a) * x + a * x[order], (1 - b) * y + b * y[order]


def label_shares_swapped(x, y, lam, order):
    """In the labels λ and 1 − λ are swapped: they need the shares that the pixels have."""
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x[order], (1 - b) * y + b * y[order]


def one_share(x, y, lam, order):
    """All pictures are mixed with the first one's λ; each has its own."""
    return lam[0] * x + (1 - lam[0]) * x[order], lam[0] * y + (1 - lam[0]) * y[order]


def halves(x, y, lam, order):
    """Everything is mixed half and half; the shares are λ and 1 − λ."""
    return (x + x[order]) / 2, (y + y[order]) / 2


def labels_by_halves(x, y, lam, order):
    """The labels are mixed half and half; they need the shares of the pixels, λ and 1 − λ."""
    a = lam[:, None, None, None]
    return a * x + (1 - a) * x[order], (y + y[order]) / 2


def larger_share_wins(x, y, lam, order):
    """The label of the larger share was taken whole: keep both, λ and 1 − λ, so that each row adds up to 1."""
    a = lam[:, None, None, None]
    return a * x + (1 - a) * x[order], torch.where(lam[:, None] >= 0.5, y, y[order])


def both_labels_whole(x, y, lam, order):
    """Both labels are 1: weigh them by λ and 1 − λ, so that each row adds up to 1."""
    a = lam[:, None, None, None]
    return a * x + (1 - a) * x[order], torch.maximum(y, y[order])


def no_partner_share(x, y, lam, order):
    """The partner is added whole: it has the share 1 − λ."""
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + x[order], b * y + y[order]


def partner_of_the_partner(x, y, lam, order):
    """Picture i is mixed with the one that has i for a partner: its own partner is order[i], x[order]."""
    back = order.argsort()
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x[back], b * y + (1 - b) * y[back]


def partners_share(x, y, lam, order):
    """The partner's share comes from the partner's own λ; picture i mixes with λᵢ and 1 − λᵢ, both from its own λ."""
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a[order]) * x[order], b * y + (1 - b[order]) * y[order]


def batch_backwards(x, y, lam, order):
    """The partners are the batch backwards or shifted by one, as in some libraries; here the partner of picture i is
    order[i]."""
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x.flip(0), b * y + (1 - b) * y.flip(0)


def _batch_shifted(x, y, lam, order):
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x.roll(1, 0), b * y + (1 - b) * y.roll(1, 0)


def no_brackets(x, y, lam, order):
    """Brackets are missing: the partner's share is (1 − λ), all of which multiplies it."""
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + 1 - a * x[order], b * y + 1 - b * y[order]


def partners_label_missing(x, y, lam, order):
    """The labels have the picture's own share only; add the partner's, (1 − λ) times its label, so that each row adds
    up to 1."""
    a = lam[:, None, None, None]
    return a * x + (1 - a) * x[order], lam[:, None] * y


def mixed_with_mixed(x, y, lam, order):
    """Partners had been mixed or scaled already when they were read (x *= λ changes x[order] as well): take them from
    the original x and y."""
    pictures, labels = x.clone(), y.clone()
    for i in range(len(x)):
        pictures[i] = lam[i] * pictures[i] + (1 - lam[i]) * pictures[order[i]]
        labels[i] = lam[i] * labels[i] + (1 - lam[i]) * labels[order[i]]
    return pictures, labels


def _scaled_in_place(x, y, lam, order):
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * (a * x)[order], b * y + (1 - b) * (b * y)[order]


def _pictures_scaled_in_place(x, y, lam, order):
    return _scaled_in_place(x, y, lam, order)[0], lam[:, None] * y + (1 - lam[:, None]) * y[order]


def larger_share_kept(x, y, lam, order):
    """The larger of λ and 1 − λ always went to the picture itself (as in MixMatch); its share is λ, also below ½."""
    lam = torch.maximum(lam, 1 - lam)
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x[order], b * y + (1 - b) * y[order]


def pixels_not_mixed(x, y, lam, order):
    """Only the labels are mixed; the pictures are to be blended as well."""
    return x, lam[:, None] * y + (1 - lam[:, None]) * y[order]


def lerped(x, y, lam, order):  # noqa: D103
    return torch.lerp(x[order], x, lam.view(-1, 1, 1, 1)), torch.lerp(y[order], y, lam.view(-1, 1))


def loop(x, y, lam, order):  # noqa: D103
    pairs = [(float(w), i, int(j)) for i, (w, j) in enumerate(zip(lam, order, strict=True))]
    pictures = torch.stack([w * x[i] + (1 - w) * x[j] for w, i, j in pairs])
    return pictures, torch.stack([w * y[i] + (1 - w) * y[j] for w, i, j in pairs])


def as_matrix(x, y, lam, order):  # noqa: D103
    eye = torch.eye(len(x))
    mix = torch.diag(lam) + torch.diag(1 - lam) @ eye[order]
    return [torch.einsum("ij,jchw->ichw", mix, x), mix @ y]


EXERCISE = Exercise(
    name="augmentation.mixup",
    title="Blend two pictures and their labels",
    signature="mixup(x, y, lam, order)",
    points=2,
    minutes=8,
    difficulty=1,
    idea=(
        "The same weighted mean twice: once for the pictures, once for their labels, with the same λ and the same "
        "partner. Each sample has its own λ, so give it enough axes to spread over a picture, and over a row of "
        "labels."
    ),
    pseudocode="""
    for each sample i, with partner j = order_i:
        x̃_i ← λ_i·x_i + (1 − λ_i)·x_j
        ỹ_i ← λ_i·y_i + (1 − λ_i)·y_j
    (x_j and y_j are the unmixed ones)
    """,
    reference=augmentation.mixup,
    shown=lerped,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            labels_not_mixed,
            other_partner_for_labels,
            labels_reversed,
            shares_swapped,
            label_shares_swapped,
            one_share,
            halves,
            labels_by_halves,
            larger_share_wins,
            both_labels_whole,
            partners_label_missing,
            no_partner_share,
            no_brackets,
            partner_of_the_partner,
            partners_share,
            pixels_not_mixed,
            larger_share_kept,
        ),
        mistake(batch_backwards, _batch_shifted),
        mistake(mixed_with_mixed, _scaled_in_place, _pictures_scaled_in_place),
    ),
    alternatives=(lerped, loop, as_matrix),
    telling=("mixed x", "mixed y"),
    note="Return two tensors, `x, y`: the mixed pictures, then the mixed labels.",
    forbidden=(*LIBRARIES, "course.augmentation"),
    alike=True,
)
