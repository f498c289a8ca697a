"""The operations that policies choose from: RandAugment's fourteen, and invert.

Pictures are uint8 (N, C, H, W), C = 1 or 3, as the operations are defined on 256 levels; floating-point ones in [0, 1]
are rounded to levels and come back as floats. Each picture has its own operation and its own magnitude.

The magnitude's unit is the operation's own: slope for shears, pixels, degrees, 1 + magnitude the factor of brightness,
colour, contrast and sharpness, bits for posterize, a share of 255 for solarize's threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor

from course.augmentation._checks import each, pictures, spread
from course.augmentation.geometry import look_up, rotate

GEOMETRIC = ("Rotate", "ShearY", "ShearX", "TranslateX", "TranslateY")
"""Operations that move pixels, and masks with them."""

BLOCK = 1 << 18
"""Numbers that are worked on at a time, so that they and what is computed from them stay in the processor's cache."""

GREY = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue, as torchvision rounds them."""


def _levels(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Let an operation on uint8 take floating-point pictures in [0, 1] too: x → round(255 x) → operation → /255."""

    @wraps(operation)
    def on_levels(x: Tensor, *parameters: Tensor) -> Tensor:
        if pictures(x, (1, 3)).is_floating_point():
            levels = (x * 255).round_().clamp_(0, 255).to(torch.uint8)
            return operation(levels, *parameters).to(x.dtype).div_(255)
        if x.dtype != torch.uint8:
            raise ValueError(f"need uint8 pictures, or floating-point ones in [0, 1], got {x.dtype}")
        return operation(x, *parameters)

    return on_levels


# ------------------------------------------------------------------------------------------------ pointwise


@_levels
def invert(x: Tensor) -> Tensor:
    """The negative: 255 − x."""
    return ~x


@_levels
def solarize(x: Tensor, threshold: Tensor) -> Tensor:
    """Invert what is bright: 255 − x where x ≥ 255 · threshold, else x.

    Args:
        x: pictures.
        threshold: share of 255, (N,); 1 changes white only, 0 inverts everything.
    """
    levels = spread((each("threshold", threshold, x, dtype=torch.float32) * 255).ceil_().to(torch.uint8))
    # max(x, t) − x is 0 where x ≥ t. Comparisons of bytes are 20 times as slow as arithmetic with them.
    bright = torch.maximum(x, levels).sub_(x).clamp_(max=1).sub_(1)  # 255 or 0
    return bright.bitwise_xor_(x)


@_levels
def posterize(x: Tensor, bits: Tensor) -> Tensor:
    """Keep only the upper bits of each level, 0 … 8: 2^bits levels are left, from 0 on.

    Args:
        x: pictures.
        bits: how many to keep, (N,).
    """
    kept = (0xFF00 >> each("bits", bits, x).int()).bitwise_and_(255)
    return x & spread(kept.to(torch.uint8))


@_levels
def brightness(x: Tensor, factor: Tensor) -> Tensor:
    """Times a factor: factor · x, cut off at 255. 0 is black, 1 leaves the picture.

    Args:
        x: pictures.
        factor: ≥ 0, (N,).
    """
    return _bytes(x.float().mul_(spread(each("factor", factor, x))))


@_levels
def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Away from or towards the picture's mean brightness ḡ: factor · x + (1 − factor) · ḡ. 0 is grey.

    Args:
        x: pictures.
        factor: ≥ 0, (N,).
    """
    f, y = spread(each("factor", factor, x)), x.float()
    mean = _grey(y).mean((1, 2, 3), keepdim=True)
    return _bytes(y.mul_(f).add_(mean - mean * f))  # lerp is slow where both ends of it are one number per picture


@_levels
def color(x: Tensor, factor: Tensor) -> Tensor:
    """Away from or towards grey, pixel by pixel: factor · x + (1 − factor) · grey(x). Grey pictures stay.

    Args:
        x: pictures.
        factor: ≥ 0, (N,).
    """
    if x.shape[1] == 1:
        return x
    f, y = spread(each("factor", factor, x)), x.float()
    return _bytes(torch.lerp(_grey(y), y, f, out=y))


@_levels
def autocontrast(x: Tensor) -> Tensor:
    """Stretch each channel so that its darkest pixel is 0 and its brightest 255; a channel of one level stays."""
    low = x.amin((2, 3), keepdim=True)
    distance = x.amax((2, 3), keepdim=True).sub_(low)
    flat = distance == 0
    scale = distance.float().mul_(1 / 255).masked_fill_(flat, 1)
    return x.sub(low.masked_fill_(flat, 0)).float().div_(scale).to(torch.int16).to(torch.uint8)


@_levels
def equalize(x: Tensor) -> Tensor:
    """Make all levels equally frequent, channel by channel: level v → (pixels darker than v + step/2) / step.

    step = ⌊(pixels − pixels of the brightest level) / 255⌋; a channel with step 0 stays. As PIL does it.
    """
    # Each channel has 256 counters of its own, one after the other; they are counted and looked up all at once.
    n, channels, height, width = x.shape
    first = torch.arange(0, 256 * n * channels, 256, dtype=torch.int32, device=x.device)
    index = x.flatten(2).int().add_(first.view(n, channels, 1)).flatten()
    # Numbers of pixels are divided as floats, exactly as long as all of them fit, which is much faster than integers.
    exact = torch.float32 if height * width < 2**24 else torch.float64
    counts = torch.bincount(index, minlength=256 * n * channels).view(n, channels, 256).to(exact)
    darker = counts.cumsum(2).sub_(counts)
    # Only levels above the brightest have all pixels darker than they are.
    step = darker.fmod(height * width).amax(2, keepdim=True).div_(255).floor_()
    found = darker.add_((step / 2).floor_()).div_(step.clamp(min=1)).floor_().clamp_(max=255).to(torch.uint8)
    table = torch.where(step == 0, torch.arange(256, dtype=torch.uint8, device=x.device), found)
    return table.flatten().index_select(0, index).view_as(x)


@_levels
def sharpness(x: Tensor, factor: Tensor) -> Tensor:
    """Away from or towards a blurred picture: factor · x + (1 − factor) · blur(x); the outermost pixels stay.

    blur weighs a pixel 5/13 and each of its eight neighbours 1/13.

    Args:
        x: pictures.
        factor: ≥ 0, (N,); 0 is blurred, 2 sharpened.
    """
    f = spread(each("factor", factor, x))
    if min(x.shape[-2:]) <= 2:
        return x
    # Sums over neighbours along the flat memory: wrong at the borders, which stay as they are anyway.
    height, width = x.shape[-2:]
    flat = x.flatten().to(torch.int16)
    columns = (flat[: -2 * width] + flat[width:-width]).add_(flat[2 * width :])
    # 13 (blur − x) is the sum of all nine pixels − 9 x; the result is x + (1 − factor) (blur − x), blur a whole number.
    apart, inner = torch.empty_like(flat), slice(width + 1, -width - 1)
    torch.add(columns[:-2], columns[2:], out=apart[inner]).add_(columns[1:-1]).sub_(flat[inner], alpha=9)
    change = apart.view_as(x).float().mul_(1 / 13).round_().mul_(1 - f).floor_().to(torch.int16)
    out = change.add_(flat.view_as(x)).clamp_(0, 255).to(torch.uint8)
    out[..., :: height - 1, :] = x[..., :: height - 1, :]
    out[..., :: width - 1] = x[..., :: width - 1]
    return out


def _grey(y: Tensor) -> Tensor:
    """Brightness of floating-point pictures with 256 levels, rounded down: (N, 1, H, W)."""
    if y.shape[1] == 1:
        return y.clone()
    red, green, blue = y.split(1, 1)
    return torch.add(red * GREY[0], green, alpha=GREY[1]).add_(blue, alpha=GREY[2]).floor_()


def _bytes(y: Tensor) -> Tensor:
    """Rounded down and cut off at 0 and 255. By way of int16, that is twice as fast."""
    return y.to(torch.int16).clamp_(0, 255).to(torch.uint8)


# ------------------------------------------------------------------------------------------------ geometric


def move(x: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Move each picture or mask by its own operation of `GEOMETRIC`; other operations leave it where it is.

    ShearX looks at (x + m (y + H/2), y), so that the top edge stays; TranslateX at (x − ⌊m⌋, y); ShearY and TranslateY
    do the same downwards; Rotate turns by m degrees counter-clockwise. Nearest pixels, 0 outside.

    Args:
        x: pictures or masks (N, C, H, W), any dtype.
        operation: places in `NAMES`, integer (N,).
        magnitude: slope, pixels or degrees, signed, (N,).

    Returns:
        Shape and dtype of x.
    """
    operation, magnitude = each("operation", operation, pictures(x)), each("magnitude", magnitude, x)
    # An operation that a picture does not have leaves it as it is, so that one after the other does them all.
    x = _turn(x, _only("Rotate", operation, magnitude))
    x = _shear_columns(x, _only("ShearY", operation, magnitude))
    return _slide(x, operation, magnitude)


def _only(name: str, operation: Tensor, magnitude: Tensor) -> Tensor:
    return torch.where(operation == NAMES.index(name), magnitude, 0.0)


def _turn(x: Tensor, degrees: Tensor) -> Tensor:
    return rotate(x, degrees, "nearest")


def _shear_columns(x: Tensor, slope: Tensor) -> Tensor:
    """ShearY: pixel by pixel like a rotation, since columns do not lie side by side in memory."""
    height, width = x.shape[-2:]
    row, column = (torch.arange(n, dtype=torch.float32, device=x.device) for n in (height, width))
    down = ((column + 0.5) * slope[:, None]).round_()
    return look_up(x, column, row[:, None] + down.unsqueeze(1))


def _slide(x: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """ShearX and both translations: rows move as a whole."""
    if len(x) == 1 and x.device.type == "cpu":  # for one picture it is worth asking which of them it is
        name, pixels = NAMES[int(operation)], int(magnitude)
        if name == "ShearX":
            return _slide_rows(x, magnitude)
        return _shift(x, pixels * (name == "TranslateX"), pixels * (name == "TranslateY"))
    right, down = (_only(name, operation, magnitude.trunc()) for name in ("TranslateX", "TranslateY"))
    return _slide_rows(x, _only("ShearX", operation, magnitude), right, down)


def _shift(x: Tensor, right: int, down: int) -> Tensor:
    """Translate all pictures alike: copy the rectangle that stays inside."""
    (height, width), out = x.shape[-2:], torch.zeros_like(x)
    if abs(right) < width and abs(down) < height:
        kept = x[..., max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)]
        out[..., max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = kept
    return out


def _slide_rows(x: Tensor, shear: Tensor, right: Tensor | None = None, down: Tensor | None = None) -> Tensor:
    """Row y of the result is row y − down of x, moved to the left by round((y + ½) shear) − right; 0 outside.

    All of a row lies side by side in memory, and copying it takes no longer than looking up two pixels.
    """
    if not x.numel():
        return x.clone()
    n, channels, height, width = x.shape
    # A row of zeros first, then each row with one after it: whatever is outside, there is a zero.
    memory = F.pad(x, (0, width, 1, 1))
    ahead = (torch.arange(0.5, height, dtype=torch.float32, device=x.device) * shear[:, None]).round_()
    source = torch.arange(1, height + 1, device=x.device)
    if right is not None:
        ahead = ahead.sub_(right[:, None])
    if down is not None:
        source = (source - down.clamp(-height, height).long()[:, None]).clamp_(0, height + 1)
    start = ahead.clamp_(-width, width).long().add_(source, alpha=2 * width)
    first = torch.arange(n * channels, device=x.device).mul_((height + 2) * 2 * width)
    start = start.unsqueeze(1) + first.view(n, channels, 1)
    stretches = memory.as_strided((memory.numel() - width + 1, width), (1, 1))
    return stretches.index_select(0, start.flatten()).view_as(x)


# ---------------------------------------------------------------------------------------------------- apply

POINTWISE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Brightness": lambda x, m: brightness(x, 1 + m),
    "Color": lambda x, m: color(x, 1 + m),
    "Contrast": lambda x, m: contrast(x, 1 + m),
    "Sharpness": lambda x, m: sharpness(x, 1 + m),
    "Posterize": posterize,
    "Solarize": solarize,
    "AutoContrast": lambda x, m: autocontrast(x),
    "Equalize": lambda x, m: equalize(x),
    "Invert": lambda x, m: invert(x),
}
"""Operations that change levels: pictures and magnitudes (N,) → pictures."""

NAMES = ("Identity", *GEOMETRIC, *POINTWISE)
"""All operations; an operation's number is its place here."""

RANDAUGMENT = NAMES[:-1]
"""The fourteen of the lecture: all but Invert."""

SIGNED = (*GEOMETRIC, "Brightness", "Color", "Contrast", "Sharpness")
"""Operations that go in both directions: left or right, brighter or darker."""


Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Pictures, operations and magnitudes (N,) → pictures."""


def _ignoring_operation(change: Callable[[Tensor, Tensor], Tensor]) -> Kernel:
    return lambda x, _, magnitude: change(x, magnitude)


_MOVES = (_ignoring_operation(_turn), _ignoring_operation(_shear_columns), _slide, _slide, _slide)
_KERNELS: tuple[Kernel, ...] = (
    lambda x, *_: x,
    *_MOVES,
    *map(_ignoring_operation, POINTWISE.values()),
)
"""Who does an operation, by its number; neighbours may share one."""


def apply_operations(x: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Change each picture by its own operation: yᵢ = op_{operation[i]}(xᵢ, magnitude[i]).

    Args:
        x: pictures (N, C, H, W) with C = 1 or 3, uint8 or floating point in [0, 1].
        operation: numbers of the operations, places in `NAMES`, integer (N,).
        magnitude: in the operation's own unit, signed, (N,); see the head of this module.

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: shapes do not fit together, or there is no such operation.
    """
    operation, magnitude = each("operation", operation, pictures(x)), each("magnitude", magnitude, x)
    return apply_steps(x, operation[:, None], magnitude[:, None])


@_levels
def apply_steps(x: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Change each picture by its own operations, one after the other.

    Args:
        x: pictures (N, C, H, W) with C = 1 or 3, uint8 or floating point in [0, 1].
        operation: places in `NAMES`, integer (N, steps).
        magnitude: in the operations' own units, with signs, (N, steps).

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: shapes do not fit together, or there is no such operation.
    """
    if operation.ndim != 2 or operation.shape != magnitude.shape:
        shapes = tuple(operation.shape), tuple(magnitude.shape)
        raise ValueError(f"need operations and magnitudes (N, steps), got {shapes[0]} and {shapes[1]}")
    steps = operation.shape[1]
    operation = each("operation", operation, x, steps)
    magnitude = each("magnitude", magnitude, x, steps, torch.float32)
    if operation.numel() and not 0 <= int(operation.min()) <= int(operation.max()) < len(NAMES):
        raise ValueError(f"operations are numbered 0 … {len(NAMES) - 1}, got {operation.tolist()}")
    if steps and x.device.type == "cpu" and 2 * x[:1].numel() > BLOCK:
        return _one_by_one(x, operation, magnitude)
    for k in range(steps):
        x = _sorted(x, operation[:, k], magnitude[:, k])
    return x


def _one_by_one(x: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Large pictures: one fills the cache. Those with the same operation come in a row, since its code is there too."""
    out = torch.empty_like(x)
    before, after = x.split(1), out.split(1)
    with torch.inference_mode():  # what is made here stays here: without records for gradients, small calls are faster
        for k in range(operation.shape[1]):
            numbers = operation[:, k].tolist()
            parameters = list(zip(operation[:, k, None].unbind(), magnitude[:, k, None].unbind(), strict=True))
            for i in sorted(range(len(x)), key=numbers.__getitem__):
                changed = _KERNELS[numbers[i]](before[i], *parameters[i])
                if changed is not after[i]:
                    after[i].copy_(changed)
            before = after
    return out


def _sorted(x: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Small pictures: sort them by operation, let each operation do its part block by block, restore the order."""
    order, out, done = operation.argsort(), torch.empty_like(x), 0
    left = order
    counts = torch.bincount(operation, minlength=len(NAMES)).tolist()
    at_once = BLOCK // max(1, x[:1].numel()) if x.device.type == "cpu" else max(1, len(x))
    with torch.inference_mode():  # as in `_one_by_one`
        for change, numbers in groupby(range(len(NAMES)), key=_KERNELS.__getitem__):
            group, left = left.tensor_split([sum(counts[k] for k in numbers)])
            for rows in group.split(at_once) if len(group) else ():
                part, op, m = (t.index_select(0, rows) for t in (x, operation, magnitude))
                out[done : done + len(rows)] = change(part, op, m)
                done += len(rows)
    return out.index_select(0, order.argsort())


def apply_operation(x: Tensor, name: str, magnitude: Tensor | float = 0.0) -> Tensor:
    """Change all pictures by the same operation, each with its own magnitude.

    Args:
        x: pictures (N, C, H, W) with C = 1 or 3, uint8 or floating point in [0, 1].
        name: one of `NAMES`.
        magnitude: in the operation's own unit, signed, (N,) or one number for all.

    Raises:
        ValueError: there is no such operation, or shapes do not fit together.
    """
    return apply_operations(x, torch.full((len(x),), number(name)), each("magnitude", magnitude, x))


def number(name: str) -> int:
    """The place of an operation in `NAMES`.

    Raises:
        ValueError: there is no such operation.
    """
    if name not in NAMES:
        raise ValueError(f"there is no operation {name!r}; there is {', '.join(NAMES)}")
    return NAMES.index(name)


@cache
def strengths(bins: int, H: int, W: int) -> Tensor:
    """What a level means for each operation: magnitude = strengths(bins, H, W)[operation, level], without sign.

    From nothing at level 0 to the most at level bins − 1: slope .3, 150/331 of the side, 30°, ±.9 on a factor of 1,
    4 bits, threshold 0. Operations without a magnitude have 0.

    Args:
        bins: number of levels, ≥ 2: AutoAugment has 10, RandAugment in torchvision 31.
        H, W: height and width of the pictures.

    Returns:
        (15, bins), in the order of `NAMES`; do not change it.

    Source: Cubuk et al., "AutoAugment" (2019), table 6; ranges and rounding as in torchvision.
    """
    if bins < 2:
        raise ValueError(f"need at least two levels, got {bins}")
    ends = {"Rotate": 30.0, "ShearX": 0.3, "ShearY": 0.3, "TranslateX": 150 / 331 * W, "TranslateY": 150 / 331 * H}
    ends |= dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.9)
    table = torch.stack([torch.linspace(0, ends.get(name, 0), bins) for name in NAMES])
    table[number("Posterize")] = 8 - (torch.arange(bins) / ((bins - 1) / 4)).round()
    table[number("Solarize")] = torch.linspace(1, 0, bins)
    return table
