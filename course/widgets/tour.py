"""The timeline: the milestones of computer vision, each with what was new, what came of it, and where to see it run.

The texts are `course.tour.milestones.MILESTONES`. Where the course has the milestone as a program, it is run on a
bundled picture.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from course.data import PHOTOS, faces
from course.features import cell_histograms, correlate2d, gradient, hog
from course.tour import ILSVRC, eigenfaces, haar_response, integral_image, local_binary_pattern
from course.tour.milestones import MILESTONES
from course.widgets.features import grey_photos, normalised, stars, strong
from course.widgets.pixels import thousands
from course.widgets.shell import Explorable, Menu, pad
from course.widgets.svg import Figure, Frame, Panel, arrow, number, paragraph, photo, tag, text

NAMES = [m.name for m in MILESTONES]
WIDTH, HEIGHT = 360, 498  # of each panel
STEP = 24.4  # between the rows of the list
LIST = Frame(0, 28, WIDTH, STEP * len(NAMES), (0, 1), (len(NAMES) - 0.5, -0.5))
YEARS = Frame(50, 40, 1, 440, (0, 1), (2025, 1960))  # time runs downwards
NAME = 122  # where the names start
LEFT, INNER = 14, WIDTH - 28  # of the card's text
BOX = 36  # height of the boxes of a chain
LARGEST = 150  # height of a miniature, where there is room for it


# -------------------------------------------------------------------------------------------- the picture


def timeline_picture(milestone: str = "AlexNet") -> Figure:
    """The axis of time with all milestones, one of them marked, and its card.

    Args:
        milestone: a name in `NAMES`.

    Returns:
        Two panels, axis and card, and a caption that says the same.

    Raises:
        ValueError: there is no such milestone.

    Source: lecture, "The development of computer vision"; each milestone names its own.
    """
    if milestone not in NAMES:
        raise ValueError(f"no milestone {milestone!r}; there are {', '.join(map(repr, NAMES))}")
    at = NAMES.index(milestone)
    m = MILESTONES[at]
    seen = f" In this course: {m.room}." if m.room else ""
    caption = f"{m.year}, {m.name} ({m.who}). {m.new} {m.then}{seen}"
    panels = (Panel(WIDTH, HEIGHT, back=axis(), front=mark(at)), Panel(WIDTH, HEIGHT, back=frame(), front=card(at)))
    return Figure(panels, caption)


@lru_cache(maxsize=1)
def axis() -> str:
    """The years, true to scale, and the names in even rows, each joined to its year."""
    drawn = text(4, 18, "Milestones of computer vision", font_weight=600)
    drawn += tag("path", d=f"M50 {YEARS.top}v{YEARS.height}", stroke="var(--ink)", stroke_opacity=0.4)
    for year in range(1960, 2021, 10):
        y = when(year)
        drawn += tag("path", d=f"M46 {y:.1f}h4", stroke="var(--ink)", stroke_opacity=0.4)
        drawn += text(42, y + 4, str(year), "end", "var(--quiet)")
    return drawn + "".join(row(i, "var(--cool)", 1.0) for i in range(len(MILESTONES)))


def when(year: float) -> float:
    """Where a year is on the axis, in pixels."""
    return float(YEARS.at([[0, year]])[0, 1])


def row(i: int, colour: str, width: float, **words: Any) -> str:
    """One milestone: a dot at its year, a line to its row, its name."""
    m, y = MILESTONES[i], float(LIST.at([[0, i]])[0, 1])
    line = f"M50 {when(m.year):.1f}C68 {when(m.year):.1f} 62 {y:.1f} 80 {y:.1f}"
    drawn = tag("path", d=line, fill="none", stroke=colour, stroke_width=width)
    drawn += tag("circle", cx=50, cy=f"{when(m.year):.1f}", r=2.4 + width, fill=colour)
    return drawn + text(86, y + 4, str(m.year), fill="var(--quiet)") + text(NAME, y + 4, m.name, font_size=13, **words)


def mark(at: int) -> str:
    """The chosen row: a box, and line, dot and name drawn again in strong."""
    y = float(LIST.at([[0, at]])[0, 1])
    place = {"x": 80, "y": f"{y - STEP / 2 + 1:.1f}", "width": WIDTH - 82, "height": STEP - 2, "rx": 5}
    box = tag("rect", fill="var(--accent)", fill_opacity=0.14, stroke="var(--accent)", stroke_width=1.5, **place)
    return box + row(at, "var(--accent)", 2.2)


def frame() -> str:
    """The card's edge."""
    box = {"x": 2, "y": 28, "width": WIDTH - 4, "height": HEIGHT - 32, "rx": 8}
    return tag("rect", fill="none", stroke="var(--ink)", stroke_opacity=0.25, **box)


@lru_cache(maxsize=len(MILESTONES))
def card(at: int) -> str:
    """What there is to say about a milestone, its chain of steps, and its miniature, if there is one."""
    m = MILESTONES[at]
    drawn = text(LEFT, 52, f"{m.year} · {m.name}", font_size=16, font_weight=600)
    y = 71.0
    for words, size, fill in (
        (m.who, 12, "var(--quiet)"),
        (m.new, 13, "var(--ink)"),
        (m.then, 13, "var(--ink)"),
        (m.source, 11, "var(--quiet)"),
        (f"In this course: {m.room}" if m.room else "", 11.5, "var(--ink)"),
    ):
        lines, y = paragraph(LEFT, y, words, INNER, size, 1.32, fill=fill)
        drawn, y = drawn + lines, y + 5
    y += 2
    height = min(LARGEST, HEIGHT - 30 - (y + BOX + 16))
    return drawn + chain(m.flow, y) + (MINIATURES[m.name](y + BOX + 16, height) if m.name in MINIATURES else "")


def chain(steps: tuple[str, ...], top: float) -> str:
    """Boxes with an arrow from each to the next."""
    gap, drawn = 16, ""
    width = (INNER - gap * (len(steps) - 1)) / len(steps)
    for i, words in enumerate(steps):
        x = LEFT + i * (width + gap)
        box = {"x": f"{x:.1f}", "y": f"{top:.1f}", "width": f"{width:.1f}", "height": BOX, "rx": 5}
        drawn += tag("rect", fill="var(--cool)", fill_opacity=0.1, stroke="var(--cool)", **box)
        lines = textwrap.wrap(words, 10, break_long_words=False)
        for n, line in enumerate(lines):
            y = top + 22 + 13 * (n - (len(lines) - 1) / 2)
            drawn += text(x + width / 2, y, line, "middle", font_size=11)
        if i:
            drawn += arrow(x - gap + 2, top + BOX / 2, gap - 4)
    return drawn


# ------------------------------------------------------------------------------------------ the miniatures
# Each is a function of the place it has: from `top`, `height` pixels high, and a line of words below.


def tiles(top: float, height: float, pictures: list[Tensor], words: str) -> str:
    """Grey pictures (H, W) of one size in a row."""
    rows, columns = pictures[0].shape
    step = INNER / len(pictures)
    height = min(height, (step - 8) * rows / columns)
    width, drawn = height * columns / rows, ""
    for n, picture in enumerate(pictures):
        drawn += photo(picture[None].numpy(), round(LEFT + n * (width + 8), 1), round(top, 1), round(width, 1), height)
    return drawn + under(top + height, words)


def under(bottom: float, words: str) -> str:
    """The line below a miniature."""
    return text(LEFT, bottom + 16, words, fill="var(--quiet)", font_size=11)


def grey(name: str) -> Tensor:
    """One of the photos, (H, W)."""
    return grey_photos()[PHOTOS.index(name)]


def edges_of_solids(top: float, height: float) -> str:
    """A building and its gradient."""
    magnitude = gradient(grey("china"))[0]
    edges = (magnitude / strong(magnitude)).clamp(max=1)
    return tiles(top, height, [grey("china"), edges], "A photo and the size of its gradient.")


def first_sketch(top: float, height: float) -> str:
    """A photo and its response to the lecture's kernel."""
    y = correlate2d(grey("coffee"), torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]))
    edges = (0.5 + y / (2 * strong(y))).clamp(0, 1)
    return tiles(top, height, [grey("coffee"), edges], "A photo and its edges; grey is 0.")


def known_faces() -> Tensor:
    """The faces of the training set, (N, H, W)."""
    images, labels = faces("train")
    return images[labels == 1][:, 0]


def typical_faces(top: float, height: float) -> str:
    """The mean face and the first components."""
    mean, parts = eigenfaces(known_faces(), 3)
    shown = [mean, *(0.5 + p / (2 * p.abs().max()) for p in parts)]
    return tiles(top, height, shown, f"The mean of {len(known_faces())} faces, and their three main deviations.")


def eyes_and_cheeks(top: float, height: float) -> str:
    """A Haar feature on the mean face: two boxes, and their difference."""
    mean, box = known_faces().mean(0), (6, 4, 8, 17)
    value = float(haar_response(integral_image(mean), box, "edge-y"))
    scale = height / mean.shape[0]
    drawn = tiles(top, height, [mean], f"The mean face; upper box minus lower box: {number(value)}.")
    y, x, high, wide = (scale * side for side in box)
    for half, fill in ((0, "var(--cool)"), (1, "var(--accent)")):
        place = {"x": f"{LEFT + x:.1f}", "y": f"{top + y + half * high / 2:.1f}"}
        size = {"width": f"{wide:.1f}", "height": f"{high / 2:.1f}"}
        drawn += tag("rect", fill=fill, fill_opacity=0.25, stroke=fill, stroke_width=2, **place, **size)
    return drawn


def sums(top: float, height: float) -> str:
    """A photo and its integral image."""
    table = integral_image(grey("astronaut"))
    shown = [grey("astronaut"), (table / table.max()).float()]
    return tiles(top, height, shown, "A photo and its integral image.")


def codes(top: float, height: float) -> str:
    """A photo and its binary patterns."""
    shown = [grey("cat"), local_binary_pattern(grey("cat")).float() / 255]
    return tiles(top, height, shown, "A photo and its codes, 0 … 255.")


def directions(top: float, height: float) -> str:
    """A photo and its histograms of gradients, as the HOG explorer draws them."""
    x, cell = grey("coffee"), 10
    words = f"A photo and its HOG: {thousands(len(hog(x, cell=cell)))} numbers."
    place = Frame(LEFT + height + 8, top, height, height, (0, 1), (1, 0))
    h = normalised(cell_histograms(*gradient(x), cell))
    return tiles(top, height, [x], words) + tag("path", d=stars(h, place), stroke="var(--ink)", stroke_width=0.9)


def curve(year: int) -> Callable[[float, float], str]:
    """The winners' top-5 errors, one year marked."""

    def bars(top: float, height: float) -> str:
        drawn, width, room = "", INNER / len(ILSVRC), height - 30
        for i, w in enumerate(ILSVRC):
            x, high = LEFT + i * width, w.error / ILSVRC[0].error * room
            y = top + 14 + room - high
            fill = "var(--accent)" if w.year == year else "var(--cool)"
            place = {"x": f"{x + 6:.1f}", "y": f"{y:.1f}", "width": f"{width - 12:.1f}", "height": f"{high:.1f}"}
            drawn += tag("rect", fill=fill, **place)
            drawn += text(x + width / 2, y - 3, number(w.error), "middle", font_size=11)
            drawn += text(x + width / 2, top + height - 2, str(w.year), "middle", "var(--quiet)", font_size=11)
        return drawn + under(top + height, "Top-5 error of the challenge's winners, in %.")

    return bars


MINIATURES: dict[str, Callable[[float, float], str]] = {
    "Solids from a photo": edges_of_solids,
    "Marr's theory of vision": first_sketch,
    "Eigenfaces": typical_faces,
    "LBP": codes,
    "Haar wavelets": eyes_and_cheeks,
    "Viola–Jones": sums,
    "HOG": directions,
    "ImageNet": curve(0),
    "NEC-UIUC": curve(2010),
    "AlexNet": curve(2012),
}


# ------------------------------------------------------------------------------------------- the widget


class Timeline(Explorable):
    """The timeline: `Timeline()`, `Timeline(milestone="Viola–Jones")`.

    Knob: `milestone`, one of the names in `course.tour.milestones.MILESTONES`; its row can be clicked.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: there is no such milestone.

    Source: lecture, "The development of computer vision".
    """

    title: ClassVar[str] = "Timeline of computer vision"
    read_only_aloud: ClassVar[bool] = True
    milestone = Menu(NAMES, "Solids from a photo", "milestone")
    drag: ClassVar[dict[str, Any]] = pad(LIST, y="milestone", hint="Click a milestone, or drag through time")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "It begins": {"milestone": "Solids from a photo"},
        "Statistics": {"milestone": "Eigenfaces"},
        "Fast enough": {"milestone": "Viola–Jones"},
        "Designed features": {"milestone": "HOG"},
        "Their limit": {"milestone": "NEC-UIUC"},
        "Learned features": {"milestone": "AlexNet"},
        "Made pictures": {"milestone": "Text to image"},
    }

    def draw(self) -> Figure:
        """`timeline_picture` of the present state."""
        return timeline_picture(self.milestone)
