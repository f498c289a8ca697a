"""What chance does not do: tests for draws that should not know of each other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FAR = 9.0  # standard errors; the largest of a thousand lags is so far off once in 10¹⁰ times


def linked(draws: Tensor, p: float) -> int:
    """The distance at which draws share their fate more or less often than chance has it; 0 if there is none.

    Args:
        draws: True or 1 with probability p, several rows of them, (rows, n): the autocorrelation is summed over rows.
        p: the probability; for 0, 1 and fewer than eight draws nothing is linked.
    """
    rows, n = draws.shape
    if not 0 < p < 1 or n < 8:
        return 0
    spectrum = torch.fft.rfft((draws.double() - p) / math.sqrt(p * (1 - p)), 2 * n)
    sums = torch.fft.irfft(spectrum.abs().square(), 2 * n)[:, 1 : n // 2 + 1].sum(0)
    away = sums.abs() / (rows * (n - torch.arange(1, n // 2 + 1))).sqrt()
    return int(away.argmax()) + 1 if away.max() >= FAR else 0
