"""Fruit drawn by a program: bananas, apples and oranges, as many as wanted, in any size, with known labels.

`images, labels = fruit("train")` is a data set for experiments. `render` draws single pictures, and a `Variety` says
what may differ between them, factor by factor: turn one to 0 and nothing else in the pictures changes.

How a picture comes about: every random number is a hash of (seed, index, purpose), so that a picture depends on its
seed and its number alone. `_background`, `_clutter`, `_shadow`, the fruit, `_occluder` are drawn over each other, then
`_camera` takes the photograph. Pixels see only +, −, ·, ÷, √ and comparisons, which IEEE 754 defines to the last bit:
the bytes do not depend on batch size, threads or vector width. Sines and cosines occur only once per picture, in
float64.

Shapes inside: a batch of one class, n pictures; scalars (n, 1, 1), planes (n, H, W), colours (3, n, H, W).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

CLASSES = ("banana", "apple", "orange")
"""Class names; a label is an index into it."""

SPLIT_SIZES = {"train": 1000, "validation": 300, "test": 1000}
"""The splits of `fruit`, and how many pictures each has unless another number is asked for."""

SPAN = 999_999_999
"""Each split has this many indices of its own: train 0 …, validation SPAN …, test 2·SPAN …; a multiple of 3."""

CHUNK = 1 << 16
"""Pixels drawn at once on a CPU, so that the planes stay in its cache; an accelerator gets 64 times as many."""


# --------------------------------------------------------------------------------------------- what may vary


@dataclass(frozen=True)
class Variety:
    """What may differ between pictures of the same class. Each factor can be narrowed alone.

    Attributes:
        rotation: degrees; the fruit is turned by up to this much either way. 0: upright, 180: any direction.
        scale: smallest and largest size of the fruit, as shares of the picture's side.
        shift: how far the fruit's centre may be from the picture's, in half sides. 0: in the middle, 1: at the border.
        shape: 0: one shape per class; 1: slim and thick, bent and straight, with or without a leaf, mirrored.
        colour: 0: one colour per class; 1: the full range, in which classes overlap (green and yellow apples).
        light: 0: always the same lamp and camera settings; 1: direction, exposure, contrast and white balance vary.
        background: 0: plain grey without a shadow; 1: two colours, textures, a shadow.
        clutter: 0: nothing else lies around; 1: up to five other things behind the fruit.
        occlusion: probability that something lies in front of the fruit.
        noise: standard deviation of the camera's noise, where white is 1.
    """

    rotation: float = 25.0
    scale: tuple[float, float] = (0.55, 0.95)
    shift: float = 0.25
    shape: float = 1.0
    colour: float = 1.0
    light: float = 1.0
    background: float = 1.0
    clutter: float = 1.0
    occlusion: float = 0.3
    noise: float = 0.03

    def __post_init__(self) -> None:
        limits = {"rotation": 180.0, "shift": 1.0, "noise": 1.0, "occlusion": 1.0}
        for name in ("rotation", "shift", "shape", "colour", "light", "background", "clutter", "occlusion", "noise"):
            value, limit = getattr(self, name), limits.get(name, 1.0)
            if not 0 <= value <= limit:
                raise ValueError(f"{name} must be in [0, {limit:g}], got {value}")
        if len(self.scale) != 2 or not 0.1 <= self.scale[0] <= self.scale[1] <= 2:
            raise ValueError(f"scale must be (smallest, largest) with 0.1 ≤ smallest ≤ largest ≤ 2, got {self.scale}")


UPRIGHT = Variety(rotation=10)
"""Fruit nearly upright: what a model sees whose photographers hold the camera straight."""

FREE = Variety(rotation=180)
"""The same, turned in any direction."""

PLAIN = Variety(
    rotation=0, scale=(0.75, 0.75), shift=0, shape=0, colour=0, light=0, background=0, clutter=0, occlusion=0, noise=0
)
"""One picture per class: nothing varies. Start from it to let a single factor vary: `replace(PLAIN, rotation=90)`."""


# ----------------------------------------------------------------------------------------------- random numbers


def _signed(x: int) -> int:
    """The int32 with the same 32 bits."""
    return (x & 0xFFFFFFFF) - ((x & 0x80000000) << 1)


GOLDEN, ODD_1, ODD_2 = _signed(0x9E3779B9), _signed(0x7FEB352D), _signed(0x846CA68B)


def _mix(h: Tensor) -> Tensor:
    """Scramble int32 values in place, one to one. Source: Wellons, "Hash function prospector" (2018), `lowbias32`."""
    h.bitwise_xor_((h >> 16).bitwise_and_(0xFFFF)).mul_(ODD_1)
    h.bitwise_xor_((h >> 15).bitwise_and_(0x1FFFF)).mul_(ODD_2)
    return h.bitwise_xor_((h >> 16).bitwise_and_(0xFFFF))


def _keys(index: Tensor, seed: int) -> Tensor:
    """One int32 per picture; two indices never share one, as every step is one to one."""
    start = _mix(torch.tensor([_signed(seed)], dtype=torch.int32)).item()
    folded = torch.where(index < 1 << 31, index, index - (1 << 32)).int()
    return _mix(folded ^ start)


def _uniform(keys: Tensor, first: int, count: int) -> Tensor:
    """Numbers `first` … `first + count − 1` of each picture, in [0, 1), shape (count, n)."""
    streams = torch.arange(first, first + count, dtype=torch.int32, device=keys.device)
    h = _mix(streams[:, None] * GOLDEN + keys)
    return (h >> 8).bitwise_and_(0xFFFFFF).float() * 2.0**-24


THINGS = ("pose", "background", "clutter", "light", "form", "skin", "shadow", "occluder", "camera", "mottle", "grain")
PER_THING = 256


class _Dice:
    """Uniform numbers for one thing in the picture, in the order of asking: `dice(low, high)` has shape (n, 1, 1)."""

    def __init__(self, keys: Tensor, thing: str, count: int) -> None:
        self.rows = iter(_uniform(keys, PER_THING * THINGS.index(thing), count)[..., None, None])

    def __call__(self, low: float = 0.0, high: float = 1.0, vary: float = 1.0) -> Tensor:
        """Uniform in [low, high); `vary` < 1 narrows the range towards its middle."""
        return (next(self.rows) - 0.5) * ((high - low) * vary) + 0.5 * (low + high)


def _smooth_noise(keys: Tensor, thing: str, cells: int, size: int) -> Tensor:
    """Value noise: random numbers in [−½, ½) on a lattice, smoothly interpolated; shape (n, size, size)."""
    lattice = _uniform(keys, PER_THING * THINGS.index(thing), (cells + 1) ** 2) - 0.5
    lattice = lattice.T.reshape(-1, cells + 1, cells + 1)
    position = (torch.arange(size, device=keys.device) + 0.5) * (cells / size)
    left = position.long()
    weight = _ease(position - left)
    columns = lattice[:, :, left]
    columns = columns + (lattice[:, :, left + 1] - columns) * weight
    rows = columns.index_select(1, left)
    return rows + (columns.index_select(1, left + 1) - rows) * weight[:, None]


# ---------------------------------------------------------------------------------------------------- drawing tools


def _ease(t: Tensor) -> Tensor:
    return t * t * (3 - 2 * t)


def _step(low: float, high: float, x: Tensor) -> Tensor:
    """0 below `low`, 1 above `high`, smooth between; `low` > `high` makes it fall."""
    return _ease(((x - low) * (1 / (high - low))).clamp_(0, 1))


def _bump(squared: Tensor) -> Tensor:
    """1/(1 + z²)², a bell that needs no exponential."""
    one = 1 + squared
    return 1 / (one * one)


def _wave(t: Tensor) -> Tensor:
    """Nearly sin 2πt, made of parabolas, in [−1, 1]."""
    phase = (t - t.floor()) * 2 - 1
    return -4 * phase * (1 - phase.abs())


def _turn(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine, rounded from float64 so that no device's rounding shows."""
    angle = angle.double()
    return angle.cos().float(), angle.sin().float()


def _hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Hue (1 is a full turn, 0 red, ⅓ green), saturation and value, each (n, …), as a colour (3, n, …)."""
    t = torch.stack([5 + hue * 6, 3 + hue * 6, 1 + hue * 6])
    t = t - (t * (1 / 6)).floor() * 6
    return value - value * saturation * torch.minimum(t, 4 - t).clamp_(0, 1)


def _rgb(like: Tensor, *colour: float) -> Tensor:
    return torch.tensor(colour, device=like.device)[:, None, None, None]


def _length(x: Tensor, y: Tensor) -> Tensor:
    return (x * x + y * y).sqrt_()


def _segment(x: Tensor, y: Tensor, from_x: Tensor, from_y: Tensor, to_x: Tensor, to_y: Tensor) -> tuple[Tensor, Tensor]:
    """Distance from a line segment, and how far along it (0 … 1) the nearest point is."""
    x, y, dx, dy = x - from_x, y - from_y, to_x - from_x, to_y - from_y
    along = ((x * dx + y * dy) / (dx * dx + dy * dy)).clamp_(0, 1)
    return _length(x - along * dx, y - along * dy), along


def _paint(picture: Tensor, colour: Tensor, cover: Tensor) -> None:
    """Lay a colour over the picture where `cover` is 1; in place."""
    picture.mul_(1 - cover).add_(colour * cover)


# ----------------------------------------------------------------------------------------------------- the scene


@dataclass(frozen=True)
class _Scene:
    """What all parts of a picture need to know.

    Attributes:
        keys: one per picture, (n,), from which all random numbers come.
        size: the picture's side in pixels.
        variety: what may vary.
        x, y: pixel centres in half sides, x to the right, y up, (1, 1, W) and (1, H, 1).
        low, fine: smooth noise (n, H, W), blotches of a fifth and a twelfth of the side.
    """

    keys: Tensor
    size: int
    variety: Variety
    x: Tensor
    y: Tensor
    low: Tensor
    fine: Tensor

    def cover(self, distance: Tensor) -> Tensor:
        """How much of each pixel is covered by what has this signed distance (in half sides, inside negative)."""
        return (distance * (-0.5 * self.size) + 0.5).clamp_(0, 1)


@dataclass(frozen=True)
class _Pose:
    """Where the fruit is: its own coordinates, in which it stands upright and has radius 1 or a little less."""

    x: Tensor
    y: Tensor
    cos: Tensor
    sin: Tensor
    mirror: Tensor
    scale: Tensor

    def inside(self, x: Tensor | float, y: Tensor | float) -> tuple[Tensor, Tensor]:
        """A direction of the picture in the fruit's coordinates."""
        return (self.cos * x + self.sin * y) * self.mirror, self.cos * y - self.sin * x


@dataclass(frozen=True)
class _Light:
    """A lamp: unit vector towards it (z to the viewer) and the shares of ambient and direct light."""

    x: Tensor
    y: Tensor
    z: Tensor
    ambient: Tensor


@dataclass(frozen=True)
class _Fruit:
    """A fruit's body, and what is attached to it, before light falls on it; in the fruit's coordinates.

    Attributes:
        distance: signed distance from the outline, negative inside.
        normal: direction of the surface, x, y and z (to the viewer); need not have length 1.
        colour: of the skin.
        gloss: strength of the highlight.
        sharpness: how often the highlight's cosine is squared.
        parts: colour and signed distance of stem, leaf, ..., drawn last.
        width, height: half axes of the shadow.
    """

    distance: Tensor
    normal: tuple[Tensor, Tensor, Tensor]
    colour: Tensor
    gloss: Tensor
    sharpness: int
    parts: tuple[tuple[Tensor, Tensor], ...] = ()
    width: float = 0.95
    height: float = 0.85


def _scene(keys: Tensor, size: int, variety: Variety) -> _Scene:
    centres = (torch.arange(size, device=keys.device) * 2 + (1 - size)) * (1 / size)
    low, fine = _smooth_noise(keys, "mottle", 5, size), _smooth_noise(keys, "grain", 12, size)
    return _Scene(keys, size, variety, centres[None, None], -centres[None, :, None], low, fine)


def _pose(scene: _Scene) -> _Pose:
    dice, may = _Dice(scene.keys, "pose", 5), scene.variety
    cos, sin = _turn(dice(-1, 1) * (may.rotation * math.pi / 180))
    scale, x0, y0 = dice(*may.scale), dice(-1, 1, may.shift), dice(-1, 1, may.shift)
    mirror = torch.where(dice() < 0.5 * may.shape, -1.0, 1.0)
    x, y = (scene.x - x0) / scale, (scene.y - y0) / scale
    return _Pose((x * cos + y * sin) * mirror, y * cos - x * sin, cos, sin, mirror, scale)


def _light(scene: _Scene) -> _Light:
    dice, vary = _Dice(scene.keys, "light", 3), scene.variety.light
    cos, sin = _turn(dice(-100, 100, vary) * (math.pi / 180) + math.radians(110))
    flat, up = _turn(dice(0.45, 1.15, vary))
    return _Light(cos * flat, sin * flat, up, dice(0.3, 0.5, vary))


# --------------------------------------------------------------------------------------- things around the fruit


def _any_hue(dice: _Dice) -> Tensor:
    """In a third of the cases one that fruit has, so that a colour alone does not give the fruit away."""
    return torch.where(dice() < 0.65, dice(), dice(-0.03, 0.25))


def _background(scene: _Scene) -> Tensor:
    """Two colours that meet softly or at an edge, blotches and stripes."""
    dice, much = _Dice(scene.keys, "background", 24), scene.variety.background
    cos, sin = _turn(dice(0, 2 * math.pi))
    hue = _any_hue(dice)
    one = _hsv(hue, dice(0, 0.4), dice(0.25, 0.95))
    other = _hsv(hue + dice(-0.2, 0.2), dice(0, 0.4), dice(0.25, 0.95))
    hard = dice()
    along = scene.x * cos + scene.y * sin
    mixed = ((along + dice(-0.5, 0.5)) * (0.5 + 12 * hard * hard * hard * hard) + 0.5).clamp_(0, 1)
    cos, sin = _turn(dice(0, math.pi))
    stripes = _wave((scene.x * cos + scene.y * sin) * dice(0.5, 4) + scene.low * 0.7)
    texture = scene.low * dice(0.1, 0.5) + scene.fine * dice(0, 0.25) + stripes * (dice() * dice() * 0.1)
    drawn = one + (other - one) * mixed + texture
    return 0.5 + (drawn - 0.5) * much


def _clutter(scene: _Scene, picture: Tensor) -> None:
    """Up to five balls and boxes of any colour behind the fruit."""
    dice = _Dice(scene.keys, "clutter", 80)
    for _ in range(5):
        x0, y0, radius, slim, box = dice(-1.1, 1.1), dice(-1.1, 1.1), dice(0.12, 0.55), dice(0.35, 1), dice()
        cos, sin = _turn(dice(0, math.pi))
        colour = _hsv(_any_hue(dice), dice(0, 0.75), dice(0.2, 1))
        there = dice() < 0.6 * scene.variety.clutter
        x, y = scene.x - x0, scene.y - y0
        x, y = x * cos + y * sin, (y * cos - x * sin) / slim
        round_ = _length(x, y)
        distance = torch.where(box < 0.5, torch.maximum(x.abs(), y.abs()), round_) - radius
        lit = 0.95 + scene.low * 0.4 + ((scene.y - y0) * 0.5 - round_ * 0.25) / radius
        _paint(picture, colour * lit, scene.cover(distance * slim) * there)


def _shadow(scene: _Scene, picture: Tensor, pose: _Pose, light: _Light, fruit: _Fruit) -> None:
    """The fruit's soft shadow: an ellipse away from the lamp."""
    dice = _Dice(scene.keys, "shadow", 1)
    x, y = pose.inside(light.x * -0.4, light.y * -0.4 - 0.08)
    across, up = (pose.x - x) * (1 / fruit.width), (pose.y - y) * (1 / fruit.height)
    dark = _step(1.3, 0.55, _length(across, up)) * (dice(0.25, 0.6) * scene.variety.background)
    picture.mul_(1 - dark)


def _occluder(scene: _Scene, picture: Tensor, pose: _Pose) -> None:
    """A bar, a box or a leaf in front of the fruit."""
    dice, may = _Dice(scene.keys, "occluder", 12), scene.variety
    x0, y0, kind, wide = dice(-0.7, 0.7), dice(-0.7, 0.7), dice(), dice(0.15, 0.4)
    cos, sin = _turn(dice(0, math.pi))
    colour, there = _hsv(dice(), dice(0, 0.9), dice(0.15, 0.95)), dice() < may.occlusion
    x, y = pose.x - x0, pose.y - y0
    x, y = x * cos + y * sin, y * cos - x * sin
    bar, box = y.abs() - 0.6 * wide, torch.maximum(x.abs(), y.abs()) - 1.4 * wide
    leaf = _length(x, y.abs() + 1.5 * wide) - 2.5 * wide
    distance = torch.where(kind < 0.4, bar, torch.where(kind < 0.7, box, leaf)) * pose.scale
    lit = 0.85 + scene.fine * 0.4 - y * 0.2
    _paint(picture, colour * lit, scene.cover(distance) * there)


# --------------------------------------------------------------------------------------------------- the fruit


def _banana(scene: _Scene, pose: _Pose) -> _Fruit:
    """A crescent with flat faces: an arc with centre above, thick in the middle, with a neck and a stem on the right.

    A point is at distance r from the arc's centre; `t` is −1 at the tip, 1 where the stem begins, and `v` −1 at the
    inner and 1 at the outer edge. tan(φ/2) = x/(r + y) stands for the angle φ.
    """
    dice, vary = _Dice(scene.keys, "form", 8), scene.variety.shape
    half = dice(0.65, 1.2, vary)
    cos, sin = _turn(half)
    radius, thick, neck = 0.9 / sin, dice(0.2, 0.29, vary), dice(0.2, 0.34, vary)
    x, y = pose.x / dice(0.7, 1.0, vary), radius * (0.5 + 0.5 * cos) - pose.y
    r = _length(x, y)
    t = (x / (r + y).clamp_(min=1e-3)) * ((1 + cos) / sin)
    t2 = t * t
    tip = (1 - t2 * t2).clamp_(min=0).sqrt_()
    taper = 1 - (1 - neck) * _step(0.3, 1.02, t)
    width = thick * torch.where(t < 0, tip.clamp_(min=0.12), taper)
    across = r - radius - 0.06 * (1 - t2)
    length = radius * half
    distance = torch.maximum(across.abs() - width, torch.maximum(t - 1.22, -1.02 - t) * length)
    v = (across / width).clamp_(-1, 1)
    edge_1, edge_2 = dice(-0.45, -0.1, vary), dice(0.3, 0.6, vary)
    faces = 0.82 * _step(-0.14, 0.14, v - edge_1) + 0.72 * _step(-0.14, 0.14, v - edge_2) - 0.76
    slope = 0.5 * v + 0.5 * faces
    normal = (x / r * slope + 0.3 * t, -y / r * slope, (1 - slope * slope).clamp_(min=0.04).sqrt_())
    ridge = _step(0.14, 0.02, (v - edge_2).abs()) + _step(0.12, 0.02, (v - edge_1).abs())
    colour, gloss = _banana_skin(scene, t, v, ridge)
    return _Fruit(distance, normal, colour, gloss, 3, (), 1.0, 0.5)


def _banana_skin(scene: _Scene, t: Tensor, v: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """From green to brown-spotted: one number, ripeness, drives hue, green ends and spots."""
    dice, vary = _Dice(scene.keys, "skin", 8), scene.variety.colour
    ripe = dice(0, 1, vary)
    skin = _hsv(0.23 - 0.11 * ripe.sqrt() + dice(-0.015, 0.015, vary), dice(0.65, 0.95, vary), dice(0.75, 1, vary))
    skin = skin * (1 - 0.12 * ridge)
    ends = _step(0.55, 1.0, t.abs()) * (0.9 - 0.6 * ripe)
    _paint(skin, _rgb(t, 0.5, 0.62, 0.16), ends)
    spots = _step(0.08, 0.3, (scene.fine + 0.25 * scene.low) * vary) * _step(0.45, 1.0, ripe) * dice(0, 1, vary)
    _paint(skin, _rgb(t, 0.42, 0.27, 0.1), 0.75 * spots)
    _paint(skin, _rgb(t, 0.2, 0.14, 0.08), torch.maximum(_step(-0.92, -0.98, t), _step(1.1, 1.17, t)) * 0.9)
    return skin, dice(0.1, 0.25, scene.variety.light)


def _apple(scene: _Scene, pose: _Pose) -> _Fruit:
    """A ball with broad shoulders, pressed in at the top, where the stem comes out of a hollow, and a bit below."""
    dice, vary = _Dice(scene.keys, "form", 16), scene.variety.shape
    x, y = pose.x * (dice(1.0, 1.12, vary) - dice(0.05, 0.2, vary) * pose.y), pose.y * dice(1.02, 1.14, vary) + 0.04
    r = _length(x, y).clamp_(min=1e-3)
    side, up = x / r, y / r
    top, bottom = dice(0.06, 0.24, vary), dice(0.0, 0.13, vary)
    side2 = side * side
    press = top * _bump(side2 * 6) * up.clamp(min=0) - bottom * _bump(side2 * 9) * up.clamp(max=0)
    rim = 0.94 * (1 - press)
    q = (r / rim).clamp_(max=1)
    wide, deep, level = dice(0.24, 0.36, vary), dice(0, 1, vary), dice(0.5, 0.8, vary)
    hollow_x, hollow_y = x / wide, (y - level) * (1 / 0.15)
    hollow = _bump(hollow_x * hollow_x + hollow_y * hollow_y)
    sunk = hollow * deep
    normal = (side * q - hollow_x * sunk, up * q - hollow_y * sunk, (1 - q * q).clamp_(min=0.01).sqrt_())
    colour, gloss = _apple_skin(scene, x, y, hollow)
    parts = _stem_and_leaf(scene, pose, dice, level)
    return _Fruit((r - rim) * 0.95, normal, colour, gloss, 5, parts)


def _apple_skin(scene: _Scene, x: Tensor, y: Tensor, hollow: Tensor) -> tuple[Tensor, Tensor]:
    """Red, green or yellow ground, with a blush that runs in streaks from top to bottom, and light specks."""
    dice, vary = _Dice(scene.keys, "skin", 16), scene.variety.colour
    kind, red, green, yellow = dice(), dice(-0.03, 0.03), dice(0.18, 0.28), dice(0.07, 0.17)
    hue = torch.where(kind < 0.5, red, torch.where(kind < 0.75, green, yellow)) * vary
    skin = _hsv(hue, dice(0.7, 0.95, vary), dice(0.55, 0.95, vary)).expand(-1, -1, *x.shape[1:]).clone()
    longitude = x / (1.05 - y * y).clamp_(min=0.1).sqrt_()
    streaks = _wave(longitude * dice(1.5, 4) + dice() + scene.fine * 0.5)
    where = scene.low * 1.6 + 0.2 * streaks + dice(-0.6, 0.6) * x + dice(-0.35, 0.35)
    blush = _hsv(torch.where(kind < 0.45, dice(0.04, 0.15), dice(-0.02, 0.06)), dice(0.6, 0.9), dice(0.65, 0.95))
    _paint(skin, blush, _step(-0.2, 0.6, where) * (dice(0, 0.8) * vary))
    _paint(skin, _rgb(x, 0.95, 0.88, 0.6), _step(0.28, 0.45, scene.fine) * (0.2 * vary))
    _paint(skin, _rgb(x, 0.5, 0.5, 0.2), hollow * hollow * 0.6)
    return skin, dice(0.3, 0.7, scene.variety.light)


def _stem_and_leaf(scene: _Scene, pose: _Pose, dice: _Dice, level: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """A stem out of the hollow, on most apples; a leaf with a light midrib on some of those."""
    vary = scene.variety.shape
    lean, tall, stalk = dice(-0.25, 0.25, vary), dice(1.0, 1.2, vary), dice() >= 0.2 * vary
    beside, along = _segment(pose.x, pose.y, torch.zeros_like(level), level - 0.03, lean, tall)
    stem = torch.where(stalk, beside - 0.045 - 0.03 * along, 9.0)
    bark = _rgb(level, 0.4, 0.27, 0.14) * (0.55 + 0.6 * along)
    cos, sin = _turn(dice(0.1, 0.8, vary))
    x, y = pose.x - 0.7 * lean, pose.y - 0.86
    x, y = x * cos + y * sin - 0.36, y * cos - x * sin
    leaf = torch.where((dice() < 0.6 * vary) & stalk, _length(x, y.abs() + 0.3) - 0.47, 9.0)
    green = _hsv(dice(0.24, 0.34, vary), dice(0.5, 0.85, vary), dice(0.35, 0.65, vary))
    veins = 0.9 + 0.5 * _step(0.035, 0.0, y.abs()) + (y * 2).clamp_(-0.25, 0.25)
    return (bark, stem), (green * veins, leaf)


def _orange(scene: _Scene, pose: _Pose) -> _Fruit:
    """A ball with pores, a little flattened, and a green button where the stem was."""
    dice, vary = _Dice(scene.keys, "form", 8), scene.variety.shape
    x, y = pose.x, pose.y * dice(1.0, 1.1, vary)
    r = _length(x, y)
    q = (r * (1 / 0.92)).clamp_(max=1)
    z = (1 - q * q).sqrt_()
    pores, warp = dice(8, 12, vary), 0.9 * vary
    u, v = x / (0.6 + z) * pores, y / (0.6 + z) * pores
    a, b = _wave(u + 0.5 * v + scene.fine * warp), _wave(v - 0.4 * u + (scene.low - scene.fine) * warp)
    seen = (pose.scale * (0.2 * scene.size) / pores - 0.2).clamp_(0, 1)
    bumps = (0.11 * seen) * z
    x0, y0 = dice(-0.5, 0.5, vary), dice(0.05, 0.7, vary)
    fresh = (1.0 - x0 * x0 - y0 * y0).clamp_(min=0.2).sqrt_()
    hole = ((x - x0) * (x - x0) + (y - y0) * (y - y0)) / (fresh * 0.02)
    dent = _bump(hole)
    normal = (x + a * bumps - (x - x0) * dent * 3, y + b * bumps - (y - y0) * dent * 3, z + 0.02)
    shown = dice() >= 0.6 * vary
    colour, gloss = _orange_skin(scene, a * b * bumps, hole, shown)
    return _Fruit(r - 0.92, normal, colour, gloss, 3)


def _orange_skin(scene: _Scene, pores: Tensor, hole: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
    """Orange, from reddish to greenish yellow, darker in the pores, with the green button."""
    dice, vary = _Dice(scene.keys, "skin", 8), scene.variety.colour
    unripe = dice()
    hue = 0.075 + ((dice(0.03, 0.115) + 0.05 * _step(0.7, 1.0, unripe)) - 0.075) * vary
    hue = hue + scene.low * (0.03 * vary)
    skin = _hsv(hue, dice(0.75, 1, vary), dice(0.75, 1, vary)) * (1 + pores)
    _paint(skin, _rgb(hue, 0.32, 0.4, 0.14), _step(1.1, 0.5, hole) * shown)
    _paint(skin, _rgb(hue, 0.75, 0.68, 0.4), _step(0.2, 0.1, hole) * shown)
    return skin, dice(0.15, 0.4, scene.variety.light)


DRAW: tuple[Callable[[_Scene, _Pose], _Fruit], ...] = (_banana, _apple, _orange)
"""How to draw each class, in the order of CLASSES."""


# ------------------------------------------------------------------------------------------- light and camera


def _shaded(fruit: _Fruit, pose: _Pose, light: _Light) -> Tensor:
    """Lambert's cosine for the lamp, light from the sky above, darker rims, and a highlight (Blinn)."""
    nx, ny, nz = fruit.normal
    inverse = 1 / (nx * nx + ny * ny + nz * nz).sqrt_()
    lx, ly = pose.inside(light.x, light.y)
    diffuse = ((nx * lx + ny * ly + nz * light.z) * inverse).clamp_(min=0)
    up_x, up_y = pose.inside(0.0, 1.0)
    sky = 1 + 0.3 * (nx * up_x + ny * up_y) * inverse
    rim = 0.7 + 0.3 * nz * inverse
    half = 1 / (2 + 2 * light.z).sqrt()  # length of light + direction to the viewer
    shine = ((nx * (lx * half) + ny * (ly * half) + nz * ((light.z + 1) * half)) * inverse).clamp_(min=0)
    for _ in range(fruit.sharpness):
        shine = shine * shine
    return fruit.colour * (light.ambient * sky * rim + 0.85 * diffuse) + fruit.gloss * shine


def _draw_fruit(scene: _Scene, picture: Tensor, pose: _Pose, light: _Light, fruit: _Fruit) -> None:
    _paint(picture, _shaded(fruit, pose, light), scene.cover(fruit.distance * pose.scale))
    for colour, distance in fruit.parts:
        lit = 0.35 + light.ambient + 0.35 * light.z
        _paint(picture, colour * lit, scene.cover(distance * pose.scale))


def _camera(scene: _Scene, picture: Tensor) -> Tensor:
    """White balance, exposure, contrast, noise; then 256 levels. Returns uint8, (n, 3, H, W)."""
    dice, vary = _Dice(scene.keys, "camera", 5), scene.variety.light
    white = torch.stack([dice(0.86, 1.14, vary), dice(0.92, 1.08, vary), dice(0.86, 1.14, vary)])
    contrast = dice(0.6, 1.3, vary) + 0.05 * (1 - vary)
    gain = white * (1 + dice(-0.35, 0.25, vary) + 0.05 * (1 - vary)) * contrast
    picture.mul_(gain).add_(0.5 - 0.5 * contrast)
    if scene.variety.noise:
        picture.add_(_grain(scene.keys, scene.size) * scene.variety.noise)
    levels = picture.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
    return levels.transpose(0, 1)


def _grain(keys: Tensor, size: int) -> Tensor:
    """Noise of mean 0 and standard deviation 1, (3, n, size, size): the sum of a hash's two halves."""
    pixel = torch.arange(3 * size * size, dtype=torch.int32, device=keys.device).mul_(GOLDEN).view(3, 1, size, size)
    h = _mix(_mix(keys + 1)[:, None, None] + pixel)
    both = (h & 0xFFFF).add_((h >> 16).bitwise_and_(0xFFFF))
    return both.float().sub_(65535).mul_(math.sqrt(6) / 65536)


def _draw(keys: Tensor, label: int, size: int, variety: Variety) -> Tensor:
    """Pictures of one class, uint8 (n, 3, size, size)."""
    scene = _scene(keys, size, variety)
    pose, light = _pose(scene), _light(scene)
    fruit = DRAW[label](scene, pose)
    picture = _background(scene)
    _clutter(scene, picture)
    _shadow(scene, picture, pose, light, fruit)
    _draw_fruit(scene, picture, pose, light, fruit)
    _occluder(scene, picture, pose)
    return _camera(scene, picture)


# ------------------------------------------------------------------------------------------------- for everybody


def _balanced(index: Tensor, seed: int) -> Tensor:
    """Labels such that indices 3k, 3k + 1, 3k + 2 have three different ones, in random order."""
    group, place = index // 3, index % 3
    h = _keys(group, seed ^ 0x5EED).long() & 0xFFFFFFFF
    order = h % 6
    return (order + place * torch.where(order < 3, 1, 2)) % 3


def render(
    index: Tensor, size: int = 32, variety: Variety = Variety(), seed: int = 0, labels: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Draw the pictures with these numbers.

    A picture is a function of (seed, index, label, size, variety) alone: the same bytes alone or in a batch, in any
    order, with any number of threads. The size changes the resolution, not the scene. Random numbers are tied to
    purposes, so that a change of one factor of the variety leaves all others as they were.

    Args:
        index: numbers of the pictures, integers in [0, 2³²), shape (N,); it says on which device to draw.
        size: side in pixels, ≥ 8.
        variety: what may vary.
        seed: another seed, other pictures; in [0, 2³²).
        labels: what to draw, class ids (N,); by default as the index says: each of 3k, 3k + 1, 3k + 2 another class.

    Returns:
        Images, uint8 (N, 3, size, size), as a camera stores them, and labels, int64 (N,).

    Raises:
        ValueError: an argument is not as above.

    Source: drawn by this package. Licence: MIT. Size: 3·size² bytes a picture, and about 200 bytes a pixel for the
    65 536 pixels (on an accelerator 4 194 304) that are drawn at a time, however many pictures there are.
    """
    _check_render(index, size, seed, labels)
    labels = _balanced(index.long(), seed) if labels is None else labels.to(index.device, torch.int64)
    keys = _keys(index.long(), seed)
    images = torch.empty(len(index), 3, size, size, dtype=torch.uint8, device=index.device)
    at_once = max(1, CHUNK * (1 if index.device.type == "cpu" else 64) // size**2)
    for label in range(len(CLASSES)):
        for rows in (labels == label).nonzero()[:, 0].split(at_once):
            images[rows] = _draw(keys[rows], label, size, variety)
    return images, labels


def _check_render(index: Tensor, size: int, seed: int, labels: Tensor | None) -> None:
    if index.ndim != 1 or index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
        raise ValueError(f"index must be integers of shape (N,), got {index.dtype}, {tuple(index.shape)}")
    if len(index) and not (int(index.min()) >= 0 and int(index.max()) < 1 << 32):
        raise ValueError(f"indices must be in [0, 2³²), got {int(index.min())} … {int(index.max())}")
    if size < 8:
        raise ValueError(f"size must be ≥ 8 pixels, got {size}")
    if not 0 <= seed < 1 << 32:
        raise ValueError(f"seed must be in [0, 2³²), got {seed}")
    if labels is None:
        return
    if labels.shape != index.shape or labels.is_floating_point():
        raise ValueError(f"need one class id per index, {len(index)}; got {labels.dtype}, {tuple(labels.shape)}")
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < len(CLASSES)):
        raise ValueError(f"labels must be 0 … {len(CLASSES) - 1} ({', '.join(CLASSES)})")


def fruit(
    split: str = "train",
    n: int | None = None,
    size: int = 32,
    variety: Variety = UPRIGHT,
    wrong: float = 0.0,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    """Bananas, apples and oranges: a data set of any size, in which every difficulty can be turned up and down.

    The three splits use disjoint sets of indices for `render`. Fewer pictures are the first of more; of each class
    there are equally many, give or take one.

    Args:
        split: "train" (1 000 pictures by default), "validation" (300) or "test" (1 000).
        n: how many pictures, ≥ 1; None for the numbers above.
        size: side in pixels, ≥ 8.
        variety: what may vary; UPRIGHT, FREE, PLAIN or your own.
        wrong: share of labels that are replaced by another class, in [0, 1); for "train" only. Exactly
            round(wrong · n) of them, the same ones each time.
        seed: another seed, another data set.
        device: where to draw; the CPU by default.

    Returns:
        Images, float32 (N, 3, size, size) in [0, 1], and labels, int64 (N,), indices into CLASSES.

    Raises:
        ValueError: an argument is not as above.

    Source: drawn by this package. Licence: MIT. Size: nothing on disk; 12·size² bytes a picture, 12 MB for 1 000.
    """
    n = _check_fruit(split, n, wrong)
    index = torch.arange(n, device=device) + list(SPLIT_SIZES).index(split) * SPAN
    images, labels = render(index, size, variety, seed)
    if wrong:
        labels = _with_wrong(labels, index, wrong, seed)
    return images.float() / 255, labels


def _check_fruit(split: str, n: int | None, wrong: float) -> int:
    if split not in SPLIT_SIZES:
        raise ValueError(f"there is no split {split!r}; use one of {', '.join(map(repr, SPLIT_SIZES))}")
    n = SPLIT_SIZES[split] if n is None else n
    if not 1 <= n <= SPAN:
        raise ValueError(f"n must be in 1 … {SPAN:,}, got {n}")
    if not 0 <= wrong < 1:
        raise ValueError(f"wrong is a share in [0, 1), got {wrong}")
    if wrong and split != "train":
        raise ValueError(f"wrong labels are for training only; {split!r} must stay right to measure anything")
    return n


def _with_wrong(labels: Tensor, index: Tensor, wrong: float, seed: int) -> Tensor:
    """Replace those labels by another class whose hash is smallest."""
    h = _keys(index, seed ^ 0xBAD).long() & 0xFFFFFFFF
    chosen = h.argsort()[: round(wrong * len(labels))]
    labels = labels.clone()
    labels[chosen] = (labels[chosen] + 1 + h[chosen] % 2) % 3
    return labels
