"""Section 06 against answers that people write: wrong ones pass at no seed and are called what they are."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from course import exercises
from course.check import verdict
from course.check.judge import Verdict


def judged(name: str, function: Any, seed: int) -> Verdict:
    return verdict(exercises.get(f"regularization.{name}"), function, seed)


def stopping(
    first: Any = -math.inf,
    better: Callable[[Any, float], bool] = lambda stop, now: now > stop.best,
    save: Callable[[Any], Any] = lambda stop: copy.deepcopy(stop.model.state_dict()),
    restore: Callable[[Any], Any] = lambda stop: stop.model.load_state_dict(stop.state),
) -> type:
    """EarlyStopping, right but for the part that is given."""

    class EarlyStopping:
        def __init__(self, model, patience):
            self.model, self.patience, self.best, self.waited, self.state = model, patience, first, 0, {}

        def __call__(self, history):
            self.waited += 1
            now = history.validation_accuracy[-1]
            if better(self, now):
                self.best, self.waited, self.state = now, 0, save(self)
            return self.waited >= self.patience

        def restore(self):
            restore(self)

    return EarlyStopping


def to_bytes(stop: Any) -> io.BytesIO:
    torch.save(stop.model.state_dict(), kept := io.BytesIO())
    return kept


def from_bytes(stop: Any) -> None:
    stop.state.seek(0)
    stop.model.load_state_dict(torch.load(stop.state))


class Shared:
    """The kept state lives in the class."""

    kept: ClassVar[dict[str, Tensor]] = {}

    def __init__(self, model, patience):
        self.model, self.patience, self.best, self.waited = model, patience, -1.0, 0

    def __call__(self, history):
        self.waited += 1
        if history.validation_accuracy[-1] > self.best:
            self.best, self.waited = history.validation_accuracy[-1], 0
            self.kept.update({name: value.clone() for name, value in self.model.state_dict().items()})
        return self.waited >= self.patience

    def restore(self):
        self.model.load_state_dict(self.kept)


def drawn(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(x.shape, generator=generator)


def penalty(params: list[Tensor], counts: Callable[[Tensor], bool]) -> Tensor:
    return sum(((p**2).sum() for p in params if counts(p)), torch.zeros(()))


def names_new_tensors(average: list[Tensor], weights: list[Tensor], beta: float, every: int) -> list[Tensor]:
    for a, w in zip(average, weights, strict=True):
        a = beta**every * a + (1 - beta**every) * w
    return average


def scales_the_weights(average: list[Tensor], weights: list[Tensor], beta: float, every: int) -> list[Tensor]:
    return [beta**every * a + w.mul_(1 - beta**every) for a, w in zip(average, weights, strict=True)]


# ------------------------------------------------------------------------------------------- wrong, and named

NAMED = [
    ("l2_objective", "scalars_kept", lambda loss, params, lam, matrices_only: (
        loss + lam / 2 * penalty(params, lambda p: p.ndim != 1 or not matrices_only))),
    ("decay_step", "no_brackets", lambda w, grad, lr, lam: 1 - lr * lam * w - lr * grad),
    ("decay_step", "only_the_step", lambda w, grad, lr, lam: lr * lam * w + lr * grad),
    ("EarlyStopping", "smallest_gain", stopping(better=lambda stop, now: now - stop.best > 1e-4)),
    ("EarlyStopping", "zero_is_none", stopping(None, lambda stop, now: not stop.best or now > stop.best)),
    ("EarlyStopping", "state_of_the_class", Shared),
    ("EarlyStopping", "kept_state_given_away", stopping(
        restore=lambda stop: stop.model.load_state_dict(stop.state, assign=True))),
    ("l2_objective", "no_gradient", lambda loss, params, lam, matrices_only: torch.tensor(
        float(loss + lam / 2 * penalty(params, lambda p: p.ndim > 1 or not matrices_only)))),
    ("dropout", "whole_channels", lambda x, p, training, generator: torch.where(
        torch.rand((*x.shape[:2], *[1] * (x.ndim - 2)), generator=generator) < p, 0, x / (1 - p)) if training else x),
    ("ema_update", "nothing_changes", names_new_tensors),
    ("ema_update", "on_the_live_weights", scales_the_weights),
    ("ema_update", "no_brackets", lambda average, weights, beta, every: [
        beta**every * a + 1 - beta**every * w for a, w in zip(average, weights, strict=True)]),
    ("dropout", "never_drops", lambda x, p, training, generator: x),
    ("dropout", "p_rounded", lambda x, p, training, generator: (
        x * (torch.randint(10, x.shape, generator=generator) >= int(10 * p)) / (1 - p) if training else x)),
    ("dropout", "p_rounded", lambda x, p, training, generator: (
        x * (drawn(x, generator) >= round(p, 2)) / (1 - p) if training else x)),
    ("dropout", "negatives_lost", lambda x, p, training, generator: (
        torch.where((drawn(x, generator) >= p) & (x > 0), x / (1 - p), 0.0) if training else x)),
    ("dropout", "no_brackets", lambda x, p, training, generator: (
        x * (drawn(x, generator) > p) / 1 - p if training else x)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mistake", "function"), NAMED)
def test_a_mistake_is_named_however_it_is_written(name: str, mistake: str, function: Any) -> None:
    outcome = judged(name, function, 1)
    assert outcome.status == "failed"
    assert outcome.misconception is not None, f"not named: {outcome.sentence}"
    assert outcome.misconception.name == mistake


NOT_NAMED = [
    ("decay_step", lambda w, grad, lr, lam: max(0.0, 1 - lr * lam) * w - lr * grad),
    ("dropout", lambda x, p, training, generator: x * (1 - p) if training else x),
    ("dropout", lambda x, p, training, generator: (  # neighbours share their draw
        x * (torch.rand((x.numel() + 1) // 2, generator=generator) >= p).repeat_interleave(2)[: x.numel()].view(x.shape)
        / (1 - p) if training else x)),
    ("l2_objective", lambda loss, params, lam, matrices_only: (  # a single number never counts
        loss + lam / 2 * penalty(params, lambda p: p.ndim > matrices_only))),
    ("dropout", lambda x, p, training, generator: x + p * torch.randn(x.shape, generator=generator) if training else x),
    ("dropout", lambda x, p, training, generator: (drawn(x, generator) >= p) / (1 - p) if training else x),
    ("dropout", lambda x, p, training, generator: (
        x * (torch.rand(len(x), len(x), generator=generator) >= p) / (1 - p) if training else x)),
    ("ema_update", lambda average, weights, beta, every: [
        beta ** (every % 10) * a + (1 - beta ** (every % 10)) * w for a, w in zip(average, weights, strict=True)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function"), NOT_NAMED)
def test_no_mistake_is_named_that_was_not_made(name: str, function: Any) -> None:
    outcome = judged(name, function, 1)
    assert outcome.status == "failed"
    assert outcome.misconception is None, f"taken for {outcome.misconception}"


# ------------------------------------------------------------------------------------------------ side effects


def adds_to_the_loss(loss: Tensor, params: list[Tensor], lam: float, matrices_only: bool) -> Tensor:
    loss += lam / 2 * penalty(params, lambda p: p.ndim > 1 or not matrices_only)
    return loss


def empties_the_list(loss: Tensor, params: list[Tensor], lam: float, matrices_only: bool) -> Tensor:
    params[:] = [p for p in params if p.ndim > 1 or not matrices_only]
    return loss + lam / 2 * penalty(params, lambda p: True)


def overwrites_x(x: Tensor, p: float, training: bool, generator: torch.Generator) -> Tensor:
    if training:
        x[drawn(x, generator) < p] = 0
        x /= 1 - p
    return x


EDITS = [
    ("l2_objective", adds_to_the_loss, "loss.clone()"),
    ("l2_objective", empties_the_list, "list(params)"),
    ("dropout", overwrites_x, "x.clone()"),
]


@pytest.mark.parametrize(("name", "function", "said"), EDITS)
def test_changing_an_argument_costs_half_and_is_called_so(name: str, function: Any, said: str) -> None:
    outcome = judged(name, function, 0)
    assert (outcome.status, outcome.layer) == ("partial", "side effects")
    assert said in outcome.sentence


# ------------------------------------------------------------------------------------------------------- right

RIGHT = [
    ("l2_objective", lambda loss, params, lam, matrices_only: (
        loss.double() + lam / 2 * penalty(params, lambda p: len(p.shape) > 1 or not matrices_only))),
    ("EarlyStopping", stopping(save=to_bytes, restore=from_bytes)),
    ("EarlyStopping", stopping(None, lambda stop, now: stop.best is None or now > stop.best)),
    ("dropout", lambda x, p, training, generator: (
        x * torch.empty_like(x).bernoulli_(1 - p, generator=generator) / (1 - p) if training else x.double())),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function"), RIGHT)
def test_right_answers_pass(name: str, function: Any) -> None:
    assert all(judged(name, function, seed).status == "passed" for seed in range(2))
