"""The pixel inspector: a photo is a table of numbers, and small changes of the picture change nearly all of them.

Brightness is `course.pixels.to_gray`, and the guess at the end is `course.pixels.nearest_neighbour`, the functions that
the notebook's exercises are judged by.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course.data import PHOTOS, photos
from course.features import correlate2d
from course.pixels import nearest_neighbour, to_gray
from course.widgets.shell import Explorable, Menu, Slider, pad
from course.widgets.svg import Figure, Frame, Panel, crosshair, number, photo, tag, text

SIZE = 160  # pixels along a photo's side
CHANNELS = ("colour", "red", "green", "blue", "grey")
WIDTH, HEIGHT = 360, 478  # of each panel
EDGE = 0.5  # a pixel's index is its centre
PICTURE = Frame(20, 28, 320, 320, (-EDGE, SIZE - EDGE), (SIZE - EDGE, -EDGE))  # rows count downwards
BELOW = 386  # where the lower half of a panel starts

# ------------------------------------------------------------------------------------------ the numbers


@lru_cache(maxsize=1)
def gallery() -> Tensor:
    """The six photos, float32 (6, 3, SIZE, SIZE); do not change them."""
    return photos(SIZE)[0]


@lru_cache(maxsize=64)
def changed(name: str, brightness: float = 1.0, shift: int = 0, sigma: float = 0.0) -> Tensor:
    """A photo moved to the right, blurred, and made darker or brighter: (3, SIZE, SIZE) in [0, 1].

    What comes in from the left repeats the edge. The blur is a Gaussian, σ = `sigma` pixels.
    """
    x = gallery()[PHOTOS.index(name)]
    x = F.pad(x, (shift, 0, 0, 0), mode="replicate")[..., :SIZE] if shift else x
    if sigma:
        reach = int(np.ceil(3 * sigma))
        row = torch.exp(-((torch.arange(-reach, reach + 1) / sigma) ** 2) / 2)[None]
        x = F.pad(x, (reach,) * 4, mode="replicate")  # a border of zeros would darken the edge
        x = correlate2d(correlate2d(x, row / row.sum()), row.T / row.sum())[:, reach:-reach, reach:-reach]
    return (x * brightness).clamp(0, 1)


def stored(x: Tensor) -> Tensor:
    """The numbers as a file stores them, 0 … 255."""
    return (x * 255).round().int()


def seen(x: Tensor, channel: str) -> Tensor:
    """What a channel shows: (3, H, W) of a picture becomes (3, H, W) for "colour", otherwise (1, H, W)."""
    if channel == "colour":
        return x
    return to_gray(x)[None] if channel == "grey" else x[CHANNELS.index(channel) - 1][None]


@lru_cache(maxsize=64)
def distances(name: str, brightness: float, shift: int, sigma: float) -> tuple[tuple[float, ...], str, float]:
    """How far the changed photo is from each of the six, which one it is nearest to, and the share of new numbers."""
    x, known = changed(name, brightness, shift, sigma), gallery()
    far = (known - x).flatten(1).norm(dim=1)
    guess = int(nearest_neighbour(known, torch.arange(len(known)), x[None])[0])
    new = (stored(x) != stored(known[PHOTOS.index(name)])).float().mean()
    return tuple(far.tolist()), PHOTOS[guess], float(new)


# ------------------------------------------------------------------------------------------ the picture


def inspector_picture(
    picture: str = "astronaut",
    channel: str = "colour",
    column: int = 70,
    row: int = 47,
    brightness: float = 1.0,
    shift: int = 0,
    sigma: float = 0.0,
) -> Figure:
    """A photo with a crosshair, the numbers around it, and how far the changed photo is from the six originals.

    Args:
        picture: a name in `course.data.PHOTOS`.
        channel: one of `CHANNELS`.
        column: j of the crosshair, 0 … SIZE − 1, from the left.
        row: i of the crosshair, 0 … SIZE − 1, from above.
        brightness: factor ≥ 0 on all numbers; what exceeds 1 is cut off.
        shift: pixels by which the photo moves to the right, 0 … SIZE − 1.
        sigma: σ of a Gaussian, ≥ 0, in pixels.

    Returns:
        Two panels, photo and numbers, and a caption.

    Raises:
        ValueError: an unknown name, or a number outside its range.

    Source: lecture, "Image classification" and "Difficulties in visual tasks".
    """
    if picture not in PHOTOS or channel not in CHANNELS:
        known = f"pictures: {', '.join(PHOTOS)}; channels: {', '.join(CHANNELS)}"
        raise ValueError(f"no picture {picture!r} or no channel {channel!r}; {known}")
    if not (all(0 <= v < SIZE for v in (column, row, shift)) and 0 <= brightness < np.inf and 0 <= sigma <= 10):
        raise ValueError(
            f"need 0 ≤ column, row, shift < {SIZE}, brightness ≥ 0 and sigma in 0 … 10; "
            f"got {column=}, {row=}, {shift=}, {brightness=}, {sigma=}"
        )
    x = changed(picture, brightness, shift, sigma)
    side = 7 if channel == "colour" else 9
    x_at, y_at = PICTURE.at([[column, row]])[0]
    box = crosshair(x_at, y_at, side / 2 * PICTURE.width / SIZE)
    left = Panel(WIDTH, HEIGHT, shown(picture, channel, brightness, shift, sigma), box + centre(x, column, row))
    table = numbers(seen(x, channel), column, row, side)
    right = Panel(WIDTH, HEIGHT, bars(picture, brightness, shift, sigma), table)
    return Figure((left, right), sentence(picture, column, row, brightness, shift, sigma))


@lru_cache(maxsize=16)
def shown(picture: str, channel: str, brightness: float, shift: int, sigma: float) -> str:
    """The changed photo, in colour or one of its channels."""
    x = seen(changed(picture, brightness, shift, sigma), channel)
    title = text(PICTURE.left, 18, f"{picture.capitalize()}, {channel}", font_weight=600)
    size = f"{thousands(len(x) * SIZE**2)} numbers"
    aside = text(PICTURE.left + PICTURE.width, 18, size, "end", "var(--quiet)")
    return title + aside + photo(x.numpy(), PICTURE.left, PICTURE.top, PICTURE.width, PICTURE.height, quality=90)


def centre(x: Tensor, column: int, row: int) -> str:
    """The pixel under the crosshair: its red, green and blue as bars, and its brightness."""
    values = {name: int(stored(seen(x, name))[0, row, column]) for name in CHANNELS[1:]}
    red, green, blue, _ = values.values()
    drawn = text(PICTURE.left, BELOW - 12, f"Pixel in row {row}, column {column}", font_weight=600)
    swatch = {"fill": f"rgb({red},{green},{blue})", "stroke": "var(--quiet)"}
    drawn += tag("rect", x=PICTURE.left + PICTURE.width - 62, y=BELOW, width=62, height=62, **swatch)
    for i, (name, value) in enumerate(values.items()):
        drawn += bar(BELOW + 17 * i, name, value / 255 * 132, str(value), "var(--cool)")
    return drawn


def bar(y: float, label: str, length: float, value: str, fill: str, **more: Any) -> str:
    """A bar with its name on the left and its number on the right."""
    left = PICTURE.left + 66
    box = tag("rect", x=left, y=y, width=f"{max(length, 0.5):.1f}", height=11, fill=fill, **more)
    return text(left - 8, y + 10, label, "end") + box + text(left + length + 6, y + 10, value)


@lru_cache(maxsize=64)
def bars(picture: str, brightness: float, shift: int, sigma: float) -> str:
    """The distance of the changed photo to each of the six; the nearest is what a nearest neighbour answers."""
    far, guess, _ = distances(picture, brightness, shift, sigma)
    drawn = text(PICTURE.left, BELOW - 12, "Distance ‖x − photo‖ to the originals", font_weight=600)
    drawn += text(PICTURE.left + PICTURE.width, BELOW - 12, "x in 0 … 1", "end", "var(--quiet)")
    longest = max(*far, 1e-9)
    for i, (name, d) in enumerate(zip(PHOTOS, far, strict=True)):
        fill = "var(--accent)" if name == guess else "var(--cool)"
        words = number(d) + (" · nearest" if name == guess else "") + (" · itself" if name == picture else "")
        drawn += bar(BELOW + 15 * i, name, d / longest * 130, words, fill)
    return drawn


def numbers(x: Tensor, column: int, row: int, side: int) -> str:
    """The neighbourhood of a pixel as a table of numbers, each on its own colour; nothing beyond the photo's edge."""
    cell, drawn = (
        PICTURE.width / side,
        text(PICTURE.left, 18, f"The {side} × {side} numbers around it", font_weight=600),
    )
    drawn += text(PICTURE.left + PICTURE.width, 18, "as stored: 0 … 255", "end", "var(--quiet)")
    reach = side // 2
    top, left = max(row - reach, 0), max(column - reach, 0)
    for v, line in enumerate(stored(x[:, top : row + reach + 1, left : column + reach + 1]).permute(1, 2, 0).tolist()):
        for u, values in enumerate(line):
            across, down = u + left - column + reach, v + top - row + reach
            drawn += pixel(values, PICTURE.left + across * cell, PICTURE.top + down * cell, cell)
    middle = PICTURE.left + PICTURE.width / 2, PICTURE.top + PICTURE.height / 2
    return drawn + PICTURE.edge() + crosshair(*middle, cell / 2, arm=0)


def pixel(values: list[int], x: float, y: float, cell: float) -> str:
    """One pixel, large, with its one number or its three."""
    red, green, blue = values * 3 if len(values) == 1 else values
    # Black or white, whichever stands out more: WCAG's contrast is equal at a luminance of .179.
    linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    ink = "#000000" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else "#ffffff"
    fill = f'fill="rgb({red},{green},{blue})" stroke="var(--paper)"'
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" height="{cell:.1f}" {fill}/>'
    middle = x + cell / 2
    first = y + cell / 2 + 4.5 - 6.5 * (len(values) - 1)
    return box + "".join(
        f'<text class="on" x="{middle:.1f}" y="{first + 13 * n:.1f}" text-anchor="middle" font-size="12" '
        f'fill="{ink}">{value}</text>'
        for n, value in enumerate(values)
    )


def sentence(picture: str, column: int, row: int, brightness: float, shift: int, sigma: float) -> str:
    """The caption: the pixel, what was changed, and what the distances say."""
    x = stored(changed(picture, brightness, shift, sigma))[:, row, column].tolist()
    words = f"{picture.capitalize()}, row {row}, column {column}: red {x[0]}, green {x[1]}, blue {x[2]}. "
    done = [f"moved {shift} px to the right"] * bool(shift) + [f"blurred with σ = {number(sigma)} px"] * bool(sigma)
    done += [f"brightness × {number(brightness)}"] * (brightness != 1)
    if not done:
        return words + "Nothing is changed: the distance to itself is 0."
    far, guess, new = distances(picture, brightness, shift, sigma)
    own = far[PHOTOS.index(picture)]
    near, other = min((d, name) for d, name in zip(far, PHOTOS, strict=True) if name != picture)
    words += f"{', '.join(done).capitalize()}: {share(new)} of the {thousands(3 * SIZE**2)} numbers changed, and the "
    words += f"photo is {number(own)} away from its original, {number(near)} from {other}. A nearest neighbour "
    return words + (f"still says {guess}." if guess == picture else f"takes it for {guess}.")


def thousands(count: int) -> str:
    """A count with a space between the thousands."""
    return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")


def share(part: float) -> str:
    """A share in %, never rounded to 0 % or 100 % unless it is."""
    return f"{min(max(round(100 * part), 1), 99) if 0 < part < 1 else round(100 * part)} %"


# ------------------------------------------------------------------------------------------- the widget

SHIFTS = [*range(17), 20, 24, 32, 40]
PLACES = list(range(SIZE))
PLAIN: dict[str, Any] = {"picture": "astronaut", "channel": "colour", "column": 70, "row": 47}
PLAIN |= {"brightness": 1.0, "shift": 0, "sigma": 0.0}


class PixelInspector(Explorable):
    """The pixel inspector: `PixelInspector()`, `PixelInspector(picture="cat", channel="grey", shift=4)`.

    Knobs: `picture` (a name in `course.data.PHOTOS`), `channel` (one of `CHANNELS`), the crosshair's `column` and
    `row`, which can be dragged on the photo, and what is done to the photo: `brightness`, `shift`, `sigma`.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Image classification" and "Difficulties in visual tasks".
    """

    title: ClassVar[str] = "Pixel inspector"
    picture = Menu(list(PHOTOS), "astronaut", "picture")
    channel = Menu(list(CHANNELS), "colour", "channel")
    column = Slider(PLACES, 70, "column")
    row = Slider(PLACES, 47, "row")
    brightness = Slider([round(0.1 * i, 1) for i in range(1, 21)], 1.0, "brightness ×")
    shift = Slider(SHIFTS, 0, "shift right", " px", play=True)
    sigma = Slider([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0], 0.0, "blur σ", " px")
    drag: ClassVar[dict[str, Any]] = pad(
        PICTURE, "column", "row", hint="Point at the photo for a pixel's numbers; a click keeps it", hover=True
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Just numbers": PLAIN,
        "One channel": {**PLAIN, "channel": "red"},
        "Brightness": {**PLAIN, "channel": "grey"},
        "Moved by 4": {**PLAIN, "shift": 4},
        "Moved by 16": {**PLAIN, "shift": 16},
        "At dusk": {**PLAIN, "brightness": 0.4},
        "Blurred": {**PLAIN, "sigma": 2.0},
    }

    def draw(self) -> Figure:
        """`inspector_picture` of the present state."""
        return inspector_picture(**self.state)
