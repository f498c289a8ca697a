"""RandAugment, mixup and CutMix against timm, torchvision, Albumentations and Kornia, one thread.

All get what they like best: PIL pictures, arrays or tensors, made beforehand. Ours draws operations and magnitudes for
each picture of a batch; so do the peers that take one picture after the other. Those that take a whole batch draw once
for all of its pictures ("one draw"), which is less work and less variety.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course import augmentation
from course.bench.harness import Contender, Work, report

SIZES = ((512, 32, 32), (128, 224, 224))
"""Pictures, height, width of the batches."""

BATCHES = 4
"""So many batches are one run: what is drawn once for a batch differs much in its cost."""

N, M = 2, 9
"""Operations per picture, and their level of 0 … 30."""

CLASSES = 10

BENCH = "pip install 'cv-course[bench]'"

Once = Callable[[], object]


def works(device: torch.device) -> list[Work]:
    """RandAugment, mixup and CutMix at two sizes; on an accelerator only our own."""
    found = []
    for n, height, width in SIZES:
        generator = torch.Generator().manual_seed(0)
        # smooth pictures: noise has a flat histogram and no edges, and no codec or table would meet it
        small = torch.randint(256, (n, 3, height // 4, width // 4), dtype=torch.uint8, generator=generator).float()
        x = torch.nn.functional.interpolate(small, (height, width), mode="bilinear").to(torch.uint8).to(device)
        found += [_randaugment(x, device), _mixup(x, device), _cutmix(x, device)]
    return sorted(found, key=lambda w: ("RandAugment", "mixup", "CutMix").index(w.name.split(",")[0]))


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure and show; see `harness.report`."""
    report(works, "Augmentation", json_file, plot, repeats, only)


def _work(name: str, x: Tensor, size: int, contenders: Iterator[Contender], device: torch.device) -> Work:
    n, _, height, width = x.shape
    kept = tuple(c for c in contenders if device.type == "cpu" or not c.peer)
    return Work(f"{name}, {n} × {height}×{width}", BATCHES * n, BATCHES * size, kept)


def _times(once: Once) -> Once:
    """Do it `BATCHES` times."""

    def run() -> None:
        for _ in range(BATCHES):
            once()

    return run


def _peer(name: str, package: str, make: Callable[[], Once], note: str = "") -> Contender:
    """A contender, or how to install it; not made before it is known to be there."""
    if importlib.util.find_spec(package) is None:
        return Contender(name + note, None, peer=True, missing=BENCH)
    version = importlib.metadata.version(package).split("+")[0]
    return Contender(f"{name} {version}{note}", _times(make()), peer=True)


# --------------------------------------------------------------------------------------------- RandAugment


def _randaugment(x: Tensor, device: torch.device) -> Work:
    """The first is torchvision, picture by picture: the one whose answers ours are compared with."""

    def contenders() -> Iterator[Contender]:
        yield _peer("torchvision", "torchvision", lambda: _each(list(x), _torchvision()), ", tensors")
        yield _peer("torchvision", "torchvision", lambda: _each(_pil(x), _torchvision()), ", PIL")
        yield _peer("timm", "timm", lambda: _each(_pil(x), _timm()), ", PIL")
        yield _peer("Albumentations", "albumentations", lambda: _each(_arrays(x), _albumentations()))
        yield _peer("torchvision", "torchvision", lambda: lambda: _torchvision()(x), ", one draw")
        yield _peer("Kornia", "kornia", lambda: _kornia(x), ", one draw")
        ours = _times(lambda: augmentation.randaugment(x, N, M))
        yield Contender("augmentation.randaugment", ours, difference=lambda: apart(x[:14]))

    return _work("RandAugment", x, 2 * x.nbytes, contenders(), device)


def apart(x: Tensor) -> float:
    """By how many levels of 255 ours and torchvision's operations differ, sheared pixels between two others aside."""
    from torchvision.transforms.v2 import InterpolationMode

    peer, worst = _torchvision(), 0.0
    table = augmentation.strengths(31, *x.shape[-2:])
    for name, row in zip(augmentation.RANDAUGMENT, table, strict=False):
        magnitude = float(row[M])
        ours = augmentation.apply_operation(x, name, magnitude)
        theirs = peer._apply_image_or_video_transform(x, name, magnitude, InterpolationMode.NEAREST, peer._fill)
        levels = (ours.int() - theirs.int()).abs().flatten().float()
        worst = max(worst, float(levels.max() if "Shear" not in name else levels.quantile(0.9)))
    return worst


def _each(pictures: list[Any], change: Callable[[Any], Any]) -> Once:
    return lambda: [change(picture) for picture in pictures]


def _torchvision() -> Any:
    from torchvision.transforms.v2 import RandAugment

    return RandAugment(N, M)


def _timm() -> Any:
    """timm counts to 10, and does a step only half of the time unless told otherwise."""
    from timm.data.auto_augment import rand_augment_transform

    return rand_augment_transform(f"rand-m{10 * M / 30:g}-n{N}-p1-inc1", {})


def _albumentations() -> Callable[[Any], Any]:
    """Its own operations, put together: it has no RandAugment."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the net for its newest version otherwise
    import albumentations as A

    t = M / 30
    factor = (1 - 0.9 * t, 1 + 0.9 * t)
    operations = [
        A.NoOp(p=1),
        A.AutoContrast(p=1),
        A.Equalize(p=1),
        A.Affine(rotate=(-30 * t, 30 * t), interpolation=0, p=1),
        A.Affine(shear={"x": (-17 * t, 17 * t)}, interpolation=0, p=1),
        A.Affine(shear={"y": (-17 * t, 17 * t)}, interpolation=0, p=1),
        A.Affine(translate_percent={"x": (-0.45 * t, 0.45 * t)}, interpolation=0, p=1),
        A.Affine(translate_percent={"y": (-0.45 * t, 0.45 * t)}, interpolation=0, p=1),
        A.ColorJitter(factor, (1, 1), (1, 1), (0, 0), p=1),
        A.ColorJitter((1, 1), factor, (1, 1), (0, 0), p=1),
        A.ColorJitter((1, 1), (1, 1), factor, (0, 0), p=1),
        A.Sharpen((0, 0.9 * t), p=1),
        A.Posterize(7, p=1),
        A.Solarize((1 - t, 1 - t), p=1),
    ]
    change = A.SomeOf(operations, n=N, replace=True, p=1)
    return lambda picture: change(image=picture)["image"]


def _kornia(x: Tensor) -> Once:
    from kornia.augmentation.auto import RandAugment

    change, scaled = RandAugment(N, M), x.float() / 255
    return lambda: change(scaled)


def _pil(x: Tensor) -> list[Any]:
    from PIL import Image

    return [Image.fromarray(picture) for picture in _arrays(x)]


def _arrays(x: Tensor) -> list[np.ndarray]:
    return list(np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy()))


# --------------------------------------------------------------------------------------------------- mixing


def _mixup(x: Tensor, device: torch.device) -> Work:
    scaled, y = x.float() / 255, torch.arange(len(x), device=device) % CLASSES

    def contenders() -> Iterator[Contender]:
        yield _peer("torchvision", "torchvision", lambda: _torchvision_mixing("MixUp", scaled, y), ", one λ")
        yield _peer("timm", "timm", lambda: _timm_mixing(1.0, 0.0, "batch", scaled, y), ", one λ")
        yield _peer("timm", "timm", lambda: _timm_mixing(1.0, 0.0, "elem", scaled, y), ", each its own")
        yield _peer("Kornia", "kornia", lambda: _kornia_mixing("RandomMixUpV2", scaled, y), ", each its own")
        yield Contender("augmentation.mixup", _times(_mixed(scaled, y)))

    return _work("mixup", x, 2 * scaled.nbytes, contenders(), device)


def _cutmix(x: Tensor, device: torch.device) -> Work:
    scaled, y = x.float() / 255, torch.arange(len(x), device=device) % CLASSES

    def contenders() -> Iterator[Contender]:
        yield _peer("torchvision", "torchvision", lambda: _torchvision_mixing("CutMix", scaled, y), ", one box")
        yield _peer("timm", "timm", lambda: _timm_mixing(0.0, 1.0, "batch", scaled, y), ", one box")
        yield _peer("timm", "timm", lambda: _timm_mixing(0.0, 1.0, "elem", scaled, y), ", each its own")
        yield _peer("Kornia", "kornia", lambda: _kornia_mixing("RandomCutMixV2", scaled, y), ", each its own")
        yield Contender("augmentation.cutmix", _times(_cut(scaled, y)))

    return _work("CutMix", x, 2 * scaled.nbytes, contenders(), device)


def _mixed(x: Tensor, y: Tensor) -> Once:
    """Into a batch that is kept, as timm writes into the one that it gets; torchvision and Kornia make new ones."""
    from course.pixels import one_hot

    out = torch.empty_like(x)

    def once() -> object:
        lam, order = augmentation.draw_lambdas(len(x)), augmentation.draw_partners(len(x))
        return augmentation.mixup(x, one_hot(y, CLASSES), lam, order, out)

    return once


def _cut(x: Tensor, y: Tensor) -> Once:
    """Into a batch that is kept, like `_mixed`."""
    from course.pixels import one_hot

    out = torch.empty_like(x)

    def once() -> object:
        lam, order = augmentation.draw_lambdas(len(x)), augmentation.draw_partners(len(x))
        box = augmentation.draw_cuts(lam, *x.shape[-2:])
        return augmentation.cutmix(x, one_hot(y, CLASSES), box, order, out)

    return once


def _torchvision_mixing(name: str, x: Tensor, y: Tensor) -> Once:
    from torchvision.transforms import v2

    change = getattr(v2, name)(num_classes=CLASSES)
    return lambda: change(x, y)


def _timm_mixing(mixup: float, cutmix: float, mode: str, x: Tensor, y: Tensor) -> Once:
    """It writes into the batch that it gets: that one is its own, and is mixed again and again."""
    from timm.data.mixup import Mixup

    change, own = Mixup(mixup, cutmix, mode=mode, label_smoothing=0.0, num_classes=CLASSES), x.clone()
    return lambda: change(own, y)


def _kornia_mixing(name: str, x: Tensor, y: Tensor) -> Once:
    import kornia.augmentation

    right = {"use_correct_lambda": True} if name == "RandomCutMixV2" else {}
    change = getattr(kornia.augmentation, name)(data_keys=["input", "class"], p=1.0, **right)
    return lambda: change(x, y)
