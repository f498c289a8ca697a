"""The same as modules: they draw and apply, and are switched off by `eval()`, as test pictures are never augmented.

augment = Compose(RandomFlip(), RandomCrop(4), RandAugment(2, 9))
x = augment(x)                     # (N, C, H, W)
x, mask = augment(x, mask)         # a mask (N, 1, H, W) moves with its picture, and keeps its colours
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course.augmentation import colour, geometry, mixing, occlusion, policies
from course.augmentation._checks import pictures
from course.augmentation.operations import apply_steps, move
from course.augmentation.policies import SVHN_POLICY, Policy


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[-2], x.shape[-1]


class Augmentation(nn.Module):
    """What all modules do: draw numbers for each picture, then change pictures, and masks by the same numbers.

    Args:
        generator: where the randomness comes from; PyTorch's own if None.
    """

    def __init__(self, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.generator = generator

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        """Parameters for each picture of this batch."""
        raise NotImplementedError

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        """The pictures, changed by these parameters."""
        raise NotImplementedError

    def _change_mask(self, mask: Tensor, *parameters: Any) -> Tensor:
        """The masks, moved by them; colours leave them as they are."""
        return mask

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
        """Changed pictures in training, the pictures themselves in evaluation; with their masks, if given.

        Raises:
            ValueError: x or mask is not a batch (N, C, H, W), or they are not of one size.
        """
        if mask is not None and (len(pictures(mask)), *mask.shape[-2:]) != (len(pictures(x)), *x.shape[-2:]):
            raise ValueError(f"need masks as large as the pictures, got {tuple(mask.shape)} and {tuple(x.shape)}")
        if self.training:
            parameters = self._draw(pictures(x))
            x = self._change(x, *parameters)
            mask = None if mask is None else self._change_mask(mask, *parameters)
        return x if mask is None else (x, mask)


class Compose(nn.Module):
    """One after the other; passes masks on.

    Args:
        changes: modules that take pictures, and masks.
    """

    def __init__(self, *changes: nn.Module) -> None:
        super().__init__()
        self.changes = nn.ModuleList(changes)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
        """Changed pictures, with their masks, if given."""
        for change in self.changes:
            if mask is None:
                x = change(x)
            else:
                x, mask = change(x, mask)
        return x if mask is None else (x, mask)


# ------------------------------------------------------------------------------------------------ geometry


class RandomFlip(Augmentation):
    """`flip` with probability p."""

    def __init__(self, p: float = 0.5, generator: torch.Generator | None = None) -> None:
        super().__init__(generator)
        self.p = p

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return (geometry.draw_flips(len(x), self.p, self.generator),)

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        return geometry.flip(x, *parameters)

    def _change_mask(self, mask: Tensor, *parameters: Any) -> Tensor:
        return self._change(mask, *parameters)


class RandomCrop(Augmentation):
    """`pad_and_crop` anywhere within `padding` pixels."""

    def __init__(self, padding: int = 4, generator: torch.Generator | None = None) -> None:
        super().__init__(generator)
        self.padding = padding

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return geometry.draw_crops(len(x), self.padding, self.generator)

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        top, left = parameters
        return geometry.pad_and_crop(x, top, left, self.padding)

    def _change_mask(self, mask: Tensor, *parameters: Any) -> Tensor:
        return self._change(mask, *parameters)


class RandomRotation(Augmentation):
    """`rotate` by up to `limit` degrees in both directions; masks by the nearest pixel."""

    def __init__(self, limit: float = 30.0, generator: torch.Generator | None = None) -> None:
        super().__init__(generator)
        self.limit = limit

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return (geometry.draw_degrees(len(x), self.limit, self.generator),)

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        return geometry.rotate(x, parameters[0], "bilinear" if x.is_floating_point() else "nearest")

    def _change_mask(self, mask: Tensor, *parameters: Any) -> Tensor:
        return geometry.rotate(mask, parameters[0], "nearest")


# -------------------------------------------------------------------------------------------------- colour


class RandomRGBShift(Augmentation):
    """`rgb_shift` by up to `limit` in both directions."""

    def __init__(self, limit: float = 0.1, generator: torch.Generator | None = None) -> None:
        super().__init__(generator)
        self.limit = limit

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return (colour.draw_rgb_shifts(len(x), self.limit, self.generator),)

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        return colour.rgb_shift(x, *parameters)


class RandomHSV(Augmentation):
    """`hue_saturation_value`, each by up to its limit in both directions."""

    def __init__(
        self,
        hue: float = 20.0,
        saturation: float = 0.1,
        value: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.limits = hue, saturation, value

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return colour.draw_hsv_shifts(len(x), *self.limits, self.generator)

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        return colour.hue_saturation_value(x, *parameters)


class RandomChannelShuffle(Augmentation):
    """`channel_shuffle` in any order."""

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return (colour.draw_orders(len(x), x.shape[1], self.generator),)

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        return colour.channel_shuffle(x, *parameters)


# ------------------------------------------------------------------------------------------------ occlusion


class RandomOcclusion(Augmentation):
    """`occlude` a box drawn by `draw_boxes`. Masks stay: what is hidden is still there."""

    def __init__(
        self,
        area: tuple[float, float] = (0.02, 0.33),
        aspect: tuple[float, float] = (0.3, 3.3),
        fill: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.area, self.aspect, self.fill = area, aspect, fill

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return occlusion.draw_boxes(len(x), *_size(x), self.area, self.aspect, self.generator)

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        top, left, height, width = parameters
        return occlusion.occlude(x, top, left, height, width, self.fill)


# ------------------------------------------------------------------------------------------------- policies


class _Steps(Augmentation):
    """Operations and magnitudes (N, steps)."""

    def _change(self, x: Tensor, *parameters: Any) -> Tensor:
        return apply_steps(x, *parameters)

    def _change_mask(self, mask: Tensor, *parameters: Any) -> Tensor:
        for operation, magnitude in zip(*(p.to(mask.device).unbind(1) for p in parameters), strict=True):
            mask = move(mask, operation, magnitude)
        return mask


class AutoAugment(_Steps):
    """`apply_policy`."""

    def __init__(
        self, policy: Policy = SVHN_POLICY, per_batch: bool = False, generator: torch.Generator | None = None
    ) -> None:
        super().__init__(generator)
        self.policy, self.per_batch = policy, per_batch

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return policies.draw_policy(len(x), self.policy, *_size(x), self.generator, self.per_batch)


class RandAugment(_Steps):
    """`randaugment`: n operations for each picture, at level m of 0 … bins − 1."""

    def __init__(self, n: int = 2, m: int = 9, bins: int = 31, generator: torch.Generator | None = None) -> None:
        super().__init__(generator)
        self.n, self.m, self.bins = n, m, bins

    def _draw(self, x: Tensor) -> tuple[Any, ...]:
        return policies.draw_randaugment(len(x), self.n, self.m, *_size(x), self.generator, self.bins)


# --------------------------------------------------------------------------------------------------- mixing


class _Mixing(nn.Module):
    """Pictures and labels (N, K) with random partners, λ ~ Beta(α, α)."""

    def __init__(self, alpha: float = 1.0, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.alpha, self.generator = alpha, generator

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed pictures and labels in training, the same ones in evaluation."""
        if not self.training:
            return x, y
        lam = mixing.draw_lambdas(len(x), self.alpha, self.generator)
        return self._change(x, y, lam, mixing.draw_partners(len(x), self.generator))

    def _change(self, x: Tensor, y: Tensor, lam: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class Mixup(_Mixing):
    """`mixup`, each picture with its own λ."""

    def _change(self, x: Tensor, y: Tensor, lam: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        return mixing.mixup(x, y, lam, order)


class CutMix(_Mixing):
    """`cutmix`, each picture with its own box."""

    def _change(self, x: Tensor, y: Tensor, lam: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        return mixing.cutmix(x, y, mixing.draw_cuts(lam, *_size(x), self.generator), order)
