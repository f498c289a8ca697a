"""Real pictures to train on, as tensors: `images, labels = digits("train")`.

Every data set is a function `name(split, device=None)` that returns (images, labels): float32 N×C×H×W in
[0, 1] and int64 class ids 0 … K−1. The splits are fixed, so that two people compare the same numbers.
"""

from course.data.bundled import SPLITS, digits

__all__ = ["SPLITS", "digits"]
