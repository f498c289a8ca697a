"""Two widgets: the augmentation mixer, and the blender of mixup and CutMix.

Pictures are changed by `course.augmentation`, the functions that the notebook's exercises are judged by.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from course import augmentation
from course.data import PHOTOS, photos
from course.widgets.shell import Explorable, Menu, Slider, pad
from course.widgets.svg import Figure, Frame, Panel, number, photo, tag, text

SIDE = 96  # pixels along a photo's side
DRAWS = 12
WIDTH, HEIGHT = 360, 304  # of each panel
TILE, GAP = 84, 8  # four in a row
SHORT = {"RandAugment": "RandAug."}  # above its tile it would run into the next name
ALL = Frame(0, 24, WIDTH, HEIGHT - 24, (0, 180), (100, 0))  # of the copies, for dragging


@lru_cache(maxsize=1)
def album() -> Tensor:
    """The six photos, float32 (6, 3, SIDE, SIDE); do not change them."""
    return photos(SIDE)[0]


# ------------------------------------------------------------------------------------------------ the mixer


def stages(
    picture: str, flip: int, crop: int, rotate: int, colour: int, hide: int, m: int, draw: int
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Twelve copies of a photo after each operation, (12, 3, SIDE, SIDE), and what became of the first in words.

    Each operation has random numbers of its own, so that a knob changes what it is for and nothing else.
    """

    def generator(purpose: int) -> torch.Generator:
        return torch.Generator().manual_seed(1000 * draw + purpose)

    x = album()[PHOTOS.index(picture)].expand(DRAWS, -1, -1, -1)
    found, words = {"as it is": x}, {"as it is": ""}
    flipped = augmentation.draw_flips(DRAWS, flip / 100, generator(1))
    found["flip"] = x = augmentation.flip(x, flipped)
    words["flip"] = "mirrored" if flipped[0] else "not mirrored"
    border = round(crop / 100 * SIDE)
    top, left = augmentation.draw_crops(DRAWS, border, generator(2))
    found["crop"] = x = augmentation.pad_and_crop(x, top, left, border)
    right, down = border - int(left[0]), border - int(top[0])
    moved = f"{abs(right)} {'right' if right >= 0 else 'left'}, {abs(down)} {'down' if down >= 0 else 'up'}"
    words["crop"] = moved if border else "not moved"
    degrees = augmentation.draw_degrees(DRAWS, rotate, generator(3))
    found["rotate"] = x = augmentation.rotate(x, degrees) if rotate else x
    words["rotate"] = f"{number(round(float(degrees[0])))}°"
    hue, saturation, value = augmentation.draw_hsv_shifts(DRAWS, 1.8 * colour, colour / 200, colour / 200, generator(4))
    found["colour"] = x = augmentation.hue_saturation_value(x, hue, saturation, value) if colour else x
    added = (f"{float(v[0]):+.2f}".replace("-", "−") for v in (saturation, value))
    words["colour"] = (
        "hue {}°, sat. {}, value {}".format(number(round(float(hue[0]))), *added) if colour else "not changed"
    )
    if m:
        x = augmentation.randaugment(x, 2, m, generator(5))
    found["RandAugment"], words["RandAugment"] = x, f"N = 2, M = {m}" if m else "off"
    words["hide"] = "nothing"
    if hide:
        before = x[0]
        x = augmentation.random_occlusion(x, (0.25 * hide / 100, hide / 100), (0.5, 2.0), generator(6), 0.5)
        words["hide"] = f"{100 * (x[0] != before).any(0).double().mean():.0f} %"
    found["hide"] = x
    return found, words


def mixer_picture(
    picture: str = "cat",
    flip: int = 50,
    crop: int = 15,
    rotate: int = 15,
    colour: int = 10,
    hide: int = 0,
    m: int = 0,
    draw: int = 0,
) -> Figure:
    """One copy, step by step; beside it all twelve.

    Args:
        picture: a name in `course.data.PHOTOS`.
        flip: probability in percent.
        crop: border of `pad_and_crop` in percent of the side.
        rotate: largest angle in degrees.
        colour: 0 … 100; 100 turns the hue by up to 180° and changes saturation and value by up to .5.
        hide: largest share to hide, in percent.
        m: RandAugment's M, 0 … 30, with N = 2; 0 for none.
        draw: another number draws anew.

    Raises:
        ValueError: there is no such photo.

    Source: lecture, "Data augmentation".
    """
    if picture not in PHOTOS:
        raise ValueError(f"no photo {picture!r}; there are {', '.join(PHOTOS)}")
    found, words = stages(picture, flip, crop, rotate, colour, hide, m, draw)
    x = found["hide"]
    panels = Panel(WIDTH, HEIGHT, back=" ", front=steps(found, words)), Panel(WIDTH, HEIGHT, back=" ", front=copies(x))
    return Figure(panels, mixer_sentence(picture, words))


def steps(found: dict[str, Tensor], words: dict[str, str]) -> str:
    """The first copy after each operation, with its name above and its random numbers below."""
    drawn = ""
    for i, (name, x) in enumerate(found.items()):
        left, top = i % 4 * (TILE + GAP), 24 + i // 4 * (TILE + 56)
        drawn += text(left, top - 8, SHORT.get(name, name), font_weight=600, font_size=11) + tile(x[0], left, top)
        for n, line in enumerate(words[name].split(", ")):  # one below the other: beside it is no room
            drawn += text(left, top + TILE + 15 + 12 * n, line, fill="var(--quiet)", font_size=11)
    return drawn


def copies(x: Tensor) -> str:
    """All copies, (12, 3, SIDE, SIDE)."""
    drawn = text(0, 16, f"All {len(x)} copies", font_weight=600)
    for i, copy in enumerate(x):
        drawn += tile(copy, i % 4 * (TILE + GAP), 24 + i // 4 * (TILE + GAP))
    return drawn


def tile(x: Tensor, left: float, top: float, side: float = TILE) -> str:
    """A photo with an edge: what a crop or a turn leaves is black, as a dark page is."""
    edge = {"fill": "none", "stroke": "var(--ink)", "stroke_opacity": 0.3}
    return photo(x, left, top, side, side) + tag("rect", x=left, y=top, width=side, height=side, **edge)


def mixer_sentence(picture: str, words: dict[str, str]) -> str:
    """The caption: the first copy, step by step."""
    first = ", ".join(f"{name} {what}" for name, what in words.items() if what)
    return f"{picture.capitalize()}, twelve times. The first: {first}. Would you give all twelve the same label?"


NOTHING: dict[str, Any] = {"flip": 0, "crop": 0, "rotate": 0, "colour": 0, "hide": 0, "m": 0}


class AugmentationMixer(Explorable):
    """The augmentation mixer: `AugmentationMixer()`, `AugmentationMixer(picture="flower", rotate=180)`.

    Knobs: `picture`, `flip` (probability), `crop`, `rotate`, `colour`, `hide` (each up to so much), `m` (RandAugment's)
    and `draw`, another number for other random numbers.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Data augmentation".
    """

    title: ClassVar[str] = "Twelve copies of one photo"
    compact: ClassVar[bool] = True
    picture = Menu(list(PHOTOS), "cat", "picture")
    flip = Slider(list(range(0, 101, 10)), 50, "flip chance", " %")
    crop = Slider(list(range(0, 51, 5)), 15, "pad & crop up to", " %")
    rotate = Slider([*range(0, 31, 5), 45, 60, 90, 120, 150, 180], 15, "rotate up to", "°")
    colour = Slider(list(range(0, 101, 10)), 10, "colour", " %")
    hide = Slider(list(range(0, 71, 10)), 0, "hide up to", " %")
    m = Slider(list(range(0, 31, 3)), 0, "Rand\u00adAugment M")  # may be broken where it is narrow
    draw_number = Slider(list(range(100)), 0, "draw number", play=True)
    drag: ClassVar[dict[str, Any]] = pad(
        ALL, "rotate", "colour", panel=1, hint="Drag over the copies: rotate across, colour down"
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Nothing": NOTHING,
        "Gentle": {**NOTHING, "flip": 50, "crop": 10, "rotate": 10, "colour": 10},
        "All poses": {**NOTHING, "flip": 50, "rotate": 180},
        "Other colours": {**NOTHING, "colour": 100},
        "Hide and seek": {**NOTHING, "hide": 70},
        "RandAugment": {**NOTHING, "m": 15},
        "Too much": {"flip": 50, "crop": 50, "rotate": 180, "colour": 100, "hide": 70, "m": 30},
    }

    def draw(self) -> Figure:
        """`mixer_picture` of the present state."""
        state = self.state
        return mixer_picture(draw=state.pop("draw_number"), **state)


# ---------------------------------------------------------------------------------------------- the blender

BLENDS = ("mixup", "CutMix")
SMALL, BIG = 164, 276
MIXED = Frame(42, 24, BIG, BIG, (0, SIDE), (SIDE, 0))  # columns and rows of the mixed picture


def blend(way: str, one: str, other: str, lam: float, column: int, row: int) -> tuple[Tensor, Tensor, float]:
    """The mixed picture (3, SIDE, SIDE), the label (2,), and λ as it was used.

    CutMix's box has the share 1 − λ and its centre at (column, row); what hangs over the edge is cut off.
    """
    x = album()[[PHOTOS.index(one), PHOTOS.index(other)]]
    y, order = torch.eye(2), torch.tensor([1, 0])
    if way == "mixup":
        x, y = augmentation.mixup(x, y, torch.tensor([lam, lam]), order)
    else:
        side = int(SIDE * (1 - lam) ** 0.5)
        box = tuple(torch.tensor([v, v]) for v in (row - side // 2, column - side // 2, side, side))
        x, y = augmentation.cutmix(x, y, box, order)  # type: ignore[arg-type]
    return x[0], y[0], float(y[0, 0])


def blender_picture(
    way: str = "mixup", one: str = "cat", other: str = "coffee", lam: float = 0.6, column: int = 48, row: int = 48
) -> Figure:
    """Two photos, their mixture, and its label.

    Args:
        way: "mixup" or "CutMix".
        one: the picture itself, share λ; a name in `course.data.PHOTOS`.
        other: its partner, share 1 − λ.
        lam: λ in [0, 1].
        column: centre of CutMix's box, 0 … 96.
        row: likewise, from the top.

    Raises:
        ValueError: no such way or photo, or λ outside [0, 1].

    Source: lecture, "Mixup & CutMix".
    """
    if way not in BLENDS or one not in PHOTOS or other not in PHOTOS or not 0 <= lam <= 1:
        raise ValueError(
            f"need a way in {BLENDS}, photos in {PHOTOS} and λ in [0, 1]; got {way=}, {one=}, {other=}, {lam=}"
        )
    mixed, label, used = blend(way, one, other, lam, column, row)
    x, front = album(), text(WIDTH / 2, 28 + SMALL / 2, "+", "middle", font_size=20)
    for name, left in ((one, 0), (other, WIDTH - SMALL)):
        front += tile(x[PHOTOS.index(name)], left, 24, SMALL) + text(left, 16, name.capitalize(), font_weight=600)
    front += bars(one, other, [float(v) for v in label])
    mixture = text(MIXED.left - 24, 28 + BIG / 2, "=", "middle", font_size=20)
    mixture += photo(mixed, MIXED.left, MIXED.top, BIG, BIG) + text(MIXED.left, 16, way, font_weight=600) + MIXED.edge()
    panels = Panel(WIDTH, HEIGHT, back=" ", front=front), Panel(WIDTH, HEIGHT, back=" ", front=mixture)
    return Figure(panels, blender_sentence(way, one, other, lam, used))


def bars(one: str, other: str, label: list[float]) -> str:
    """The label as two bars."""
    longest = WIDTH - 120
    drawn = text(0, 222, "The label of the mixture", font_weight=600)
    for i, (name, share, ink) in enumerate(zip((one, other), label, ("cool", "accent"), strict=True)):
        y = 236 + 26 * i
        drawn += text(0, y + 14, name)
        drawn += tag("rect", x=74, y=y, width=f"{longest * share:.1f}", height=18, fill=f"var(--{ink})")
        drawn += text(74 + longest * share + 8, y + 14, f"{share:.2f}")
    return drawn


def blender_sentence(way: str, one: str, other: str, lam: float, used: float) -> str:
    """The caption: the shares, and how CutMix corrects λ."""
    used = round(used, 3)  # so that both shares add up to 1 as they are written
    words = f"{way}: {number(used)} {one}, {number(round(1 - used, 3))} {other}, in the picture and in the label alike."
    if way == "CutMix" and abs(used - lam) > 0.02:
        words += (
            f" λ was drawn as {number(lam, 3)}; counting the pixels that were really pasted makes it {number(used, 3)}."
        )
    return words + (" The two photos are the same, so nothing changes." if one == other else "")


class MixBlender(Explorable):
    """The blender: `MixBlender()`, `MixBlender(way="CutMix", lam=0.3)`.

    Knobs: `way` (mixup or CutMix), the photos `one` and `other`, λ `lam`, and the centre of CutMix's box, `column` and
    `row`, which can be dragged on the mixture.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Mixup & CutMix".
    """

    title: ClassVar[str] = "Two pictures in one"
    way = Menu(list(BLENDS), "CutMix", "way")  # the one with something to drag
    one = Menu(list(PHOTOS), "cat", "picture")
    other = Menu(list(PHOTOS), "coffee", "partner")
    lam = Slider([round(0.05 * i, 2) for i in range(21)], 0.6, "λ", play=True)
    column = Slider(list(range(0, SIDE + 1, 4)), 48, "box: column")
    row = Slider(list(range(0, SIDE + 1, 4)), 48, "box: row")
    drag: ClassVar[dict[str, Any]] = pad(MIXED, "column", "row", panel=1, hint="Drag to move the box of CutMix")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "By halves": {"way": "mixup", "lam": 0.5},
        "A trace": {"way": "mixup", "lam": 0.9},
        "A patch": {"way": "CutMix", "lam": 0.6, "column": 48, "row": 48},
        "Over the edge": {"way": "CutMix", "lam": 0.5, "column": 92, "row": 4},
        "All of it": {"way": "CutMix", "lam": 0.0, "column": 48, "row": 48},
    }

    def unused(self) -> tuple[str, ...]:
        """Mixup has no box."""
        return ("column", "row") if self.way == "mixup" else ()

    def draw(self) -> Figure:
        """`blender_picture` of the present state."""
        return blender_picture(**self.state)
