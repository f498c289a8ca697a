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
        p: the probability; for 0, 1 and fewer than eight draws nothing is linked. Nor where one of the two outcomes is
            rarer than one in twenty: the few times it comes up, chance puts far too often at the same distance.
    """
    if not 0.05 <= p <= 0.95 or draws.shape[1] < 8:
        return 0
    return _echo((draws.double() - p) / math.sqrt(p * (1 - p)))


def linked_signs(sums: Tensor, n: int) -> int:
    """As `linked`, for sums of n signs each, (rows, number of sums), be one sign more frequent or not."""
    return _echo((sums.double() - sums.double().mean()) / math.sqrt(n)) if sums.shape[1] >= 8 else 0


def repeats(draws: Tensor) -> int:
    """The distance at which draws are the same far more often than chance has it; 0 if there is none.

    Args:
        draws: what came up, (number of draws, …). How often two of them agree by chance is taken from all pairs. Right
            answers look so once in 10⁹ times.
    """
    kinds = draws.flatten(1).unique(dim=0, return_inverse=True)[1]
    n, times = len(kinds), kinds.bincount().double()
    p = float((times * (times - 1)).sum() / (n * (n - 1)))
    lags = torch.arange(1, (n + 1) // 2 + 1)
    same = torch.stack([(kinds[lag:] == kinds[:-lag]).sum() for lag in lags.tolist()])
    expected = (n - lags) * p
    away = same - expected - FAR * (expected * (1 - p)).sqrt() - 4  # the 4: of hardly any, a few may be chance
    return int(away.argmax()) + 1 if away.max() > 0 else 0


def _echo(draws: Tensor) -> int:
    """The distance at which numbers of mean 0 and variance 1 depend on each other, (rows, n)."""
    rows, n = draws.shape
    spectrum = torch.fft.rfft(draws, 2 * n)
    sums = torch.fft.irfft(spectrum.abs().square(), 2 * n)[:, 1 : n // 2 + 1].sum(0)
    away = sums.abs() / (rows * (n - torch.arange(1, n // 2 + 1))).sqrt()
    return int(away.argmax()) + 1 if away.max() >= FAR else 0
