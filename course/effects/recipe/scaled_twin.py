"""Two networks that compute the same look different along raw directions, alike along filter-normalised ones."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, VERMILLION, Picture, canvas, label
from course.effects.recipe.barrier import loss, measured, trained
from course.recipe import directions, loss_line, loss_surface

FACTOR = 5.0
RAW, NORMALISED = (f"{kind}: twin's mean loss ÷ network's" for kind in ("raw", "normalised"))
STEPS = [round(0.05 * k, 2) for k in range(-10, 11)]


@torch.no_grad()
def _twin(model: nn.Sequential) -> nn.Sequential:
    """The first layer FACTOR times as large, the second as many times smaller: ReLU lets the factor through."""
    twin = copy.deepcopy(model)
    one, two, _ = (layer for layer in twin if isinstance(layer, nn.Linear))
    one.weight.mul_(FACTOR)
    one.bias.mul_(FACTOR)
    two.weight.div_(FACTOR)
    return twin


def _experiment(seed: int) -> tuple[Tensor, float]:
    """Losses along one direction: (raw, filter-normalised; network, twin; steps); and how far their scores differ."""
    model = trained(seed)
    both = (model, _twin(model))
    raw, other = directions(model, torch.Generator().manual_seed(seed))
    scale = (
        torch.cat([p.detach().flatten() for p in model.parameters()]).norm()
        / torch.cat([*map(torch.ravel, raw)]).norm()
    )
    rows = []
    for m in both:
        target = [p.detach() + scale * d * (p.ndim > 1) for p, d in zip(m.parameters(), raw, strict=True)]
        rows.append(loss_line(m, loss, target, STEPS))
    rows += [loss_surface(m, loss, raw, other, STEPS, [0.0])[:, 0] for m in both]
    x, _ = measured()
    with torch.no_grad():
        apart = (both[0](x) - both[1](x)).abs().max().item()
    return torch.stack(rows).view(2, 2, -1), apart


def _numbers(found: Tensor, apart: float) -> Numbers:
    def ratio(pair: Tensor) -> float:
        a, b = pair.mean(-1).tolist()
        return b / a

    return {
        "scores differ by": apart,
        RAW: ratio(found[0]),
        NORMALISED: ratio(found[1]),
        "normalised: largest difference": (found[1, 0] - found[1, 1]).abs().max().item(),
        "normalised: largest loss": found[1].max().item(),
    }


def run(seed: int) -> Numbers:
    """How much sharper one of two equal networks looks."""
    return _numbers(*_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: equal scores; along raw directions half as much again, at least; normalised, the same to rounding."""
    return all(
        0 <= r["scores differ by"] < 1e-3
        and r[RAW] > 1.5
        and abs(r[NORMALISED] - 1) < 1e-3
        and 0 <= r["normalised: largest difference"] < 1e-3 * max(1, r["normalised: largest loss"])
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Both networks along the same direction, raw and normalised."""
    found, apart = _experiment(seed)
    n = _numbers(found, apart)
    figure, both = canvas()
    for axes, pair, title in zip(both, found, ("The direction as drawn", "Filter-normalised"), strict=True):
        for losses, color, style, width in zip(pair, (BLUE, VERMILLION), ("-", "--"), (4, 2), strict=True):
            axes.plot(STEPS, losses, style, color=color, lw=width)
        axes.set(xlabel="α, step along the direction", ylabel="training loss", ylim=(0, None))
        axes.set_title(title)
    label(both[1], 0, 0.92 * found[1].max().item(), "network", BLUE, ha="center")
    label(both[1], 0, 0.82 * found[1].max().item(), "its twin", VERMILLION, ha="center")
    caption = (
        f"The twin's first layer is {FACTOR:g} times as large, its second {FACTOR:g} times smaller: it gives the same "
        f"answers (scores differ by {apart:.0e}). Along the direction as drawn its mean loss is "
        f"{n[RAW]:.1f} times the network's, along the filter-normalised one {n[NORMALISED]:.3f} times."
    )
    alt = (
        "Loss along one random direction for a network and for a twin that gives the same answers with other weights. "
        "Left, along the direction as drawn, the twin's valley is much narrower. Right, along the filter-normalised "
        "direction, the two curves lie on top of each other."
    )
    return Picture(figure, alt, caption)


SCALED_TWIN = Effect(
    "recipe.scaled_twin",
    "One layer of a network is made five times larger and the next five times smaller: it gives the same "
    "answers. Along a "
    "random direction as drawn, the twin looks sharper, with a mean loss at least half as high again; along the "
    "filter-normalised direction both look the same, to rounding.",
    run,
    holds,
    draw,
    seconds=1.0,
)
