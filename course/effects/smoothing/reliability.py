"""Can one believe what a network says? Confidence against accuracy, before and after smoothing, and a peer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION, Picture, canvas, label
from course.effects.smoothing.common import BINS, Calibration, Setting, compare
from course.smoothing import reliability

EPS = (0.0, 0.1, 0.4)
SETTING = Setting("fruit", 300, 0.0, 400)
SCALED = "ε = 0, temperature"


def _numbers(c: Calibration) -> Numbers:
    numbers: Numbers = {}
    for i, eps in enumerate(EPS):
        numbers[f"accuracy, ε = {eps:g}"] = c.accuracy[i].item()
        numbers[f"confidence − accuracy, ε = {eps:g}"] = c.excess[i].item()
        numbers[f"calibration error, ε = {eps:g}"] = c.error[i].item()
    return numbers | {
        f"calibration error, {SCALED}": c.scaled_error[0].item(),
        "temperature, ε = 0": c.temperature[0].item(),
    }


def run(seed: int) -> Numbers:
    """Accuracy, confidence minus accuracy and calibration error at each ε; the error after temperature scaling."""
    return _numbers(compare(SETTING, EPS, seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: too sure without smoothing, not sure enough with much; a little halves the error, and so does T."""
    return all(
        r["confidence − accuracy, ε = 0"] > 0.05
        and r["confidence − accuracy, ε = 0.4"] < -0.1
        and r["calibration error, ε = 0.1"] < 0.65 * r["calibration error, ε = 0"]
        and r[f"calibration error, {SCALED}"] < 0.65 * r["calibration error, ε = 0"]
        and r["calibration error, ε = 0.4"] > r["calibration error, ε = 0"]
        and abs(r["accuracy, ε = 0.1"] - r["accuracy, ε = 0"]) < 0.05
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Four reliability diagrams: three ε, and the first one cooled by its temperature."""
    c = compare(SETTING, EPS, seed)
    n = _numbers(c)
    figure, four = canvas(4, 3.6)
    scores = [*c.scores, c.scores[0] / c.temperature[0]]
    names = [f"ε = {eps:g}" for eps in EPS] + [f"ε = 0, T = {c.temperature[0]:.1f}"]
    errors = [*c.error.tolist(), c.scaled_error[0].item()]
    for axes, z, name, error, color in zip(four, scores, names, errors, (VERMILLION, GREEN, BLUE, PINK), strict=True):
        _diagram(axes, z.softmax(-1), c.labels, color)
        axes.set_title(name)
        label(axes, 0.64, 0.04, f"error {error:.2f}", color)
    four[0].set_ylabel("accuracy")
    caption = (
        f"{str(SETTING).capitalize()}; 1000 test pictures in {BINS} bins, dots as large as bins are full. "
        "On the diagonal, confidence is what it says. Confidence − accuracy: "
        + ", ".join(f"{100 * n[f'confidence − accuracy, ε = {e:g}']:+.1f} points at ε = {e:g}" for e in EPS)
        + f". Calibration error {errors[0]:.3f}, {errors[1]:.3f}, {errors[2]:.3f}; with ε = 0 and a temperature of "
        f"{c.temperature[0]:.2f} from the validation set {errors[3]:.3f}. Accuracy: "
        + ", ".join(f"{a:.1%}" for a in c.accuracy)
        + "; the temperature leaves it as it is."
    )
    alt = (
        "Four reliability diagrams, accuracy against confidence. Without smoothing the dots lie below the diagonal: "
        "the network is too sure. With ε = 0.1 they lie near it, with ε = 0.4 above it, and no confidence is "
        "high. Without "
        "smoothing but with a fitted temperature they lie near the diagonal, too."
    )
    return Picture(figure, alt, caption)


def _diagram(axes: Axes, p: Tensor, y: Tensor, color: str) -> None:
    bins = reliability(p, y, BINS)
    axes.plot([0.3, 1], [0.3, 1], ":", color=GREY, lw=1.2)
    axes.plot(bins.confidence, bins.accuracy, "-", color=color, lw=1.2)
    axes.scatter(bins.confidence, bins.accuracy, 4 + 300 * bins.count / bins.count.sum(), color=color, zorder=3)
    axes.set(xlabel="confidence", xlim=(0.3, 1.08), ylim=(-0.05, 1.05), xticks=(0.4, 0.6, 0.8, 1))


RELIABILITY = Effect(
    "smoothing.reliability",
    "A small network on 300 clean pictures of fruit is too sure of itself, by more than 5 points. ε = 0.1 takes more "
    "than a third off its calibration error in every run; with ε = 0.4 it is not sure enough, and the error is larger "
    "than without. One temperature, fitted afterwards, takes more than a third off as well.",
    run,
    holds,
    draw,
    seconds=2.0,
)
