"""Figures for notebooks: drawn alike, shown with alternative text and a caption."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course.training import figure_html, png

# Okabe & Ito (2008): told apart with any colour vision; the green is darkened so that text in it can be read
BLUE, VERMILLION, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#007A5A", "#B0578D", "#555555"

STYLE: dict[str, Any] = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "image.cmap": "cividis",
}


@dataclass(frozen=True, repr=False)
class Picture:
    """A figure that says in words what it shows; without a figure, only the words.

    Attributes:
        figure: the matplotlib figure, for saving or changing.
        alt: alternative text, read out to those who do not see the figure.
        caption: a line below it, with the numbers measured.
    """

    figure: Figure | None
    alt: str
    caption: str = ""

    def __post_init__(self) -> None:
        for name in ("alt", "caption"):
            object.__setattr__(self, name, typeset(getattr(self, name)))

    def __repr__(self) -> str:
        return f"{self.alt}\n{self.caption}".strip()

    def png(self) -> bytes:
        """The figure as PNG, twice as large as it is shown; equal figures give equal bytes."""
        if self.figure is None:
            raise ValueError("this picture has no figure, only words")
        return png(self.figure)

    def _repr_html_(self) -> str:
        if self.figure is None:
            return f"<p>{html.escape(self.alt)}</p>"
        return figure_html(self.figure, self.alt, self.caption)


def typeset(words: str) -> str:
    """Numbers as the notebooks write them: 78.3 % (and no line begins with the sign), −3.9, 7·10⁻¹⁶, 38 499.

    Years, 1900 to 2099, stay as they are, and so do fractions such as 1/1024.
    """
    words = re.sub(r"(?<=\d) ?%", "\u00a0%", words)
    words = re.sub(r"(?<=\d)e([+-]?)0*(\d+)", lambda m: "·10" + (m[1] + m[2]).translate(_RAISED), words)
    words = re.sub(_THOUSANDS, lambda m: f"{int(m[0]):,}".replace(",", "\u00a0"), words)
    return re.sub(r"(?<![\w.])-(?=\d)", "−", words)


_THOUSANDS = r"(?<![\w./])(?!(?:19|20)\d\d(?!\d))[1-9]\d{3,}(?![\w/]|\.\d)"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+")


def picture(thing: Any, alt: str = "", caption: str = "") -> Picture:
    """Show a figure, or anything with `plot()` and `alt` such as a training history, with alternative text.

    Args:
        thing: a matplotlib figure, or an object whose `plot()` returns one.
        alt: what the figure shows, in a sentence; by default the object's own `alt`.
        caption: a line below the figure.

    Raises:
        ValueError: there is no alternative text.
    """
    alt = alt or getattr(thing, "alt", "")
    if not alt:
        raise ValueError("say in a sentence what the figure shows: alt=…")
    return Picture(thing if isinstance(thing, Figure) else thing.plot(), alt, caption)


def gallery(
    images: Sequence[Tensor], titles: Sequence[str] = (), alt: str = "", caption: str = "", columns: int = 6
) -> Picture:
    """Pictures side by side, pixels visible as squares.

    Args:
        images: each (C, H, W) with C = 1 or 3, or (H, W). Grey ones between 0 and 1 go from black to white; with other
            numbers, orange stands for plus, purple for minus, white for zero.
        titles: one per picture, or none.
        alt: what there is to see, in a sentence; required.
        caption: a line below.
        columns: pictures per row, at most.

    Raises:
        ValueError: no alternative text, no pictures, another shape, or another number of titles.
    """
    if not alt or not len(images) or (titles and len(titles) != len(images)):
        raise ValueError(f"need pictures, one title for each or none, and alt=…; got {len(images)} and {len(titles)}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, width = max((_size(image) for image in images), key=lambda size: size[0] / size[1])
    tile = 9.6 / columns * min(height / width, 1.5) + (0.35 if titles else 0.05)
    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(9.6, rows * tile), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).flat
        for i, place in enumerate(axes):
            place.set_axis_off()
            if i < len(images):
                _imshow(place, images[i].detach().cpu())
                place.set_title(titles[i] if titles else "", fontsize=10, loc="center", pad=4)
    return Picture(figure, alt, caption)


def _size(image: Tensor) -> tuple[int, int]:
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[0] not in (1, 3)):
        raise ValueError(f"a picture has shape (H, W), (1, H, W) or (3, H, W), not {tuple(image.shape)}")
    return image.shape[-2], image.shape[-1]


def _imshow(axes: Axes, image: Tensor) -> None:
    if image.ndim == 3:
        image = image[0] if image.shape[0] == 1 else image.movedim(0, 2)
    low, high = float(image.min()), float(image.max())
    if image.ndim == 3:
        axes.imshow(image.float().clamp(0, 1).numpy())
    elif low >= 0 and high <= 1:
        axes.imshow(image.float().numpy(), cmap="gray", vmin=0, vmax=1)
    else:
        # a few glaring pixels must not make the rest invisible
        reach = float(image.float().abs().flatten().quantile(0.99)) or max(-low, high)
        axes.imshow(image.float().numpy(), cmap="PuOr_r", vmin=-reach, vmax=reach)


def canvas(columns: int = 2, height: float = 4.2, widths: list[float] | None = None) -> tuple[Figure, list[Axes]]:
    """An empty figure, 9.6 inches wide, and its axes from left to right.

    It is no `pyplot` figure: a notebook shows it when told to, and only once.
    """
    figure = Figure(figsize=(9.6, height), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    return figure, list(figure.subplots(1, columns, squeeze=False, width_ratios=widths)[0])


def label(axes: Axes, x: float, y: float, text: str, color: str, **options: Any) -> None:
    """Write a curve's name beside it, in its colour, with a white edge so that lines do not cross the letters."""
    from matplotlib.patheffects import withStroke

    options = {"va": "center", "fontweight": "bold", "fontsize": 10, **options}
    axes.text(x, y, text, color=color, path_effects=[withStroke(linewidth=3, foreground="white")], **options)
