"""The curve that changed computer vision: top-5 errors of the ImageNet challenge's winners. Data, no experiment."""

from __future__ import annotations

from matplotlib import rc_context
from matplotlib.figure import Figure

from course.effects.picture import BLUE, GREY, STYLE, VERMILLION, Picture, label
from course.tour import HUMAN, ILSVRC

_KNOWN_AS = {2012: "AlexNet", 2015: "ResNet", 2017: "SENet"}  # where the network is better known than the team


def error_curve() -> Picture:
    """The winners' top-5 errors by year, designed features and learned ones told apart; sources in the caption."""
    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(9.6, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot([w.year for w in ILSVRC], [w.error for w in ILSVRC], "-", color=GREY, lw=1.2)
        for learned, color, marker, name, x, y in (
            (False, VERMILLION, "s", "features designed by hand", 2011.6, 27.8),
            (True, BLUE, "o", "features learned by a convolutional network", 2012.75, 19),
        ):
            winners = [w for w in ILSVRC if w.learned == learned]
            axes.plot([w.year for w in winners], [w.error for w in winners], marker, color=color, ms=9)
            label(axes, x, y, name, color)
            for w in winners:
                text, height = f"{_KNOWN_AS.get(w.year, w.team)}\n{w.error:g}", max(w.error + 1.2, HUMAN[0] + 0.5)
                place, side = (w.year, "center") if w.error < HUMAN[0] else (w.year + 0.05, "left")
                label(axes, place, height, text, color, fontsize=9, va="bottom", ha=side)
        axes.axhline(HUMAN[0], color=GREY, ls=":")
        label(axes, 2009.75, HUMAN[0] - 1.2, f"one trained person, {HUMAN[0]:g}", GREY)
        axes.set(xlabel="year", ylabel="top-5 error / %", ylim=(0, 34), xlim=(2009.7, 2017.9))
        axes.set_title("Winners of the ImageNet challenge, classification")
    return Picture(figure, _alt(), _caption())


def _alt() -> str:
    first, last = ILSVRC[0], ILSVRC[-1]
    step = next(b for b in ILSVRC if b.learned)
    before = max((w for w in ILSVRC if not w.learned), key=lambda w: w.year)
    return (
        f"The winners' top-5 errors fall from {first.error:g} per cent in {first.year} to {last.error:g} per cent in "
        f"{last.year}. The largest step, from {before.error:g} to {step.error:g}, is that of {step.year}, when the "
        f"features were learned for the first time; from 2015 on the errors are below {HUMAN[0]:g}, one person's."
    )


def _caption() -> str:
    sources = dict.fromkeys([*(w.source for w in ILSVRC), HUMAN[1]])
    return (
        f"Top-5 error: how often the right one of 1 000 classes is not among five guesses; {ILSVRC[0].error:g} % in "
        f"{ILSVRC[0].year}, {ILSVRC[-1].error:g} % in {ILSVRC[-1].year}. Entries trained on the challenge's data only; "
        f"the test set was not the same in all years. Sources: {'; '.join(sources)}."
    )
