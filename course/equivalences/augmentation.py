"""Equivalences of section 07: at given random numbers, since ours draws them for each picture, theirs for a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import augmentation, pixels
from course.equivalences.equivalence import Both, Equivalence

H, W = 21, 27


def _pictures(g: torch.Generator) -> Tensor:
    """Smooth enough that neighbours resemble each other; not square."""
    small = torch.rand(6, 3, 7, 9, generator=g)
    return torch.nn.functional.interpolate(small, (H, W), mode="bilinear")


def _each(x: Tensor, change: Callable[..., Tensor], *numbers: Tensor) -> Tensor:
    """Pictures changed one by one, each by its own numbers."""
    return torch.stack([change(p, *(n.item() for n in of)) for p, *of in zip(x, *numbers, strict=True)])


def _flip(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2.functional import horizontal_flip

    x = _pictures(g)
    flipped = augmentation.draw_flips(len(x), 0.5, g)
    return augmentation.flip(x, flipped), _each(x, lambda p, yes: horizontal_flip(p) if yes else p, flipped)


def _pad_and_crop(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2.functional import crop, pad

    x = _pictures(g)
    corner = augmentation.draw_crops(len(x), 4, g)
    theirs = _each(x, lambda p, top, left: crop(pad(p, [4] * 4), top, left, H, W), *corner)
    return augmentation.pad_and_crop(x, *corner, 4), theirs


def _rotate(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import rotate

    x = _pictures(g)
    degrees = augmentation.draw_degrees(len(x), 180, g)
    return augmentation.rotate(x, degrees), _each(x, lambda p, a: rotate(p, a, InterpolationMode.BILINEAR), degrees)


def _hue(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2.functional import adjust_hue

    x, share = _pictures(g), torch.rand(6, generator=g) - 0.5
    none = torch.zeros(6)
    return augmentation.hue_saturation_value(x, 360 * share, none, none), _each(x, adjust_hue, share)


def _channels(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2.functional import permute_channels

    x, order = _pictures(g), augmentation.draw_orders(6, 3, g)
    theirs = torch.stack([permute_channels(p, o.tolist()) for p, o in zip(x, order, strict=True)])
    return augmentation.channel_shuffle(x, order), theirs


def _occlude(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2.functional import erase

    x = _pictures(g)
    box = augmentation.draw_boxes(len(x), H, W, generator=g)
    return augmentation.occlude(x, *box, 0.25), _each(x, lambda p, *b: erase(p, *b, torch.tensor(0.25)), *box)


def _mixup(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2 import MixUp

    x, y = _pictures(g), torch.arange(6) % 4
    theirs = MixUp(num_classes=4)
    drawn = theirs.make_params([x])
    theirs.make_params = lambda _: drawn
    order = torch.arange(6).roll(1)
    return augmentation.mixup(x, pixels.one_hot(y, 4), torch.full((6,), drawn["lam"]), order), theirs(x, y)


def _cutmix(g: torch.Generator) -> tuple[Any, Any]:
    from torchvision.transforms.v2 import CutMix

    x, y = _pictures(g), torch.arange(6) % 4
    theirs = CutMix(num_classes=4)
    drawn = theirs.make_params([x])
    theirs.make_params = lambda _: drawn
    x1, y1, x2, y2 = drawn["box"]
    box = tuple(torch.full((6,), n) for n in (y1, x1, y2 - y1, x2 - x1))
    ours = augmentation.cutmix(x, pixels.one_hot(y, 4), box, torch.arange(6).roll(1))  # type: ignore[arg-type]
    return ours, theirs(x, y)


def _operation(name: str, peer: str, magnitude: float, their_magnitude: float | None = None) -> Both:
    """On levels of 0 … 255, so that a difference is in levels."""

    def both(g: torch.Generator) -> tuple[Any, Any]:
        from torchvision.transforms.v2 import functional

        x = (_pictures(g) * 255).round().to(torch.uint8)
        numbers = () if their_magnitude is None else (their_magnitude,)
        theirs = torch.stack([getattr(functional, peer)(p, *numbers) for p in x])
        return augmentation.apply_operation(x, name, magnitude), theirs

    return both


_V2 = "torchvision.transforms.v2.functional"
_LEVELS = "On bytes; the difference is in levels of 255."

EQUIVALENCES = (
    Equivalence("augmentation.flip", f"{_V2}.horizontal_flip", "Ours says for each picture whether.", 0, _flip),
    Equivalence(
        "augmentation.pad_and_crop",
        f"{_V2}.crop",
        "After `pad`; `RandomCrop(H, padding=…)` cuts all pictures of a batch at one place.",
        0,
        _pad_and_crop,
    ),
    Equivalence(
        "augmentation.rotate",
        f"{_V2}.rotate",
        "Degrees, counter-clockwise; ours has an angle for each picture. Bilinear.",
        2e-5,
        _rotate,
    ),
    Equivalence(
        "augmentation.hue_saturation_value",
        f"{_V2}.adjust_hue",
        "Ours in degrees, theirs in turns. Their saturation is a factor on the distance to grey, ours a summand.",
        1e-5,
        _hue,
    ),
    Equivalence("augmentation.channel_shuffle", f"{_V2}.permute_channels", "An order for each picture.", 0, _channels),
    Equivalence("augmentation.occlude", f"{_V2}.erase", "A box for each picture.", 0, _occlude),
    Equivalence(
        "augmentation.mixup",
        "torchvision.transforms.v2.MixUp",
        "One λ for the whole batch, and each picture's partner is the one before it; ours: a λ for each, any order.",
        1e-6,
        _mixup,
    ),
    Equivalence(
        "augmentation.cutmix",
        "torchvision.transforms.v2.CutMix",
        "One box for the whole batch; ours has one for each picture. Labels weigh by the pixels inside the picture.",
        1e-6,
        _cutmix,
    ),
    Equivalence("augmentation.invert", f"{_V2}.invert", _LEVELS, 0, _operation("Invert", "invert", 0.0)),
    Equivalence("augmentation.equalize", f"{_V2}.equalize", _LEVELS, 1, _operation("Equalize", "equalize", 0.0)),
    Equivalence(
        "augmentation.autocontrast", f"{_V2}.autocontrast", _LEVELS, 1, _operation("AutoContrast", "autocontrast", 0.0)
    ),
    Equivalence(
        "augmentation.posterize",
        f"{_V2}.posterize",
        f"The number of bits that stay. {_LEVELS}",
        0,
        _operation("Posterize", "posterize", 3.0, 3),
    ),
    *(
        Equivalence(
            f"augmentation.{ours}",
            f"{_V2}.{theirs}",
            f"As an operation of a policy, 0.4 stands for the factor 1.4. {_LEVELS}",
            1,
            _operation(ours.capitalize(), theirs, 0.4, 1.4),
        )
        for ours, theirs in (
            ("brightness", "adjust_brightness"),
            ("contrast", "adjust_contrast"),
            ("color", "adjust_saturation"),
            ("sharpness", "adjust_sharpness"),
        )
    ),
)
