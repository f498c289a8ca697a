"""The straight way from one trained network to another leads over a mountain."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from functools import cache, lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.data import digits
from course.effects.effect import Effect, Numbers, Prediction
from course.effects.picture import BLUE, GREY, Picture, canvas, label
from course.recipe import directions, loss_line, loss_surface
from course.schedules import cosine_decay
from course.training import fit

STEPS, WIDTH, MEASURED = 300, 32, 400
TIMES = torch.linspace(0, 1, 21).tolist()
GRID = [round(0.1 * k, 1) for k in range(-8, 9)]


def network(generator: torch.Generator) -> nn.Sequential:
    """Two hidden layers for digits, He-initialised."""
    layers = [nn.Flatten(), nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10)]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def trained(seed: int) -> nn.Sequential:
    """Trained on digits with momentum, to a loss of a few hundredths."""
    generator = torch.Generator().manual_seed(seed)
    model = network(generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    fit(
        model,
        digits("train"),
        optimizer,
        steps=STEPS,
        schedule=lambda t: cosine_decay(t, 1.0, STEPS),
        generator=generator,
        progress=False,
    )
    return model.eval()


@cache
def measured() -> tuple[Tensor, Tensor]:
    """The digits on which losses are measured: some of the training set, of all classes."""
    x, y = digits("train")
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:MEASURED]
    return x[rows], y[rows]


def loss(model: nn.Module) -> Tensor:
    """Mean cross-entropy on them."""
    x, y = measured()
    return F.cross_entropy(model(x), y)


@lru_cache(maxsize=2)
def _experiment(seed: int) -> tuple[Tensor, Tensor]:
    """The losses on the line between two trained networks, and around the first."""
    first, second = (trained(2 * seed + k) for k in range(2))
    line = loss_line(first, loss, [p.detach() for p in second.parameters()], TIMES)
    one, other = directions(first, torch.Generator().manual_seed(seed))
    around = loss_surface(first, loss, one, other, GRID, GRID)
    return line, around


def _numbers(line: Tensor, around: Tensor) -> Numbers:
    ends = max(line[0].item(), line[-1].item())
    centre = len(GRID) // 2
    return {
        "higher end": ends,
        "top between": line.max().item(),
        "top over chord": (line - torch.lerp(line[0], line[-1], torch.tensor(TIMES))).max().item(),
        "loss at the centre": around[centre, centre].item(),
        "lowest around": around.min().item(),
        "median around": around.median().item(),
    }


def run(seed: int) -> Numbers:
    """Losses at the ends, on the top between them, and around one end."""
    return _numbers(*_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: a top of more than 0.5 over the chord, five times as high as either end; a bowl around the end."""
    return all(
        r["higher end"] < 0.12
        and r["top over chord"] > 0.5
        and r["top between"] > 5 * r["higher end"]
        and 0 < r["loss at the centre"] < r["lowest around"] + 0.02
        and r["median around"] > 5 * r["loss at the centre"]
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Left the surface around one network, right the way to another."""
    line, around = _experiment(seed)
    n = _numbers(line, around)
    figure, (left, right) = canvas(2, widths=[1, 1.25])
    levels = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
    left.grid(False)
    lines = left.contour(GRID, GRID, around.T, levels=levels, colors=BLUE, linewidths=1.3)
    left.clabel(lines, fmt="%g", fontsize=8)
    left.plot([0], [0], "o", color="black", ms=6)
    left.set(xlabel="α, along one direction", ylabel="β, along another", aspect="equal")
    left.set_title("Around one trained network")
    right.plot(TIMES, line, "o-", color=BLUE, ms=4)
    right.plot([0, 1], [line[0], line[-1]], "--", color=GREY, lw=1.5)
    top = line.max().item()
    label(right, 0, 1.12 * top, "dashed: a convex function stays below it", GREY)
    right.set(xlabel="t, from one network to the other", ylabel="training loss", ylim=(0, 1.2 * top))
    right.set_title("The straight way to another one")
    caption = (
        f"Digits, two hidden layers, {STEPS} steps. Left: training loss in two filter-normalised random directions, "
        f"{n['loss at the centre']:.3f} in the centre, {n['median around']:.2g} in the median of the map. Right: the "
        f"networks end at {line[0]:.3f} and {line[-1]:.3f}; half-way between, the loss rises to {n['top between']:.2f}."
    )
    alt = (
        "Left, level sets of the loss around a trained network: rings around the centre, a bowl. Right, the loss along "
        "the straight line from this network to one that was trained from another start: near zero at both ends, and a "
        "high hill between them, far above the dashed line that joins the ends."
    )
    return Picture(figure, alt, caption)


def _answer(numbers: Numbers) -> int:
    end, top = numbers["higher end"], numbers["top between"]
    return bisect((1.5 * end, 5 * end), top)


def _told(numbers: Numbers) -> str:
    return (
        f"{numbers['higher end']:.3f} at the worse of the two, and up to {numbers['top between']:.2f} on the way from "
        "one to the other."
    )


PREDICTION = Prediction(
    "Two networks have learned digits alike, from different starts, both to a small loss. Take the straight line "
    "from the weights of one to those of the other. The largest loss on the way is …",
    ("about that of the two", "somewhat larger, up to five times", "much larger: there is a hill between them"),
    _answer,
    _told,
)


BARRIER = Effect(
    "recipe.barrier",
    "Two networks are trained alike, from different starts. On the straight line between their weights the training "
    "loss rises more than 0.5 above the line that joins the ends, and to more than five times either end: it is not "
    "convex. Around one of them, along two filter-normalised random directions, it looks like a bowl, lowest "
    "(within 0.02) at the network.",
    run,
    holds,
    draw,
    seconds=2.0,
    prediction=PREDICTION,
)
