"""Real and painted pictures to train on, as tensors: `images, labels = digits("train")`.

Every data set is a function `name(split, device=None)` that returns (images, labels): float32 N×C×H×W in
[0, 1] and int64 class ids 0 … K−1. The splits are fixed, so that two people compare the same numbers.

| function | pictures | what | needs the network |
|---|---|---|---|
| `digits` | 1 797 of 8×8, grey | handwritten digits | no |
| `faces` | 200 of 25×25, grey | face or not | no |
| `textures` | 768 of 32×32, grey | brick, grass, gravel | no |
| `fruit` | any number, colour | banana, apple, orange, painted by a program | no |
| `photos`, `photo` | 6, colour | to look at; no splits | no |
| `fashion_mnist` | 70 000 of 28×28, grey | clothes | once, 31 MB |
| `cifar10` | 60 000 of 32×32, colour | animals and vehicles | once, 170 MB |
| `imagenette` | 13 394, colour, any size to 320 | ten classes of ImageNet | once, 100 or 340 MB |
"""

from course.data.bundled import SPLITS, TEXTURES, digits, faces, textures
from course.data.download import DataUnavailable
from course.data.online import CIFAR10, FASHION, IMAGENETTE, cifar10, fashion_mnist, imagenette
from course.data.orchard import CLASSES as FRUIT
from course.data.orchard import FREE, PLAIN, UPRIGHT, Variety, fruit, render
from course.data.pictures import PHOTOS, photo, photos

__all__ = [
    "CIFAR10",
    "FASHION",
    "FREE",
    "FRUIT",
    "IMAGENETTE",
    "PHOTOS",
    "PLAIN",
    "SPLITS",
    "TEXTURES",
    "UPRIGHT",
    "DataUnavailable",
    "Variety",
    "cifar10",
    "digits",
    "faces",
    "fashion_mnist",
    "fruit",
    "imagenette",
    "photo",
    "photos",
    "render",
    "textures",
]
