"""More data from the data that there is: pictures changed so that their labels still hold (lecture section 07).

Batches are (N, C, H, W), floating point in [0, 1] unless said, and every parameter is a tensor with one entry for each
picture. Drawing is separate from applying: `draw_…` takes a `torch.Generator`, and what moves a picture by some numbers
moves its mask by the same numbers.

| apply | draw | dtype |
|---|---|---|
| `flip(x, flipped)` | `draw_flips(n, p, generator)` | any |
| `pad_and_crop(x, top, left, padding)` | `draw_crops(n, padding, generator)` → top, left | any |
| `rotate(x, degrees, mode="bilinear")` | `draw_degrees(n, limit, generator)` | any for mode "nearest" |
| `warp(x, matrix, mode="nearest")` | | any for mode "nearest" |
| `rgb_shift(x, shift)` | `draw_rgb_shifts(n, limit, generator)` (N, 3) | float |
| `hue_saturation_value(x, hue°, saturation, value)` | `draw_hsv_shifts(n, …, generator)` → the three | float |
| `channel_shuffle(x, order)` | `draw_orders(n, channels, generator)` (N, C) | any |
| `occlude(x, top, left, height, width, fill)` | `draw_boxes(n, H, W, area, aspect, generator)` → the four | any |
| `random_occlusion(x, area, aspect, generator, fill)` | both of it in one | any |
| `apply_operation(x, name, magnitude)` | | uint8, float |
| `apply_operations(x, operation, magnitude)` | `strengths(bins, H, W)[operation, level]` | uint8, float |
| `apply_steps(x, operation, magnitude)` | `draw_policy(n, policy, H, W, generator, per_batch)` | uint8, float |
| | `draw_randaugment(pictures, n, m, H, W, generator, bins)` | |
| `apply_policy(x, policy, generator, per_batch)` | both in one: AutoAugment; `SVHN_POLICY` | uint8, float |
| `randaugment(x, n, m, generator, bins)` | both in one: RandAugment | uint8, float |
| `mixup(x, y, lam, order, out)` → x, y | `draw_lambdas(n, alpha, generator)`, `draw_partners(n, generator)` | float |
| `cutmix(x, y, (top, left, height, width), order, out)` → x, y | `draw_cuts(lam, H, W, generator)` → the box | any |

As modules that draw and apply, for `x` or `x, mask`, and do nothing after `eval()`: `RandomFlip`, `RandomCrop`,
`RandomRotation`, `RandomRGBShift`, `RandomHSV`, `RandomChannelShuffle`, `RandomOcclusion`, `AutoAugment`,
`RandAugment`, `Compose`; and `Mixup`, `CutMix` for `x, y`. `move(x, operation, magnitude)` moves masks by operations.

The operations one by one, for uint8 or float: `invert(x)`, `solarize(x, threshold)`, `posterize(x, bits)`,
`brightness`, `contrast`, `color`, `sharpness(x, factor)`, `autocontrast(x)`, `equalize(x)`; `NAMES`, `RANDAUGMENT`.
"""

from course.augmentation.colour import (
    channel_shuffle,
    draw_hsv_shifts,
    draw_orders,
    draw_rgb_shifts,
    hsv_to_rgb,
    hue_saturation_value,
    rgb_shift,
    rgb_to_hsv,
)
from course.augmentation.geometry import (
    draw_crops,
    draw_degrees,
    draw_flips,
    flip,
    pad_and_crop,
    rotate,
    warp,
)
from course.augmentation.mixing import cutmix, draw_cuts, draw_lambdas, draw_partners, mixup
from course.augmentation.modules import (
    AutoAugment,
    Compose,
    CutMix,
    Mixup,
    RandAugment,
    RandomChannelShuffle,
    RandomCrop,
    RandomFlip,
    RandomHSV,
    RandomOcclusion,
    RandomRGBShift,
    RandomRotation,
)
from course.augmentation.occlusion import box_mask, draw_boxes, occlude, random_occlusion
from course.augmentation.operations import (
    GEOMETRIC,
    NAMES,
    RANDAUGMENT,
    SIGNED,
    apply_operation,
    apply_operations,
    apply_steps,
    autocontrast,
    brightness,
    color,
    contrast,
    equalize,
    invert,
    move,
    posterize,
    sharpness,
    solarize,
    strengths,
)
from course.augmentation.policies import (
    SVHN_POLICY,
    apply_policy,
    draw_policy,
    draw_randaugment,
    randaugment,
)

__all__ = [
    "GEOMETRIC",
    "NAMES",
    "RANDAUGMENT",
    "SIGNED",
    "SVHN_POLICY",
    "AutoAugment",
    "Compose",
    "CutMix",
    "Mixup",
    "RandAugment",
    "RandomChannelShuffle",
    "RandomCrop",
    "RandomFlip",
    "RandomHSV",
    "RandomOcclusion",
    "RandomRGBShift",
    "RandomRotation",
    "apply_operation",
    "apply_operations",
    "apply_policy",
    "apply_steps",
    "autocontrast",
    "box_mask",
    "brightness",
    "channel_shuffle",
    "color",
    "contrast",
    "cutmix",
    "draw_boxes",
    "draw_crops",
    "draw_cuts",
    "draw_degrees",
    "draw_flips",
    "draw_hsv_shifts",
    "draw_lambdas",
    "draw_orders",
    "draw_partners",
    "draw_policy",
    "draw_randaugment",
    "draw_rgb_shifts",
    "equalize",
    "flip",
    "hsv_to_rgb",
    "hue_saturation_value",
    "invert",
    "mixup",
    "move",
    "occlude",
    "pad_and_crop",
    "posterize",
    "randaugment",
    "random_occlusion",
    "rgb_shift",
    "rgb_to_hsv",
    "rotate",
    "sharpness",
    "solarize",
    "strengths",
    "warp",
]
