"""Five schedules, and the best constant rates, on the same starts and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import (
    cnn,
    cnn_weights,
    lane_accuracies,
    lane_losses,
    lanes,
    small_fruit,
    table,
    train,
)
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION, Picture, canvas
from course.schedules import Schedule, constant, cosine_decay, exponential_decay, reciprocal_decay, step_decay

LR, ALPHA, STEPS, STARTS, BATCH = 0.1, 0.9, 400, 4, 32
SMALLER = (0.04, 0.02)  # constant rates for comparison
# each of the four gets down to about a fiftieth, the reciprocal only to a ninth
SCHEDULES: dict[str, Schedule] = {
    "constant": lambda t: constant(t, LR),
    "step": lambda t: step_decay(t, LR, STEPS / 4, 1 / 3),
    "exponential": lambda t: exponential_decay(t, LR, 4 / STEPS),
    "reciprocal": lambda t: reciprocal_decay(t, LR * STEPS / 8, STEPS / 8),
    "cosine": lambda t: cosine_decay(t, LR, STEPS),
}
DECAYING = tuple(SCHEDULES)[1:]
CONSTANT = ("constant", *(f"constant, η = {lr:g}" for lr in SMALLER))


class _Ends(NamedTuple):
    loss: dict[str, Tensor]  # on new pictures, one per start
    accuracy: dict[str, Tensor]


def _experiment(seed: int) -> _Ends:
    generator = torch.Generator().manual_seed(seed)
    every = SCHEDULES | {name: (lambda t, lr=lr: lr) for name, lr in zip(CONSTANT[1:], SMALLER, strict=True)}
    starts = lanes(cnn_weights(STARTS, generator), len(every))
    x, y = small_fruit("train", 2000)
    weights, _ = train(cnn, starts, (x, y), table(list(every.values()), STEPS, STARTS), BATCH, generator, ALPHA)
    test, labels = small_fruit("test", 1000)
    scores = cnn(weights, test)
    loss, accuracy = (f(scores, labels).view(-1, STARTS) for f in (lane_losses, lane_accuracies))
    return _Ends(dict(zip(every, loss, strict=True)), dict(zip(every, accuracy, strict=True)))


def _numbers(ends: _Ends) -> Numbers:
    found = {f"loss, {name}": loss.mean().item() for name, loss in ends.loss.items()}
    return found | {f"accuracy, {name}": share.mean().item() for name, share in ends.accuracy.items()}


def run(seed: int) -> Numbers:
    """Loss and accuracy on new pictures at the end of training, mean over the starts."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: each decay beats the rate it starts from, cosine every constant; the decays differ less."""

    def mean(name: str) -> float:
        return sum(r[name] for r in rows) / len(rows)

    losses, shares = ([mean(f"{kind}, {name}") for name in DECAYING] for kind in ("loss", "accuracy"))
    return (
        all(r[f"loss, {name}"] < r["loss, constant"] for r in rows for name in DECAYING)
        and all(r["loss, cosine"] < r[f"loss, {name}"] for r in rows for name in CONSTANT)
        and sum(shares) / len(shares) > mean("accuracy, constant")
        and max(losses) - min(losses) < mean("loss, constant") - min(losses)
    )


def draw(seed: int) -> Picture:
    """The rates over time, and where each schedule ends."""
    ends = _experiment(seed)
    found = _numbers(ends)
    figure, (left, right) = canvas(widths=[1, 1.25])
    looks = dict(
        zip(SCHEDULES, ((VERMILLION, "--"), (BLUE, "-"), (GREEN, "-."), (PINK, ":"), ("black", "-")), strict=True)
    )
    for name, schedule in SCHEDULES.items():
        left.plot([schedule(t) for t in range(STEPS)], looks[name][1], color=looks[name][0], label=name)
    left.legend(loc="upper right", bbox_to_anchor=(1, 0.95), fontsize=10)
    left.set(xlabel="step", ylabel="learning rate η", title="The schedules", ylim=(0, 1.08 * LR))
    for row, (name, loss) in enumerate(ends.loss.items()):
        color = looks.get(name, (GREY,))[0]
        right.plot(loss, [row] * STARTS, "o", color=color, ms=6, alpha=0.45, mew=0)
        right.plot(loss.mean(), row, "|", color=color, ms=20, mew=3)
    names = [f"{name}, η = {LR:g}" if name == "constant" else name for name in ends.loss]
    right.set_yticks(range(len(names)), labels=names)
    right.set_ylim(len(names) - 0.4, -0.6)
    right.set(xlabel="loss on new pictures at the end", title=f"{STARTS} starts (dots) and their mean")
    caption = (
        f"Fruit, a small network, momentum {ALPHA}, {STEPS} steps of {BATCH} pictures, each schedule from the same "
        f"{STARTS} starts on the same batches. Accuracy on 1000 new pictures: "
        + ", ".join(f"{name} {found[f'accuracy, {name}']:.1%}" for name in SCHEDULES)
        + "; at smaller constant rates "
        + ", ".join(
            f"{found[f'accuracy, {name}']:.1%} (η = {lr:g})" for name, lr in zip(CONSTANT[1:], SMALLER, strict=True)
        )
        + "."
    )
    alt = (
        "Left: five learning rates over 400 steps from the same value: constant, in steps, exponential, reciprocal, "
        "cosine. Right: the loss on new pictures at the end. The four decaying schedules lie close together, the "
        "constant rates to the right of them, at a higher loss and further apart from start to start."
    )
    return Picture(figure, alt, caption)


ANNEALING = Effect(
    "schedules.annealing",
    "From the same large rate, each of the four decaying schedules ends with a lower loss on new pictures of fruit "
    "than the constant rate, in every run, and their accuracy is higher in the mean. They differ less among each other "
    "than the best of them differs from the constant rate. Smaller constant rates come closer, but the cosine beats "
    "those as well.",
    run,
    holds,
    draw,
    seconds=2.7,
)
