"""How far the gradient of a mini-batch strays from the gradient of all samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.data import digits
from course.descent import SGD, gradient_noise, per_sample_gradients
from course.effects.descent.common import softmax_classifier
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label
from course.training import fit

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SMALL = 7  # the first so many sizes are below a tenth of the 1 097 samples
DRAWS, TRAINED = 300, 50


class _Noise(NamedTuple):
    measured: Tensor  # mean ‖g_B − ḡ‖² at random weights, one per size
    expected: Tensor  # σ²/B · (N − B)/(N − 1), likewise
    start: Tensor  # √expected / ‖ḡ‖ at random weights
    trained: Tensor  # the same after TRAINED steps of descent on all samples


def _expected(gradients: Tensor) -> Tensor:
    n, sizes = len(gradients), torch.tensor(SIZES)
    variance = (gradients - gradients.mean(0)).square().sum(1).mean()
    return variance / sizes * (n - sizes) / (n - 1)


def _experiment(seed: int) -> _Noise:
    x, y = digits("train")
    generator = torch.Generator().manual_seed(seed)
    model = softmax_classifier(generator)
    first = per_sample_gradients(model, x, y)
    measured = gradient_noise(first, SIZES, DRAWS, generator)
    optimizer = SGD(model.parameters(), 1.0, momentum=0.9)
    fit(model, (x, y), optimizer, steps=TRAINED, batch_size=len(x), generator=generator, progress=False)
    last = per_sample_gradients(model, x, y)
    relative = [_expected(g).sqrt() / g.mean(0).norm() for g in (first, last)]
    return _Noise(measured, _expected(first), *relative)


def _numbers(noise: _Noise) -> Numbers:
    x, y = torch.tensor(SIZES[:SMALL]).log(), noise.measured[:SMALL].log()
    at_32 = SIZES.index(32)
    return {
        "slope": float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()),
        "worst error of the formula": (noise.measured / noise.expected - 1).abs().max().item(),
        "noise / gradient, B = 32, at the start": noise.start[at_32].item(),
        "noise / gradient, B = 32, trained": noise.trained[at_32].item(),
    }


def run(seed: int) -> Numbers:
    """Slope of the noise over the batch size, and how well the formula meets it."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run has slope −1 within 0.08 and meets the formula within 20 %; training raises noise / gradient."""
    return all(
        abs(r["slope"] + 1) < 0.08
        and r["worst error of the formula"] < 0.2
        and r["noise / gradient, B = 32, trained"] > 2 * r["noise / gradient, B = 32, at the start"]
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Noise against batch size, with its formula; and the noise relative to the gradient itself."""
    noise = _experiment(seed)
    found = _numbers(noise)
    figure, (left, right) = canvas()
    scale = noise.expected[0].item()
    left.loglog(SIZES, scale / torch.tensor(SIZES), ":", color=GREY)
    left.loglog(SIZES, noise.expected, "-", color=BLUE)
    left.loglog(SIZES, noise.measured, "o", color=VERMILLION, ms=8, mfc="none", mew=1.8)
    label(left, 330, scale / 120, "σ²/B", GREY)
    label(left, 1.2, scale / 400, "○ measured", VERMILLION)
    label(left, 1.2, scale / 1100, r"— $\frac{σ^2}{B}\cdot\frac{N-B}{N-1}$", BLUE, fontsize=14)
    left.set(ylabel=r"mean $\|g_B-\bar g\|^2$", title="Noise of the mini-batch gradient")
    for ratio, color, style, name in (
        (noise.start, BLUE, "o-", "at the start"),
        (noise.trained, VERMILLION, "s--", f"after {TRAINED} steps"),
    ):
        right.loglog(SIZES, ratio, style, color=color, ms=6)
        label(right, *((3, 1.35 * ratio[0].item()) if style == "s--" else (1, 0.25 * ratio[0].item())), name, color)
    right.set_ylim(top=4 * noise.trained[0].item())
    right.axhline(1, color=GREY, ls=":")
    label(right, 1, 0.75, "noise = gradient", GREY)
    right.set(ylabel=r"root of the noise / $\|\bar g\|$", title="Relative to the full gradient")
    for axes in (left, right):
        axes.set_xlabel("batch size B")
        axes.set_xticks((1, 4, 16, 64, 256, 1024), labels=("1", "4", "16", "64", "256", "1024"), minor=False)
        axes.minorticks_off()
    caption = (
        f"Digits, linear softmax, N = 1 097, {DRAWS} batches per size: slope {found['slope']:.3f} for B ≤ 64; the "
        f"formula is met within {found['worst error of the formula']:.0%} at every size. The noise of a batch of 32 is "
        f"{found['noise / gradient, B = 32, at the start']:.1f} times as long as the gradient at the start, and "
        f"{found['noise / gradient, B = 32, trained']:.1f} times after {TRAINED} steps, when little gradient is left."
    )
    alt = (
        "Two log-log plots against the batch size from 1 to 1024. Left: the squared distance of the mini-batch "
        "gradient from the full one falls on a straight line of slope minus one and bends down to zero near the full "
        "data set; the measured points lie on the formula. Right: relative to the full gradient, the noise falls "
        "with the square root of the batch size, and lies higher after training than at the start."
    )
    return Picture(figure, alt, caption)


GRADIENT_NOISE = Effect(
    "descent.gradient_noise",
    "The mean squared distance between a mini-batch gradient and the gradient of all samples falls as 1/B: twice "
    "the samples, half the variance (slope −1 on log-log axes while B is small against N). Batches drawn without "
    "replacement also get the factor (N − B)/(N − 1), which takes the noise to zero at B = N. Late in training the "
    "noise is large against the gradient that is left.",
    run,
    holds,
    draw,
    seconds=0.7,
)
