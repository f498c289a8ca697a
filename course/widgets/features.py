"""Two explorables on features: nine weights that turn a photo into edges, and HOG, which keeps directions only.

All of it is computed by `course.features`, the same functions that the notebook's exercises are judged by.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course.data import PHOTOS, photos
from course.features import cell_histograms, correlate2d, gradient, hog, normalise_blocks
from course.pixels import to_gray
from course.widgets.pixels import share, thousands
from course.widgets.shell import Explorable, Menu, Slider, Switch, dial, pad
from course.widgets.svg import Figure, Frame, Panel, crosshair, number, photo, tag, text

SIZE = 160  # pixels along a picture's side
PLACES = list(range(SIZE))
ROWS = (SIZE - 0.5, -0.5)  # rows count downwards, and a pixel's index is its centre
COLUMNS = (-0.5, SIZE - 0.5)

# ==================================================================================== the kernel editor

PHOTO, TABLE, TALL = 270, 180, 348  # widths of the panels with a photo and with the tables, height of all
BEFORE = Frame(4, 28, 262, 262, COLUMNS, ROWS)
CELL = 40  # of the tables
LEFT, TOP = (TABLE - 3 * CELL) / 2, 28  # of the kernel's
SHOWN = ("signed", "size", "brightness")


@lru_cache(maxsize=1)
def grey_photos() -> Tensor:
    """The six photos, grey, float32 (6, SIZE, SIZE); do not change them."""
    return to_gray(photos(SIZE)[0])


@lru_cache(maxsize=32)
def response(picture: str, kernel: tuple[float, ...]) -> Tensor:
    """The photo through a 3×3 kernel, given row by row: (SIZE, SIZE)."""
    return correlate2d(grey_photos()[PHOTOS.index(picture)], torch.tensor(kernel).view(3, 3))


def display(y: Tensor, shown: str) -> tuple[Tensor, tuple[str, str, str]]:
    """A response as a picture in [0, 1], and what its black, its middle grey and its white mean."""
    top = strong(y)
    if shown == "signed":
        return (0.5 + y / (2 * top)).clamp(0, 1), (f"≤ {number(-top)}", "0", f"≥ {number(top)}")
    if shown == "size":
        return (y.abs() / top).clamp(max=1), ("0", number(top / 2), f"≥ {number(top)}")
    return y.clamp(0, 1), ("≤ 0", "0.5", "≥ 1")


def strong(y: Tensor) -> float:
    """A size that 2 % of the response exceed: the few largest, often at the border, would leave all others grey."""
    return float(y.abs().flatten().quantile(0.98)) or float(y.abs().max()) or 1.0


def kernel_picture(
    picture: str = "cat",
    kernel: tuple[float, ...] = (-1, -1, -1, -1, 8, -1, -1, -1, -1),
    divisor: float = 1,
    shown: str = "signed",
    row: int = 54,
    column: int = 50,
) -> Figure:
    """A grey photo, a 3×3 kernel with the nine pixels under it, and what the kernel makes of the photo.

    Args:
        picture: a name in `course.data.PHOTOS`.
        kernel: nine weights, row by row.
        divisor: all weights are divided by it, > 0.
        shown: "signed" (grey is 0), "size" (black is 0, the sign is lost), or "brightness" (black 0, white 1, the rest
            cut off).
        row: i of the output pixel whose sum is written out, 0 … SIZE − 1.
        column: its j.

    Returns:
        Three panels and a caption.

    Raises:
        ValueError: an unknown name, or numbers that are no kernel or no place.

    Source: lecture, "Implementation of hierarchical features".
    """
    if picture not in PHOTOS or shown not in SHOWN:
        raise ValueError(f"no picture {picture!r} ({', '.join(PHOTOS)}) or no way {shown!r} ({', '.join(SHOWN)})")
    if len(kernel) != 9 or not np.isfinite(kernel).all() or not 0 < divisor < np.inf:
        raise ValueError(f"need nine finite weights and a divisor > 0; got {kernel} and {divisor}")
    if not (0 <= row < SIZE and 0 <= column < SIZE):
        raise ValueError(f"need row and column in 0 … {SIZE - 1}; got {row} and {column}")
    weights = tuple(float(w) / divisor for w in kernel)
    result = float(response(picture, weights)[row, column])
    x_at, y_at = BEFORE.at([[column, row]])[0]
    spot = crosshair(x_at, y_at, 1.5 * BEFORE.width / SIZE, arm=6)
    return Figure(
        (
            Panel(PHOTO, TALL, back=before(picture), front=spot),
            Panel(TABLE, TALL, back=table_of(weights), front=patch(picture, row, column, result)),
            Panel(PHOTO, TALL, back=after(picture, weights, shown), front=spot),
        ),
        kernel_sentence(picture, weights, shown, row, column),
    )


def heading(frame: Frame, title: str, aside: str = "") -> str:
    """A title above a frame, and a remark at its right end."""
    end = text(frame.left + frame.width, 18, aside, "end", "var(--quiet)")
    return text(frame.left, 18, title, font_weight=600) + end


def framed(image: Tensor, frame: Frame) -> str:
    """A picture (C, H, W) that fills a frame."""
    return photo(image.numpy(), frame.left, frame.top, frame.width, frame.height, quality=90)


@lru_cache(maxsize=8)
def before(picture: str) -> str:
    """The photo as it goes in."""
    drawn = heading(BEFORE, picture.capitalize(), "grey") + framed(grey_photos()[PHOTOS.index(picture)][None], BEFORE)
    return drawn + scale(("0", "0.5", "1"))


@lru_cache(maxsize=32)
def after(picture: str, weights: tuple[float, ...], shown: str) -> str:
    """What comes out."""
    image, ends = display(response(picture, weights), shown)
    return heading(BEFORE, "Result", f"shown: {shown}") + framed(image[None], BEFORE) + scale(ends)


def scale(ends: tuple[str, str, str]) -> str:
    """A strip from black to white with the values that these stand for."""
    y, steps = BEFORE.top + BEFORE.height + 8, 16
    width = BEFORE.width / steps
    shades = ((i, round(255 * i / (steps - 1))) for i in range(steps))
    drawn = "".join(
        tag(
            "rect",
            x=f"{BEFORE.left + i * width:.1f}",
            y=y,
            width=f"{width + 0.3:.1f}",
            height=9,
            fill=f"rgb({v},{v},{v})",
        )
        for i, v in shades
    )
    edge = {"fill": "none", "stroke": "var(--ink)", "stroke_opacity": 0.3}
    drawn += tag("rect", x=BEFORE.left, y=y, width=BEFORE.width, height=9, **edge)
    places = ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    return drawn + "".join(
        text(BEFORE.left + at * BEFORE.width, y + 24, words, anchor)
        for (at, anchor), words in zip(places, ends, strict=True)
    )


def grid(top: float, cells: list[tuple[str, dict[str, object], str]]) -> str:
    """A 3×3 table: for each cell its words, the style of its box, and the colour of its words."""
    drawn = ""
    for n, (words, style, ink) in enumerate(cells):
        x, y = LEFT + n % 3 * CELL, top + n // 3 * CELL
        drawn += tag("rect", x=x, y=y, width=CELL, height=CELL, stroke="var(--ink)", stroke_opacity=0.3, **style)
        more = {} if ink.startswith("var") else {"class": "on"}
        size = 13 if len(words) <= 4 else 10.5 if len(words) == 5 else 9  # −0.062 fits as well
        drawn += text(x + CELL / 2, y + CELL / 2 + 4.5, words, "middle", ink, font_size=size, **more)
    return drawn


@lru_cache(maxsize=32)
def table_of(weights: tuple[float, ...]) -> str:
    """The kernel: blue below 0, orange above, stronger the larger."""
    top = max(map(abs, weights)) or 1.0
    cells: list[tuple[str, dict[str, object], str]] = []
    for w in weights:
        fill = "var(--accent)" if w > 0 else "var(--cool)"
        cells.append((number(w, 2), {"fill": fill, "fill_opacity": round(0.45 * abs(w) / top, 3)}, "var(--ink)"))
    total = text(
        TABLE / 2, TOP + 3 * CELL + 17, f"sum of the weights {number(sum(weights) + 0.0)}", "middle", "var(--quiet)"
    )
    return text(TABLE / 2, 18, "Kernel", "middle", font_weight=600) + grid(TOP, cells) + total


def patch(picture: str, row: int, column: int, result: float) -> str:
    """The nine pixels around a place, 0 beyond the edge, and their weighted sum."""
    x = F.pad(grey_photos()[PHOTOS.index(picture)], (1, 1, 1, 1))[row : row + 3, column : column + 3]
    cells: list[tuple[str, dict[str, object], str]] = []
    for v in x.flatten().tolist():
        shade = round(255 * v)
        # Black or white words, whichever stand out more: they tie at a grey of 117.
        cells.append((f"{v:.2f}", {"fill": f"rgb({shade},{shade},{shade})"}, "#000000" if shade > 117 else "#ffffff"))
    words = text(TABLE / 2, 190, "× the pixels under it", "middle", font_weight=600) + grid(200, cells)
    return words + text(
        TABLE / 2, 338, f"Σ = {number(round(result, 3) + 0.0)}", "middle", font_size=14, font_weight=600
    )


def kernel_sentence(picture: str, weights: tuple[float, ...], shown: str, row: int, column: int) -> str:
    """The caption: the kernel, what it does to a flat surface, one sum, and how the result is shown."""
    total = sum(weights)
    rows = ", ".join("(" + " ".join(number(w, 2) for w in weights[n : n + 3]) + ")" for n in (0, 3, 6))
    if abs(total) < 1e-6:
        flat = "the weights add up to 0, so flat places become 0."
    elif abs(total - 1) < 1e-6:
        flat = "the weights add up to 1, so flat places keep their brightness."
    else:
        flat = f"the weights add up to {number(total)}, so flat places get {number(total)} times their value."
    here = number(round(float(response(picture, weights)[row, column]), 3) + 0.0)
    how = reading(picture, weights, shown)
    return f"{picture.capitalize()} through {rows}: {flat} At row {row}, column {column}: {here}. Result: {how}."


@lru_cache(maxsize=32)
def reading(picture: str, weights: tuple[float, ...], shown: str) -> str:
    """How to read the result, in words."""
    y = response(picture, weights)
    if shown == "signed":
        return f"grey is 0, white {number(strong(y))} or more, black the negative"
    if shown == "size":
        return f"black is 0, white ±{number(strong(y))} or more"
    return f"black is 0, white 1, beyond that are {share(float(((y < 0) | (y > 1)).float().mean()))} of the pixels"


# --------------------------------------------------------------------------------- the kernel editor's widget

KERNELS: dict[str, tuple[tuple[int, ...], int, str]] = {
    "The lecture's": ((-1, -1, -1, -1, 8, -1, -1, -1, -1), 1, "signed"),
    "Identity": ((0, 0, 0, 0, 1, 0, 0, 0, 0), 1, "brightness"),
    "From the left": ((0, 0, 0, 1, 0, 0, 0, 0, 0), 1, "brightness"),
    "Box blur": ((1, 1, 1, 1, 1, 1, 1, 1, 1), 9, "brightness"),
    "Sharpen": ((0, -1, 0, -1, 5, -1, 0, -1, 0), 1, "brightness"),
    "Sobel x": ((-1, 0, 1, -2, 0, 2, -1, 0, 1), 4, "signed"),
    "Sobel y": ((-1, -2, -1, 0, 0, 0, 1, 2, 1), 4, "signed"),
    "Upright edges": ((-1, 0, 1, -2, 0, 2, -1, 0, 1), 4, "size"),
    "Emboss": ((-2, -1, 0, -1, 1, 1, 0, 1, 2), 1, "brightness"),
}
"""Kernel row by row, divisor, how it is shown."""

WEIGHTS = [f"k{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)]


def _weight(i: int, j: int) -> Slider:
    return Slider(list(range(-9, 10)), -1 if (i, j) != (2, 2) else 8, f"row {i}, column {j}")


def _dial(n: int) -> dict[str, Any]:
    """The n-th weight in the table, to be dragged."""
    x, y = LEFT + n % 3 * CELL, TOP + n // 3 * CELL
    return dial(WEIGHTS[n], x, y, CELL, CELL, panel=1, hint="Drag a weight of the kernel up or down")


def _kernel_preset(name: str) -> dict[str, Any]:
    kernel, divisor, shown = KERNELS[name]
    place = {"picture": "cat", "row": 54, "column": 50}
    return {**place, **dict(zip(WEIGHTS, kernel, strict=True)), "divisor": divisor, "shown": shown}


class KernelEditor(Explorable):
    """The kernel editor: `KernelEditor()`, `KernelEditor(k22=9, shown="brightness")`.

    Knobs: `picture` (a name in `course.data.PHOTOS`), `divisor`, `shown` (one of `SHOWN`), the nine weights `k11` …
    `k33` (row, column), which can be dragged in the table, and `row`, `column` of the pixel whose sum is written out,
    which can be dragged on the photo.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Implementation of hierarchical features" and its kernel with 8 in the centre.
    """

    title: ClassVar[str] = "Kernel editor"
    compact: ClassVar[bool] = True
    k11, k12, k13 = _weight(1, 1), _weight(1, 2), _weight(1, 3)
    k21, k22, k23 = _weight(2, 1), _weight(2, 2), _weight(2, 3)
    k31, k32, k33 = _weight(3, 1), _weight(3, 2), _weight(3, 3)
    divisor = Slider(list(range(1, 17)), 1, "divide by")
    picture = Menu(list(PHOTOS), "cat", "picture")
    shown = Menu(list(SHOWN), "signed", "result shown as")
    row = Slider(PLACES, 54, "pixel's row")
    column = Slider(PLACES, 50, "pixel's column", play=True)
    drag: ClassVar[dict[str, Any]] = pad(
        BEFORE, "column", "row", hint="Point at the photo for a pixel's sum; a click keeps it", hover=True
    )
    dials: ClassVar[list[dict[str, Any]]] = [_dial(n) for n in range(9)]
    presets: ClassVar[dict[str, dict[str, Any]]] = {name: _kernel_preset(name) for name in KERNELS}

    def draw(self) -> Figure:
        """`kernel_picture` of the present state."""
        state = self.state
        return kernel_picture(kernel=tuple(state.pop(name) for name in WEIGHTS), **state)


# ==================================================================================== the HOG explorer

WIDE, HIGH = 240, 300  # of each panel
VIEW = Frame(4, 28, 232, 232, COLUMNS, ROWS)
AROUND = (
    232  # pixels of the photo from which a turned square of SIZE is cut: more than √2 · SIZE, so no corner is empty
)
BLOCK = 3  # cells along a block's side
ROSE = (120.0, 144.0, 92.0)  # centre and radius


@lru_cache(maxsize=1)
def wide_photos() -> Tensor:
    """The six photos with what lies around the square that is shown, float32 (6, 3, AROUND, AROUND)."""
    return photos(AROUND)[0]


@lru_cache(maxsize=64)
def view(picture: str, angle: float) -> Tensor:
    """The middle of a photo, turned counter-clockwise by an angle in degrees: (3, SIZE, SIZE)."""
    radians = torch.deg2rad(torch.tensor(float(angle)))
    cos, sin = float(torch.cos(radians)) * SIZE / AROUND, float(torch.sin(radians)) * SIZE / AROUND
    grid = F.affine_grid(torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]]), [1, 3, SIZE, SIZE], align_corners=False)
    return F.grid_sample(wide_photos()[PHOTOS.index(picture)][None], grid, align_corners=False)[0].clamp(0, 1)


@lru_cache(maxsize=64)
def histograms(picture: str, angle: float, cell: int, bins: int, normalise: bool) -> Tensor:
    """What is drawn for each cell, (rows, columns, bins)."""
    plain = cell_histograms(*gradient(to_gray(view(picture, angle))), cell, bins)
    return normalised(plain) if normalise else plain


def normalised(plain: Tensor) -> Tensor:
    """Each cell's histogram, as the mean of it over all normalised blocks in which it occurs: same shape."""
    blocks = normalise_blocks(plain, BLOCK)
    total, count = torch.zeros_like(plain), torch.zeros_like(plain)
    rows, columns = blocks.shape[:2]
    for i in range(BLOCK):
        for j in range(BLOCK):
            total[i : i + rows, j : j + columns] += blocks[:, :, i, j]
            count[i : i + rows, j : j + columns] += 1
    return total / count


@lru_cache(maxsize=256)
def description(picture: str, angle: float, cell: int, bins: int, normalise: bool) -> Tensor:
    """The vector that a classifier would get: HOG, or the cells' histograms as they are."""
    if normalise:
        return hog(to_gray(view(picture, angle)), bins, cell, BLOCK)
    return histograms(picture, angle, cell, bins, False).flatten()


def similarity(a: Tensor, b: Tensor) -> float:
    """Cosine similarity: 1 for the same direction, 0 for nothing in common."""
    return float(F.cosine_similarity(a, b, dim=0))


def hog_picture(
    picture: str = "coffee",
    angle: float = 0,
    cell: int = 10,
    bins: int = 9,
    normalise: bool = True,
    row: int = 115,
    column: int = 55,
) -> Figure:
    """A photo, its histograms of oriented gradients as strokes, and one of them as a rose.

    Args:
        picture: a name in `course.data.PHOTOS`.
        angle: degrees by which the photo is turned counter-clockwise.
        cell: pixels along a cell's side, 1 … SIZE // 3.
        bins: directions per histogram, ≥ 1.
        normalise: whether blocks of 3×3 cells are normalised (L2-Hys).
        row: i of a pixel, 0 … SIZE − 1; the rose shows the cell around it.
        column: its j.

    Returns:
        Three panels and a caption with the similarity to the upright photo, measured by `course.features.hog`.

    Raises:
        ValueError: an unknown name, or a number outside its range.

    Source: lecture, "Traditional method: Designing features"; Dalal & Triggs (2005).
    """
    if picture not in PHOTOS:
        raise ValueError(f"no picture {picture!r}; there are {', '.join(PHOTOS)}")
    if not (np.isfinite(angle) and 1 <= cell <= SIZE // BLOCK and bins >= 1):
        raise ValueError(f"need a finite angle, cell in 1 … {SIZE // BLOCK}, bins ≥ 1; got {angle=}, {cell=}, {bins=}")
    if not (0 <= row < SIZE and 0 <= column < SIZE):
        raise ValueError(f"need row and column in 0 … {SIZE - 1}; got {row} and {column}")
    h = histograms(picture, angle, cell, bins, normalise)
    i, j = (min(place // cell, n - 1) for place, n in zip((row, column), h.shape[:2], strict=True))
    side = cell * VIEW.width / SIZE
    box = crosshair(VIEW.left + (j + 0.5) * side, VIEW.top + (i + 0.5) * side, side / 2, arm=6)
    place = {"x": f"{VIEW.left + j * side:.1f}", "y": f"{VIEW.top + i * side:.1f}", "width": side, "height": side}
    frame = tag("rect", fill="none", stroke="var(--accent)", stroke_width=2, **place)
    return Figure(
        (
            Panel(WIDE, HIGH, back=turned(picture, angle), front=box),
            Panel(WIDE, HIGH, back=strokes(picture, angle, cell, bins, normalise), front=frame),
            Panel(WIDE, HIGH, back=compass(i, j), front=rose(h[i, j])),
        ),
        hog_sentence(picture, angle, cell, bins, normalise, h[i, j], (i, j)),
    )


@lru_cache(maxsize=32)
def turned(picture: str, angle: float) -> str:
    """The photo."""
    words = f"turned by {number(angle)}°" if angle else "upright"
    return heading(VIEW, picture.capitalize(), words) + framed(view(picture, angle), VIEW)


@lru_cache(maxsize=32)
def strokes(picture: str, angle: float, cell: int, bins: int, normalise: bool) -> str:
    """The histograms as strokes, with a word on how to read them."""
    h = histograms(picture, angle, cell, bins, normalise)
    title = heading(VIEW, "Histograms", f"{h.shape[0]} × {h.shape[1]} cells")
    below = VIEW.top + VIEW.height
    words = text(VIEW.left, below + 18, "Strokes run along edges. The longer", fill="var(--quiet)")
    words += text(VIEW.left, below + 33, "one is, the stronger is its direction.", fill="var(--quiet)")
    return title + VIEW.edge() + tag("path", d=stars(h, VIEW), stroke="var(--ink)", stroke_width=1.1) + words


def stars(h: Tensor, frame: Frame) -> str:
    """The `d` of a path with a star in each cell: one stroke per direction, across the gradient, so along the edge."""
    (rows, columns, bins), values = h.shape, h.numpy()
    side = min(frame.width / columns, frame.height / rows)
    # The few strongest would make all others invisible: they are cut to the length of a cell.
    length = 0.48 * side * np.minimum(values / max(float(np.quantile(values, 0.995)), 1e-9), 1)
    along = np.deg2rad((np.arange(bins) + 0.5) * 180 / bins + 90)
    i, j, b = np.nonzero(length > side / 20)
    dx, dy = length[i, j, b] * np.cos(along[b]), length[i, j, b] * np.sin(along[b])
    x, y = frame.left + (j + 0.5) * side - dx, frame.top + (i + 0.5) * side - dy
    lines = zip(x, y, 2 * dx, 2 * dy, strict=True)
    return "".join(f"M{p:.1f} {q:.1f}l{u:.1f} {v:.1f}" for p, q, u, v in lines) or "M0 0"


@lru_cache(maxsize=64)
def compass(i: int, j: int) -> str:
    """The rose's rings and directions."""
    x, y, r = ROSE
    drawn = text(VIEW.left, 18, "One cell", font_weight=600)
    drawn += text(WIDE - 4, 18, f"row {i}, column {j}", "end", "var(--quiet)")
    for part in (0.5, 1.0):
        drawn += tag("circle", cx=x, cy=y, r=part * r, fill="none", stroke="var(--ink)", stroke_opacity=0.2)
    for degrees in (0, 45, 90, 135):
        u, v = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        d = f"M{x - r * u:.1f} {y - r * v:.1f}L{x + r * u:.1f} {y + r * v:.1f}"
        drawn += tag("path", d=d, stroke="var(--ink)", stroke_opacity=0.2)
        drawn += text(x + (r + 13) * u, y + (r + 13) * v + 4, f"{degrees}°", "middle", "var(--quiet)")
    words = ("Directions of the gradient, from dark to", "bright or back; 90° is down or up.")
    below = VIEW.top + VIEW.height
    return drawn + "".join(text(VIEW.left, below + 18 + 15 * n, w, fill="var(--quiet)") for n, w in enumerate(words))


def rose(h: Tensor) -> str:
    """A histogram (bins,) as wedges; each direction twice, as opposite gradients count the same."""
    x, y, r = ROSE
    bins, top, drawn = len(h), float(h.max()), ""
    for b, value in enumerate(h.tolist()):
        for turn in (0, 180):
            # Thin slices: a wedge of one bin may be half of the circle.
            edge = np.deg2rad(turn + np.linspace(b, b + 1, max(2, 36 // bins)) * 180 / bins)
            reach = r * value / top if top else 0.0
            rim = "".join(
                f"L{x + reach * u:.1f} {y + reach * v:.1f}" for u, v in zip(np.cos(edge), np.sin(edge), strict=True)
            )
            style = {"fill": "var(--accent)" if value == top else "var(--cool)", "stroke": "var(--paper)"}
            drawn += tag("path", d=f"M{x} {y}{rim}Z", **style)
    return drawn if top else drawn + text(x, y + 4, "no gradient here", "middle")


def hog_sentence(
    picture: str, angle: float, cell: int, bins: int, normalise: bool, h: Tensor, place: tuple[int, int]
) -> str:
    """The caption: how many numbers, the strongest direction of one cell, and the similarity to the upright photo."""
    mine = description(picture, angle, cell, bins, normalise)
    kind = "HOG" if normalise else "histograms, not normalised"
    words = f"{picture.capitalize()}, {kind}: {thousands(len(mine))} numbers. "
    if float(h.max()) > 0:
        b = int(h.argmax())
        span = f"{number(b * 180 / bins)}° … {number((b + 1) * 180 / bins)}°"
        words += f"In cell ({place[0]}, {place[1]}), {share(float(h[b] / h.sum()))} of the gradient points to {span}. "
    upright = description(picture, 0.0, cell, bins, normalise)
    others = [(similarity(upright, description(p, 0.0, cell, bins, normalise)), p) for p in PHOTOS if p != picture]
    near, other = max(others)
    if angle:
        words += (
            f"Turned by {number(angle)}°, its cosine similarity to itself upright is {similarity(upright, mine):.2f}; "
        )
        return words + f"{other}, of the other photos the most similar, has {near:.2f}."
    return words + f"The most similar other photo is {other}: cosine {near:.2f}. Turn this one to compare."


# ---------------------------------------------------------------------------------- the HOG explorer's widget

UPRIGHT: dict[str, Any] = {"picture": "coffee", "angle": 0, "cell": 10, "bins": 9, "normalise": True}
UPRIGHT |= {"row": 115, "column": 55}


class HogExplorer(Explorable):
    """The HOG explorer: `HogExplorer()`, `HogExplorer(picture="coffee", angle=30, cell=16)`.

    Knobs: `picture` (a name in `course.data.PHOTOS`), `angle`, `cell`, `bins`, `normalise`, and `row`, `column` of a
    pixel whose cell is shown as a rose; it can be dragged on the photo.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Traditional method: Designing features"; Dalal & Triggs, "Histograms of oriented gradients for
    human detection" (2005).
    """

    title: ClassVar[str] = "HOG explorer"
    picture = Menu(list(PHOTOS), "coffee", "picture")
    angle = Slider(list(range(-180, 181, 5)), 0, "turned by", "°", play=True)
    cell = Slider([8, 10, 16, 20, 32], 10, "cell", " px")
    bins = Slider([2, 3, 4, 6, 9, 12, 18], 9, "directions")
    row = Slider(PLACES, 115, "row")
    column = Slider(PLACES, 55, "column")
    normalise = Switch(True, "normalise blocks")
    drag: ClassVar[dict[str, Any]] = pad(
        VIEW, "column", "row", hint="Point at the photo for a cell's directions; a click keeps it", hover=True
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Upright": UPRIGHT,
        "Turned by 5°": {**UPRIGHT, "angle": 5},
        "Turned by 30°": {**UPRIGHT, "angle": 30},
        "Turned by 90°": {**UPRIGHT, "angle": 90},
        "A round flower": {**UPRIGHT, "picture": "flower", "angle": 90},
        "Coarse cells": {**UPRIGHT, "cell": 20},
        "Two directions": {**UPRIGHT, "bins": 2},
        "Not normalised": {**UPRIGHT, "normalise": False},
    }

    def draw(self) -> Figure:
        """`hog_picture` of the present state."""
        return hog_picture(**self.state)
