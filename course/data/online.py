"""Well-known sets that are downloaded once, then read from a cache: CIFAR-10, Fashion-MNIST, Imagenette.

Archives and caches live in `data_folder()`: $COURSE_DATA, or ~/.cache/cv-course. A cache is a safetensors file with
all pictures as bytes. It appears whole or not at all, and holds on to what it was made from. Once it is there,
the archives beside it may be deleted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course.data.bundled import SPLITS, check_split
from course.data.download import DataUnavailable, Remote, data_folder, fetch

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
IMAGENETTE = (
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
)
RULE = "the last tenth of each class validates"  # part of a cache's identity: change it with `_hold_out`
CHUNK = 1 << 26  # bytes of pictures turned into floats at once

Root = str | os.PathLike[str] | None
Device = torch.device | str | None
Pictures = tuple[Tensor, Tensor]  # uint8 (N, C, H, W), int64 (N,)


def cifar10(split: str | None = "train", device: Device = None, root: Root = None) -> Pictures:
    """60 000 photos of animals and vehicles, 32×32 pixels, colour, ten classes (names in `CIFAR10`).

    The test set is the official one. Of each class of the official training set, the last tenth in file order (500
    pictures) is the validation set. 3.3 % of the test pictures have a near copy in the official training set
    (Barz & Denzler, "Do we train on test data?", 2020): compare methods on it, but trust no high score.

    Args:
        split: "train" (45 000 pictures), "validation" (5 000), "test" (10 000), or None for all, in this order.
        device: where the tensors shall live; the CPU by default.
        root: the folder for downloads; by default $COURSE_DATA, or ~/.cache/cv-course.

    Returns:
        Images, float32 (N, 3, 32, 32) in [0, 1], and labels, int64 (N,). Fresh tensors: change them freely.

    Raises:
        ValueError: there is no such split.
        DataUnavailable: the set is not in the cache and could not be downloaded.

    Source: Krizhevsky, "Learning multiple layers of features from tiny images" (2009). Licence: none is stated.
    Size: 170 MB to download, 185 MB as cache, 740 MB as tensors ("train": 553 MB).
    """
    from torchvision.datasets import CIFAR10 as Dataset
    from torchvision.datasets.utils import extract_archive

    def build(archives: list[Path], scratch: Path) -> dict[str, Pictures]:
        extract_archive(archives[0], scratch)
        whole = {"train": Dataset(scratch, train=True), "test": Dataset(scratch, train=False)}
        return {
            part: (torch.from_numpy(d.data).permute(0, 3, 1, 2), torch.tensor(d.targets)) for part, d in whole.items()
        }

    files = (Remote((Dataset.url,), Dataset.tgz_md5),)
    return _load(_Set("CIFAR-10", "cifar10", "cifar10", files, "fruit()", build), split, device, root)


def fashion_mnist(split: str | None = "train", device: Device = None, root: Root = None) -> Pictures:
    """70 000 pictures of clothes, 28×28 pixels, grey on black, ten classes (names in `FASHION`).

    The test set is the official one. Of each class of the official training set, the last tenth in file order (600
    pictures) is the validation set.

    Args:
        split: "train" (54 000 pictures), "validation" (6 000), "test" (10 000), or None for all, in this order.
        device: where the tensors shall live; the CPU by default.
        root: the folder for downloads; by default $COURSE_DATA, or ~/.cache/cv-course.

    Returns:
        Images, float32 (N, 1, 28, 28) in [0, 1], and labels, int64 (N,). Fresh tensors: change them freely.

    Raises:
        ValueError: there is no such split.
        DataUnavailable: the set is not in the cache and could not be downloaded.

    Source: Xiao, Rasul & Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms" (2017). Licence: MIT. Size: 31 MB to download, 55 MB as cache, 220 MB as tensors ("train": 170 MB).
    """
    from torchvision.datasets import FashionMNIST as Dataset
    from torchvision.datasets.utils import extract_archive

    def build(archives: list[Path], scratch: Path) -> dict[str, Pictures]:
        raw = scratch / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for archive in archives:
            extract_archive(archive, raw)
        whole = {"train": Dataset(scratch, train=True), "test": Dataset(scratch, train=False)}
        return {part: (d.data[:, None], d.targets.long()) for part, d in whole.items()}

    files = tuple(Remote(tuple(m + name for m in Dataset.mirrors), md5) for name, md5 in Dataset.resources)
    return _load(_Set("Fashion-MNIST", "fashion_mnist", "fashion_mnist", files, "digits()", build), split, device, root)


def imagenette(split: str | None = "train", device: Device = None, root: Root = None, *, size: int = 160) -> Pictures:
    """13 394 photos from ten classes of ImageNet that are easy to tell apart (names in `IMAGENETTE`), in colour.

    Each photo is resized, with antialiasing, so that its shorter side has `size` pixels, then cut to the square in
    its middle. The test set is the official validation set. Of each class of the official training set, the last
    tenth in order of file names, rounded down, is the validation set.

    Args:
        split: "train", "validation" (together 9 469 pictures), "test" (3 925), or None for all, in this order.
        device: where the tensors shall live; the CPU by default.
        root: the folder for downloads; by default $COURSE_DATA, or ~/.cache/cv-course.
        size: height and width in pixels, 1 … 320. Up to 160, the archive of 160 pixels is used, else that of 320.

    Returns:
        Images, float32 (N, 3, size, size) in [0, 1], and labels, int64 (N,). Fresh tensors: change them freely.

    Raises:
        ValueError: there is no such split, or the size is not in 1 … 320.
        DataUnavailable: the set is not in the cache and could not be downloaded.

    Source: Howard, "Imagenette" (2019), from ImageNet, Deng et al. (2009). Licence: the photos are ImageNet's, for
    non-commercial research and teaching. Size: a picture needs 3·size² bytes in the cache (and, while it is
    made, in memory) and 12·size² bytes as tensor: all together 165 and 658 MB at 64 pixels, 1.03 and 4.1 GB at 160,
    2.0 and 8.1 GB at 224. The archives have about 100 MB (160 pixels) and 340 MB (320 pixels).
    """
    from torchvision.datasets import Imagenette as Dataset
    from torchvision.datasets.utils import extract_archive

    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 320:
        raise ValueError(f"the size of the pictures is a whole number of pixels from 1 to 320, not {size!r}")
    kind = "160px" if size <= 160 else "320px"

    def build(archives: list[Path], scratch: Path) -> dict[str, Pictures]:
        extract_archive(archives[0], scratch)
        whole = {part: Dataset(scratch, split=name, size=kind) for part, name in (("train", "train"), ("test", "val"))}
        return {part: _squares(dataset, size, f"Imagenette, {part}") for part, dataset in whole.items()}

    url, md5 = Dataset._ARCHIVES[kind]
    this = _Set("Imagenette", "imagenette", f"imagenette-{size}", (Remote((url,), md5),), "fruit()", build)
    return _load(this, split, device, root)


@dataclass(frozen=True)
class _Set:
    """A set to download, and how the pictures are got out of its archives (through a scratch folder)."""

    title: str
    folder: str
    cache: str
    files: tuple[Remote, ...]
    instead: str
    build: Callable[[list[Path], Path], dict[str, Pictures]]

    @property
    def identity(self) -> dict[str, str]:
        return {"made of": " ".join(file.md5 for file in self.files), "rule": RULE}


def _load(this: _Set, split: str | None, device: Device, root: Root) -> Pictures:
    """Read the split from the cache; make the cache first if there is none."""
    check_split(split)
    place = torch.device("cpu" if device is None else device)  # a wrong one should not cost a download
    folder = data_folder(root) / this.folder
    cache = folder / f"{this.cache}.safetensors"
    if not _is_whole(cache, this):
        _prepare(this, folder, cache)
    return _read(cache, SPLITS if split is None else (split,), place)


def _prepare(this: _Set, folder: Path, cache: Path) -> None:
    """Download the archives and make the cache, while other processes that want it wait."""
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock").acquire()
    except OSError as error:
        raise DataUnavailable(
            f"{this.title} is to be kept in {folder}, but one cannot write there ({error}).\n"
            f"Set the environment variable COURSE_DATA to a folder of yours, or use {this.instead}."
        ) from error
    with lock:
        if _is_whole(cache, this):  # another process has made it meanwhile
            return
        archives = _archives(this, folder)
        scratch = folder / ".scratch"
        shutil.rmtree(scratch, ignore_errors=True)  # left by a process that was killed
        try:
            scratch.mkdir()
            _write(_hold_out(this.build(archives, scratch)), cache, this)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _archives(this: _Set, folder: Path) -> list[Path]:
    """Download all files of the set; whoever has to fetch them by hand is told about all of them at once."""
    try:
        return [fetch(file, folder, this.title, f"{this.instead}, which needs no download.") for file in this.files]
    except DataUnavailable as error:
        if len(this.files) == 1:
            raise
        names = ", ".join(file.name for file in this.files)
        raise DataUnavailable(f"{error}\nThe whole set needs these files there: {names}.") from None


def _hold_out(parts: dict[str, Pictures]) -> dict[str, Pictures]:
    """Split the training set: of each class, the last tenth (rounded down) in file order validates."""
    images, labels = parts["train"]
    held = torch.zeros(len(labels), dtype=torch.bool)
    for k in labels.unique():
        rows = (labels == k).nonzero()[:, 0]
        held[rows[len(rows) - len(rows) // 10 :]] = True
    return {"train": (images[~held], labels[~held]), "validation": (images[held], labels[held]), "test": parts["test"]}


def _write(parts: dict[str, Pictures], cache: Path, this: _Set) -> None:
    from safetensors.torch import save_file

    tensors = {f"{part}.images": images.contiguous() for part, (images, _) in parts.items()}
    tensors |= {f"{part}.labels": labels.contiguous() for part, (_, labels) in parts.items()}
    part = cache.with_name(f".{cache.name}.part")
    try:
        save_file(tensors, part, metadata=this.identity)
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before it gets its name, or a power cut could leave an empty file
        os.replace(part, cache)
    finally:
        part.unlink(missing_ok=True)


def _is_whole(cache: Path, this: _Set) -> bool:
    """Whether the cache is there, complete (safetensors compares the file's size) and made of these archives."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(cache, "pt") as file:
            return file.metadata() == this.identity
    except (FileNotFoundError, SafetensorError):
        return False


def _read(cache: Path, parts: tuple[str, ...], device: torch.device) -> Pictures:
    """The pictures of these parts, one after the other, as floats. A chunk at a time, so memory holds them once."""
    from safetensors import safe_open

    with safe_open(cache, "pt") as file:
        stored = [file.get_slice(f"{part}.images") for part in parts]
        labels = torch.cat([file.get_tensor(f"{part}.labels") for part in parts]).to(device)
        shape = stored[0].get_shape()[1:]
        images = torch.empty(len(labels), *shape, device=device)
        step = max(1, CHUNK // torch.Size(shape).numel())
        row = 0
        for piece in stored:
            count = piece.get_shape()[0]
            for i in range(0, count, step):
                images[row + i : row + min(i + step, count)] = piece[i : i + step].to(device)
            row += count
    return images.div_(255), labels


def _squares(dataset: Any, size: int, title: str) -> Pictures:
    """Decode all photos of a torchvision set; shorter side to `size`, then the square in the middle."""
    from torchvision.transforms import v2
    from tqdm.auto import tqdm

    square = v2.Compose([v2.Resize(size, antialias=True), v2.CenterCrop(size), v2.PILToTensor()])
    images = torch.empty(len(dataset), 3, size, size, dtype=torch.uint8)
    labels = torch.empty(len(dataset), dtype=torch.int64)
    for i in tqdm(range(len(dataset)), desc=title):
        photo, labels[i] = dataset[i]
        images[i] = square(photo)
    return images, labels
