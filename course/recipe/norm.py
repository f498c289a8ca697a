"""Batch normalisation: each channel gets mean 0 and variance 1, over the batch in training, over memory afterwards."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def batch_norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation: y = γ (x − μ) / √(σ² + ε) + β, for each channel.

    In training μ and σ² are those of the batch, over samples and places, σ² with divisor n = N·H·W; the running values
    move a step towards them, r ← (1 − m) r + m·(batch's), where the variance is the unbiased one, σ²·n/(n − 1). In
    evaluation μ and σ² are the running values, which stay as they are.

    Args:
        x: (N, C) or (N, C, …), floating point.
        gamma: scale γ, (C,).
        beta: shift β, (C,).
        running_mean: (C,).
        running_var: (C,).
        training: whether to use, and remember, the batch's statistics.
        momentum: m in [0, 1], the share of the new value (the optimizers' α is the share of the old one).
        eps: ε > 0, inside the root.

    Returns:
        y, shaped like x, the new running mean and the new running variance; the arguments are left as they were.

    Raises:
        ValueError: x has no channel axis, a vector is not of shape (C,), or training has one value per channel.

    Source: lecture, "Summary"; Ioffe & Szegedy (2015), algorithms 1 and 2; running statistics as PyTorch keeps them.
    """
    _check(x, training, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var)
    axes = [0, *range(2, x.ndim)]
    mean, var = running_mean, running_var
    if training:
        n = x.numel() // x.shape[1]
        var, mean = torch.var_mean(x, axes, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean.detach()
        running_var = (1 - momentum) * running_var + momentum * var.detach() * n / (n - 1)
    shape = (1, -1, *[1] * (x.ndim - 2))
    scale = gamma * (var + eps).rsqrt()
    y = x * scale.view(shape) + (beta - mean * scale).view(shape)
    return y, running_mean, running_var


def _check(x: Tensor, training: bool, **vectors: Tensor) -> None:
    if x.ndim < 2 or not x.is_floating_point():
        raise ValueError(f"need numbers of shape (N, C, …), got {x.dtype} of shape {tuple(x.shape)}")
    for name, vector in vectors.items():
        if vector.shape != x.shape[1:2]:
            raise ValueError(
                f"{name} must have shape ({x.shape[1]},), one number per channel, not {tuple(vector.shape)}"
            )
    if training and x.numel() // max(1, x.shape[1]) < 2:
        raise ValueError(f"in training each channel needs more than one value; x has shape {tuple(x.shape)}")


class BatchNorm(nn.Module):
    """`batch_norm` as a layer, for (N, C) and (N, C, …); its `state_dict` is that of PyTorch's BatchNorm1d, 2d, 3d.

    Args:
        channels: C.
        momentum: m in [0, 1].
        eps: ε > 0.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        if channels < 1 or not 0 <= momentum <= 1 or not eps > 0:
            raise ValueError(f"need channels ≥ 1, momentum in [0, 1], eps > 0; got {channels}, {momentum}, {eps}")
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised x; in training the running statistics move."""
        old = (self.running_mean, self.running_var)
        y, *new = batch_norm(x, self.weight, self.bias, *old, self.training, self.momentum, self.eps)
        if self.training:
            for buffer, value in zip(old, new, strict=True):
                buffer.copy_(value)
            self.num_batches_tracked += 1
        return y
