"""HOG and LBP against scikit-image and OpenCV: the same pictures, the same parameters, one thread."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course.bench.harness import Contender, Work, report

SIZES = ((256, 64, 64), (512, 32, 32), (128, 128, 64), (8, 512, 512))
"""Images, height, width of the batches."""

OPENCV = "pip install 'cv-course[bench]', or 'opencv-python-headless<5'"


def works(device: torch.device) -> list[Work]:
    """HOG and LBP at several sizes; on an accelerator only our own, as the peers have no such version."""
    found = []
    for shape in SIZES:
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(256, shape, dtype=torch.uint8, generator=generator).to(device)
        found += [_hog(pixels, device), _lbp(pixels, device)]
    return sorted(found, key=lambda w: w.name.split(",")[0])


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure and show; see `harness.report`."""
    report(works, "Features", json_file, plot, repeats, only)


def _name(what: str, pixels: Tensor) -> str:
    images, height, width = pixels.shape
    return f"{what}, {images} × {height}×{width}"


def _hog(pixels: Tensor, device: torch.device) -> Work:
    from course.features import hog

    scaled = pixels.float() / 255
    size = scaled.nbytes + hog(scaled).nbytes
    ours = Contender("features.hog", lambda: hog(scaled), difference=_apart(lambda: _skimage_hog(scaled), hog, scaled))
    if device.type != "cpu":
        return Work(_name("HOG", pixels), len(pixels), size, (Contender(ours.name, ours.run),))
    arrays = scaled.numpy()
    peer = Contender(_versioned("scikit-image", "skimage"), lambda: [_one_hog(a) for a in arrays], peer=True)
    return Work(_name("HOG", pixels), len(pixels), size, (peer, _opencv_hog(pixels), ours))


def _lbp(pixels: Tensor, device: torch.device) -> Work:
    """scikit-image's codes, and the original ones, whose neighbours are pixels: less work, and other codes."""
    from course.features import lbp
    from course.tour import local_binary_pattern

    circle = Contender(
        "features.lbp", lambda: lbp(pixels), difference=_apart(lambda: _skimage_lbp(pixels), lbp, pixels)
    )
    square = Contender("tour.local_binary_pattern", lambda: local_binary_pattern(pixels))
    work = _name("LBP 3×3", pixels)
    if device.type != "cpu":
        return Work(work, len(pixels), 2 * pixels.nbytes, (Contender(circle.name, circle.run), square))
    arrays = pixels.numpy()
    peer = Contender(_versioned("scikit-image", "skimage"), lambda: [_one_lbp(a) for a in arrays], peer=True)
    return Work(work, len(pixels), 2 * pixels.nbytes, (peer, circle, square))


def _one_hog(image: np.ndarray) -> np.ndarray:
    from skimage.feature import hog

    return hog(image)


def _one_lbp(image: np.ndarray) -> np.ndarray:
    from skimage.feature import local_binary_pattern

    return local_binary_pattern(image, 8, 1)


def _skimage_hog(scaled: Tensor) -> np.ndarray:
    return np.stack([_one_hog(a) for a in scaled[:4].cpu().numpy()])


def _skimage_lbp(pixels: Tensor) -> np.ndarray:
    return np.stack([_one_lbp(a) for a in pixels[:4].cpu().numpy()])


def _apart(peer: Any, ours: Any, x: Tensor) -> Any:
    """The largest difference from scikit-image's answer for the first four pictures."""
    return lambda: float(np.abs(peer() - ours(x[:4]).cpu().numpy()).max())


def _opencv_hog(pixels: Tensor) -> Contender:
    """OpenCV with the same cells and 3×3 blocks. It weighs pixels and shares votes between cells: other numbers."""
    if importlib.util.find_spec("cv2") is None:
        return Contender("OpenCV 4", None, peer=True, missing=OPENCV)
    import cv2

    if not hasattr(cv2, "HOGDescriptor"):
        return Contender("OpenCV 4", None, peer=True, missing=f"OpenCV {cv2.__version__} has no HOG: {OPENCV}")
    height, width = pixels.shape[1:]
    describe = cv2.HOGDescriptor((width, height), (24, 24), (8, 8), (8, 8), 9).compute
    arrays = pixels.numpy()
    return Contender(f"OpenCV {cv2.__version__}", lambda: [describe(a) for a in arrays], peer=True)


def _versioned(name: str, module: str) -> str:
    return f"{name} {importlib.import_module(module).__version__}"
