"""Section 01 against answers that people write: no wrong one passes at any seed, every right one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as TF
from torch import Tensor

from course import exercises
from course.check import verdict
from course.check.judge import Verdict
from course.check.report import Report

SEEDS = range(8)
WEIGHTS = (0.299, 0.587, 0.114)


def judged(name: str, function: Any, seed: int) -> Verdict:
    return verdict(exercises.get(f"pixels.{name}"), function, seed)


def status(name: str, function: Any, seed: int) -> str:
    """Without looking for the mistake's name, which takes most of the time."""
    return verdict(replace(exercises.get(f"pixels.{name}"), misconceptions=()), function, seed).status


def weighted(x: Tensor, *weights: float) -> Tensor:
    return (torch.tensor(weights)[:, None, None] * x).sum(-3)


def distances(train_x: Tensor, x: Tensor, p: float = 2.0) -> Tensor:
    return torch.cdist(x.flatten(1), train_x.flatten(1), p=p)


# ----------------------------------------------------------------------------------------------- wrong answers


def standardised(image):
    x = image.permute(2, 0, 1).float() / 255
    return (x - x.mean()) / (x.std() + 1e-6)


def clamped(image):
    return image.permute(2, 0, 1).float().clamp(max=1)


def upside_down(image):
    return image.permute(2, 0, 1).flip(1).float() / 255


def mirrored(image):
    return image.permute(2, 0, 1).flip(2).float() / 255


def rounded(image):
    return (image.permute(2, 0, 1).float() / 255).round(decimals=2)


def only_red(image):
    return image[..., 0].float() / 255


def view_through_columns(image):
    return image.transpose(0, 1).reshape(3, image.shape[0], image.shape[1]).float() / 255


def as_a_list(image):
    return (image.permute(2, 0, 1).float() / 255).tolist()


def as_numpy(image):
    return (image.permute(2, 0, 1).float() / 255).numpy()


def divided_in_bytes(image):
    return image.permute(2, 0, 1).div(255, rounding_mode="trunc")


def unpacked(x):
    """Takes a single picture apart, and a batch of three just as well."""
    red, green, blue = x
    return 0.299 * red + 0.587 * green + 0.114 * blue


def first_of_the_batch(x):
    return weighted(x if x.ndim == 3 else x[0], *WEIGHTS)


def lightness(x):
    return (x.amax(-3) + x.amin(-3)) / 2


def root_of_squares(x):
    return weighted(x * x, *WEIGHTS).sqrt()


def batch_kept_in_front(x):
    return weighted(x if x.ndim == 4 else x[None], *WEIGHTS)


def in_bytes(x):
    return (weighted(x, *WEIGHTS) * 255).round()


def sides_swapped(x):
    return weighted(x, *WEIGHTS).transpose(-1, -2)


def identity_of_n(y, K):
    return torch.eye(max(K, len(y)))[y]


def sorted_rows(y, K):
    return F.one_hot(y.sort().values, K).float()


def smoothed(y, K):
    return F.one_hot(y, K) * 0.9 + 0.1 / K


def as_logits(y, K):
    return torch.where(F.one_hot(y, K).bool(), 0.0, -1e9)


def reversed_columns(y, K):
    return F.one_hot(y, K).flip(1).float()


def up_to_the_class(y, K):
    return (torch.arange(K) <= y[:, None]).float()


def nothing_for_class_zero(y, K):
    return F.one_hot(y, K).float() * (y > 0)[:, None]


def rows_as_a_list(y, K):
    return [row.float() for row in F.one_hot(y, K)]


def first_label(train_x, train_y, x):
    return train_y[:1].expand(len(x))


def most_frequent_label(train_x, train_y, x):
    return train_y.mode().values.expand(len(x))


def only_the_first_picture(train_x, train_y, x):
    return train_y[distances(train_x, x[:1]).argmin(1)]


def second_nearest(train_x, train_y, x):
    return train_y[distances(train_x, x).argsort(1)[:, min(1, len(train_x) - 1)]]


def first_row_of_pixels(train_x, train_y, x):
    return train_y[distances(train_x[:, :, :1], x[:, :, :1]).argmin(1)]


def every_second_row(train_x, train_y, x):
    return train_y[distances(train_x[:, :, ::2], x[:, :, ::2]).argmin(1)]


def first_channel(train_x, train_y, x):
    return train_y[distances(train_x[:, 0], x[:, 0]).argmin(1)]


def brightness_only(train_x, train_y, x):
    return train_y[(x.flatten(1).mean(1)[:, None] - train_x.flatten(1).mean(1)).abs().argmin(1)]


def columns_and_rows_averaged(train_x, train_y, x):
    return train_y[distances(train_x.mean(-1), x.mean(-1)).argmin(1)]


def sharply_different_pixels(train_x, train_y, x):
    return train_y[((x.flatten(1)[:, None] - train_x.flatten(1)).abs() > 0.25).sum(2).argmin(1)]


def exact_copies_only(train_x, train_y, x):
    return train_y[(x.flatten(1)[:, None] == train_x.flatten(1)).sum(2).argmax(1)]


def sorted_labels(train_x, train_y, x):
    return train_y.sort().values[distances(train_x, x).argmin(1)]


def leave_one_out(train_x, train_y, x):
    """A zero distance is taken for the picture itself and left out."""
    d = distances(train_x, x)
    return train_y[d.masked_fill(d < 1e-6, float("inf")).argmin(1)]


def a_column_of_labels(train_x, train_y, x):
    return train_y[distances(train_x, x).argmin(1, keepdim=True)]


def labels_as_floats(train_x, train_y, x):
    return train_y[distances(train_x, x).argmin(1)].float()


def squeezed_label(train_x, train_y, x):
    return train_y[distances(train_x, x).argmin(1)].squeeze()


def hit(scores: Tensor, y: Tensor, k: int) -> Tensor:
    return (scores.topk(k, dim=1).indices == y[:, None]).any(1)


def always_five(scores, y, k):
    return hit(scores, y, min(5, scores.shape[1])).float().mean()


def a_vote_of_the_batch(scores, y, k):
    return hit(scores.mean(0, keepdim=True).expand_as(scores), y, k).float().mean()


def anyone_right(scores, y, k):
    return hit(scores, y, k).any().float()


def per_row(scores, y, k):
    return hit(scores, y, k).float()


def mean_rank(scores, y, k):
    return (scores > scores.gather(1, y[:, None])).sum(1).float().mean()


def by_magnitude(scores, y, k):
    return hit(scores.abs(), y, k).float().mean()


def best_set_to_zero(scores, y, k):
    """Finds the k best one after the other, and forgets that scores may be negative."""
    left, right = scores.clone(), torch.zeros(len(y), dtype=torch.bool)
    for _ in range(k):
        best = left.argmax(1)
        right |= best == y
        left[torch.arange(len(y)), best] = 0
    return right.float().mean()


def above_the_uniform(scores, y, k):
    p = torch.softmax(scores, 1)
    return (p.gather(1, y[:, None])[:, 0] >= k / scores.shape[1] / 2).float().mean()


def mean_per_class(scores, y, k):
    right = hit(scores, y, k).float()
    return torch.stack([right[y == c].mean() for c in y.unique()]).mean()


def in_the_last_columns(scores, y, k):
    return (scores.argsort(1)[:, :-k] == y[:, None]).any(1).float().mean()


def divided_by_classes(scores, y, k):
    return hit(scores, y, k).sum() / scores.shape[1]


def ranks_by_one_argsort(scores, y, k):
    """argsort gives who is at a place, not the place of each."""
    return (scores.argsort(1, descending=True).gather(1, y[:, None]) < k).float().mean()


WRONG: dict[str, tuple[Callable[..., Any], ...]] = {
    "to_tensor": (
        standardised,
        clamped,
        lambda image: image.permute(2, 0, 1) / (255.0 if image.max() > 1 else 1.0),
        upside_down,
        mirrored,
        rounded,
        only_red,
        view_through_columns,
        as_a_list,
        as_numpy,
        divided_in_bytes,
        lambda image: image.permute(1, 0, 2).float() / 255,
        lambda image: image.permute(0, 2, 1).float() / 255,
        lambda image: image.permute(2, 0, 1).half() / 256,
        lambda image: image.permute(2, 0, 1).float().abs_().sqrt() / 255**0.5,
        lambda image: image.view(-1, 3).T.float() / 255,
    ),
    "to_gray": (
        unpacked,
        first_of_the_batch,
        lightness,
        root_of_squares,
        batch_kept_in_front,
        in_bytes,
        sides_swapped,
        lambda x: x[..., 1, :, :],
        lambda x: x.mean(1),
        lambda x: weighted(x, 0.3, 0.59, 0.11),
        lambda x: weighted(x, 0.299, 0.578, 0.114),
        lambda x: weighted(x, 0.587, 0.299, 0.114),
        lambda x: weighted(x, 0.2126, 0.7152, 0.0722),
        lambda x: weighted(x, *WEIGHTS).mean((-1, -2)),
        lambda x: torch.stack([x[..., 0, :, :] * 0.299, x[..., 1, :, :] * 0.587, x[..., 2, :, :] * 0.114], -3),
        lambda x: (weighted(x, *WEIGHTS) * 100).round() / 100,
    ),
    "one_hot": (
        identity_of_n,
        sorted_rows,
        smoothed,
        as_logits,
        reversed_columns,
        up_to_the_class,
        nothing_for_class_zero,
        rows_as_a_list,
        lambda y, K: torch.eye(K),
        lambda y, K: torch.eye(K)[y].T.reshape(len(y), K),
        lambda y, K: torch.eye(K)[y] * 2 - 1,
        lambda y, K: torch.softmax(torch.eye(K)[y], 1),
        lambda y, K: y.float(),
        lambda y, K: y[:, None] == torch.arange(K),
        lambda y, K: torch.eye(K)[y][None],
    ),
    "nearest_neighbour": (
        first_label,
        most_frequent_label,
        only_the_first_picture,
        second_nearest,
        first_row_of_pixels,
        first_channel,
        every_second_row,
        lambda train_x, train_y, x: train_y[(x.sum(1)[:, None] - train_x.sum(1)).square().flatten(2).sum(2).argmin(1)],
        brightness_only,
        columns_and_rows_averaged,
        sharply_different_pixels,
        exact_copies_only,
        sorted_labels,
        leave_one_out,
        a_column_of_labels,
        labels_as_floats,
        squeezed_label,
        lambda train_x, train_y, x: train_y[distances(train_x, x, 3.0).argmin(1)],
        lambda train_x, train_y, x: train_y[distances(train_x, x, 1.5).argmin(1)],
        lambda train_x, train_y, x: train_y[distances(train_x, x).argmin(1)].tolist(),
        lambda train_x, train_y, x: torch.zeros(len(x), dtype=torch.int64),
        lambda train_x, train_y, x: distances(train_x, x).argmin(1) + 1,
    ),
    "top_k_accuracy": (
        always_five,
        lambda scores, y, k: hit(scores, y, min(k, 5)).float().mean(),
        lambda scores, y, k: hit(scores.clamp(min=0), y, k).float().mean(),
        a_vote_of_the_batch,
        anyone_right,
        per_row,
        mean_rank,
        by_magnitude,
        best_set_to_zero,
        above_the_uniform,
        mean_per_class,
        in_the_last_columns,
        divided_by_classes,
        ranks_by_one_argsort,
        lambda scores, y, k: hit(scores, y, min(2, scores.shape[1])).float().mean(),
        lambda scores, y, k: k / scores.shape[1],
        lambda scores, y, k: 1.0,
        lambda scores, y, k: hit(scores, y, k).float().mean().round(decimals=1),
        lambda scores, y, k: hit(scores, y, k).all(),
        lambda scores, y, k: (hit(scores, y, k).sum() + 1) / (len(y) + 1),
        lambda scores, y, k: hit(scores.T, y, k).float().mean(),
    ),
}


@pytest.mark.parametrize(("name", "function"), [(n, f) for n, functions in WRONG.items() for f in functions])
def test_wrong_answers_do_not_pass(name: str, function: Any) -> None:
    """One unlucky seed is one student who is told that a wrong answer is right."""
    passed = [seed for seed in SEEDS if status(name, function, seed) != "failed"]
    assert not passed, f"passes at seeds {passed} of {list(SEEDS)}"


@pytest.mark.parametrize("name", list(WRONG))
def test_knowing_the_cases_by_hand_is_not_enough(name: str) -> None:
    """Every mistake, made by someone who has the right answers to all inputs that are the same at every seed."""
    exercise = exercises.get(f"pixels.{name}")
    by_hand = [case.inputs for case in exercise.draw(0) if case.kind == "hand"]

    def known(arguments: tuple[Any, ...]) -> bool:
        return any(
            all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(arguments, inputs, strict=True))
            for inputs in by_hand
        )

    for mistake in exercise.misconceptions:
        for wrong in (mistake.implementation, *mistake.variants):
            for seed in SEEDS:
                outcome = status(name, lambda *a, f=wrong: exercise.reference(*a) if known(a) else f(*a), seed)
                assert outcome == "failed", f"{mistake.name} passes at seed {seed}"


# ----------------------------------------------------------------------------------------------- right answers


def with_torchvision(image):
    return TF.convert_image_dtype(image.permute(2, 0, 1), torch.float32)


def gray_of_torchvision(x):
    return TF.rgb_to_grayscale(x).squeeze(-3)


def channel_after_channel(x):
    gray = torch.zeros(x.shape[:-3] + x.shape[-2:])
    for c, weight in enumerate(WEIGHTS):
        gray += weight * x.select(-3, c)
    return gray


def picture_after_picture(x):
    if x.ndim == 3:
        return 0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2]
    return torch.stack([picture_after_picture(picture) for picture in x])


def gray_in_a_copy(x):
    x = x.clone()
    x[..., 0, :, :] *= 0.299
    x[..., 1, :, :] *= 0.587
    x[..., 2, :, :] *= 0.114
    return x.sum(-3)


def scattered(y, K):
    P = torch.zeros(y.shape[0], K)
    P.scatter_(1, y.unsqueeze(1), 1)
    return P


def by_two_loops(y, K):
    P = torch.zeros(len(y), K)
    for i in range(len(y)):
        for k in range(K):
            if y[i] == k:
                P[i, k] = 1
    return P


def by_dot_products(train_x, train_y, x):
    a, b = x.flatten(1), train_x.flatten(1)
    squares = a.pow(2).sum(1, keepdim=True) - 2 * a @ b.T + b.pow(2).sum(1)
    return train_y[squares.clamp_min(0).sqrt().argmin(1)]


def without_sqrt(train_x, train_y, x):
    return train_y[torch.stack([((train_x - p) ** 2).flatten(1).mean(1).argmin() for p in x])]


def by_topk(train_x, train_y, x):
    return train_y[distances(train_x, x).topk(1, largest=False).indices.squeeze(1)]


def labels_in_a_list(train_x, train_y, x):
    return torch.tensor([int(train_y[torch.linalg.vector_norm((train_x - p).flatten(1), dim=1).argmin()]) for p in x])


def in_float64(train_x, train_y, x):
    d = (x.double().flatten(1)[:, None] - train_x.double().flatten(1)).square().sum(-1)
    return train_y.int()[d.argmin(1)]


def one_best_after_the_other(scores, y, k):
    left, right = scores.clone(), 0
    for _ in range(k):
        best = left.argmax(1)
        right += (best == y).sum().item()
        left[torch.arange(len(y)), best] = float("-inf")
    return right / len(y)


def kth_score_as_threshold(scores, y, k):
    threshold = scores.topk(k).values[:, -1]
    return (scores[range(len(y)), y] >= threshold).float().mean()


def ranks_by_two_argsorts(scores, y, k):
    rank = scores.argsort(1, descending=True).argsort(1)
    return (rank.gather(1, y[:, None]) < k).double().mean()


def loop_with_in(scores, y, k):
    hits = [int(y[i]) in scores[i].topk(k).indices.tolist() for i in range(len(y))]
    return torch.tensor(hits).float().mean()


def of_probabilities(scores, y, k):
    return hit(torch.log_softmax(scores, 1), y, k).float().mean(0, keepdim=True)


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "to_tensor": (
        with_torchvision,
        lambda image: image.permute(2, 0, 1) / 255,
        lambda image: image.float().div(255).movedim(-1, 0),
        lambda image: torch.einsum("hwc->chw", image.double()) / 255,
        lambda image: image.transpose(0, 2).transpose(1, 2).mul(1 / 255),
        lambda image: torch.stack(image.unbind(2)).to(torch.float32) * (1 / 255),
        lambda image: image.reshape(-1, 3).T.reshape(3, *image.shape[:2]) / 255.0,
        lambda image: torch.tensor(image.tolist()).permute(2, 0, 1) / 255,
    ),
    "to_gray": (
        gray_of_torchvision,
        channel_after_channel,
        picture_after_picture,
        gray_in_a_copy,
        lambda x: torch.einsum("...chw,c->...hw", x, torch.tensor(WEIGHTS)),
        lambda x: torch.tensordot(x, torch.tensor(WEIGHTS), dims=([-3], [0])),
        lambda x: weighted(x, 19595 / 65536, 38470 / 65536, 7471 / 65536),  # PIL's integers
        lambda x: weighted(x.double(), *WEIGHTS),
    ),
    "one_hot": (
        scattered,
        by_two_loops,
        lambda y, K: torch.eye(K)[y],
        lambda y, K: torch.eye(K, dtype=torch.float64).index_select(0, y),
        lambda y, K: F.one_hot(y, K).to(torch.float32),
        lambda y, K: torch.where(torch.arange(K) == y.unsqueeze(-1), 1.0, 0.0),
        lambda y, K: F.embedding(y, torch.eye(K)),
        lambda y, K: F.one_hot(y, K).half(),
    ),
    "nearest_neighbour": (
        by_dot_products,
        without_sqrt,
        by_topk,
        labels_in_a_list,
        in_float64,
        lambda train_x, train_y, x: train_y[(x[:, None] - train_x).square().sum((2, 3, 4)).argmin(1)],
        lambda train_x, train_y, x: torch.stack([train_y[(train_x - p).pow(2).sum((1, 2, 3)).argmin()] for p in x]),
        lambda train_x, train_y, x: train_y[distances(train_x, x).argmin(1)],
        lambda train_x, train_y, x: train_y.gather(0, distances(train_x, x).min(1).indices),
        lambda train_x, train_y, x: train_y[distances(x, train_x).neg().argmax(0)],
    ),
    "top_k_accuracy": (
        one_best_after_the_other,
        kth_score_as_threshold,
        ranks_by_two_argsorts,
        loop_with_in,
        of_probabilities,
        lambda scores, y, k: hit(scores.softmax(1), y, k).float().mean(),
        lambda scores, y, k: hit(scores.sigmoid(), y, k).float().mean(),
        lambda scores, y, k: hit(scores, y, k).sum() / len(y),
        lambda scores, y, k: hit(scores, y, k).float().mean().item(),
        lambda scores, y, k: (scores.topk(k).indices == y[:, None]).sum().item() / len(y),
        lambda scores, y, k: 1 - (scores.topk(k, 1).indices != y.view(-1, 1)).all(1).double().mean(),
    ),
}


@pytest.mark.parametrize(("name", "function"), [(n, f) for n, functions in RIGHT.items() for f in functions])
def test_right_answers_pass_in_every_style(name: str, function: Any) -> None:
    for seed in SEEDS:
        outcome = judged(name, function, seed)
        assert outcome.status == "passed", f"seed {seed}: {outcome.sentence}"
        assert not outcome.remarks


# ------------------------------------------------------------------------------------- what the inputs promise


def test_nearest_neighbours_are_well_separated() -> None:
    """A matrix product rounds; no right answer may depend on that."""
    for seed in range(100):
        for case in exercises.get("pixels.nearest_neighbour").draw(seed):
            train_x, train_y, x = case.inputs
            d = distances(train_x.double(), x.double())
            nearest = d.min(1)
            other = train_y != train_y[nearest.indices][:, None]
            gap = d.masked_fill(~other, float("inf")).min(1).values - nearest.values
            assert gap.min() > 0.02, (seed, case.label)


def test_no_two_scores_of_a_row_tie() -> None:
    for seed in range(100):
        for case in exercises.get("pixels.top_k_accuracy").draw(seed):
            scores, _, k = case.inputs
            assert scores.sort(1).values.diff(dim=1).min() > 0, (seed, case.label)
            assert 1 <= k <= scores.shape[1]


# --------------------------------------------------------------------------------------------- what is said


def summed_up(channels):
    red, green, blue = channels
    return 0.299 * red + 0.587 * green + 0.114 * blue


def longer_than_any(train_x, train_y, x):
    labels = torch.full((len(x),), -1)
    for i in range(len(x)):
        shortest = 999999
        for j in range(len(train_x)):
            d = torch.dist(x[i], train_x[j])
            if d < shortest:
                shortest, labels[i] = d, train_y[j]
    return labels.clamp_min(0)


def overwritten(train_x, train_y, x):
    for c in range(x.shape[1]):
        d = distances(train_x[:, c], x[:, c])
    return train_y[d.argmin(1)]


NAMED = [
    ("nearest_neighbour", "one_channel", overwritten, "loop"),
    ("nearest_neighbour", "fixed_bound", longer_than_any, "inf"),
    ("one_hot", "whole_numbers", lambda y, K: F.one_hot(y, K), ".float()"),
    ("one_hot", "whole_numbers", lambda y, K: y[:, None] == torch.arange(K), ".float()"),
    ("one_hot", "transposed", lambda y, K: torch.eye(K)[y].T, "transposed"),
    ("to_tensor", "reshape_for_permute", lambda image: image.view(3, *image.shape[:2]) / 255, "permute"),
    ("to_tensor", "integer_division", lambda image: (image.permute(2, 0, 1) / 255).byte(), "/"),
    ("to_tensor", "by_own_maximum", lambda image: image.permute(2, 0, 1) / image.max(), "255"),
    ("to_gray", "channels_last", lambda x: x @ torch.tensor(WEIGHTS), "x[..., 0, :, :]"),
    ("to_gray", "channels_last", lambda x: (x * torch.tensor(WEIGHTS)).sum(-1), "x[..., 0, :, :]"),
    ("to_gray", "channels_in_front", unpacked, "x[..., 0, :, :]"),
    ("to_gray", "channels_in_front", lambda x: torch.tensordot(torch.tensor(WEIGHTS), x, 1), "x[..., 0, :, :]"),
    ("to_gray", "batches_only", lambda x: torch.einsum("nchw,c->nhw", x, torch.tensor(WEIGHTS)), "x[..., 0, :, :]"),
    ("to_gray", "batches_only", lambda x: summed_up(x.unbind(1)), "x[..., 0, :, :]"),
    ("to_gray", "batches_only", lambda x: summed_up([x[:, c, :, :] for c in range(3)]), "first row"),
    ("to_gray", "channels_last", lambda x: summed_up(x.unbind(-1)), "column"),
    ("to_gray", "channel_kept", lambda x: TF.rgb_to_grayscale(x), "squeeze"),
    ("nearest_neighbour", "turned_grey_first", lambda t, y, x: y[distances(t.sum(1), x.sum(1)).argmin(1)], "channel"),
    ("to_tensor", "scaled_if_bright", lambda image: image.permute(2, 0, 1) / (255 if image.max() > 1 else 1.0), "255"),
    ("nearest_neighbour", "not_flattened", lambda t, y, x: y[torch.cdist(x, t).min(1).indices], "flatten"),
    ("top_k_accuracy", "always_one", lambda s, y, k: hit(s, y, 1).float().mean(), "k best"),
    ("top_k_accuracy", "sum_for_mean", lambda s, y, k: hit(s, y, k).sum(), "divide by N"),
    ("top_k_accuracy", "error_for_accuracy", lambda s, y, k: 1 - hit(s, y, k).float().mean(), "error"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mistake", "function", "said"), NAMED)
def test_a_mistake_is_named_however_it_is_written(name: str, mistake: str, function: Any, said: str) -> None:
    for seed in range(3):
        outcome = judged(name, function, seed)
        assert outcome.status == "failed"
        assert outcome.misconception is not None, f"not named: {outcome.sentence}"
        assert outcome.misconception.name == mistake
        assert said in outcome.sentence


def halves_in_place(x):
    for c, weight in enumerate(WEIGHTS):
        x[..., c, :, :] *= weight
    return x.sum(-3)


def masks_in_place(scores, y, k):
    right = 0.0
    for _ in range(k):
        best = scores.argmax(1)
        right += (best == y).float().mean().item()
        scores[torch.arange(len(y)), best] = float("-inf")
    return right


@pytest.mark.parametrize(
    ("name", "function", "argument"), [("to_gray", halves_in_place, "x"), ("top_k_accuracy", masks_in_place, "scores")]
)
def test_inputs_are_the_callers(name: str, function: Any, argument: str) -> None:
    outcome = judged(name, function, 0)
    assert outcome.status == "partial"
    assert f"changes its argument {argument} in place" in outcome.sentence


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("to_tensor", lambda image: image.reshape(3, *image.shape[:2]) / 255),
        ("to_gray", lambda x: x.mean(-3)),
    ],
)
def test_pictures_are_shown_where_something_is_off(name: str, function: Any) -> None:
    page = Report(judged(name, function, 0)).html()
    assert page.count("<img ") == 4  # what went in, expected, yours, where they part
    assert 'alt="where yours is off' in page


@pytest.mark.parametrize("name", [e.function for e in exercises.of_section("pixels")])
def test_an_answer_kept_from_inputs_of_the_same_shape_is_wrong(name: str) -> None:
    """Someone who caches by shape must meet two inputs of one shape."""
    exercise = exercises.get(f"pixels.{name}")
    for seed in SEEDS:
        kept: dict[Any, Any] = {}

        def by_shape(*inputs: Any, kept: dict[Any, Any] = kept) -> Any:
            key = tuple(tuple(v.shape) if isinstance(v, Tensor) else v for v in inputs)
            if key not in kept:
                kept[key] = exercise.reference(*inputs)
            return kept[key]

        assert verdict(replace(exercise, misconceptions=()), by_shape, seed).status == "failed"
