"""Stochastic depth: residual blocks that are left out at random in training (lecture section 09).

Notation: input x, a residual branch f, a gate b ∈ {0, 1} with P(b = 1) = p. **p is the probability to survive**, as in
the lecture and in Huang et al. (2016): a block gives x + b·f(x) in training and x + p·f(x) at test time.

torchvision and timm name the probability to be *dropped*, d = 1 − p, and divide in training instead: x + b/p·f(x), and
x + f(x) at test time. The two are the same with f scaled by p: `x + torchvision.ops.stochastic_depth(p * f(x), 1 - p,
"row", training)` is `stochastic_depth(x, f, p, training)`, whatever b was drawn.

Shapes: x (N, …), gates (N,), one for each sample. Mode "row" draws a gate for each sample, "batch" one for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Branch = Callable[[Tensor], Tensor]
Mode = Literal["row", "batch"]

# -------------------------------------------------------------------------------------------------- formulas


def residual(x: Tensor, branch: Branch, b: Tensor) -> Tensor:
    """A ResNet block with a gate: ReLU(x + b·f(x)).

    b = 1 is the ordinary block; b = 0 is the identity, as x ≥ 0 comes out of the ReLU of the block before.

    Args:
        x: (N, …).
        branch: f, (N, …) → (N, …).
        b: gates of the samples, (N,), zeros and ones; or one for all, shape ().

    Raises:
        ValueError: another number of gates.

    Source: lecture, "Stochastic Depth"; Huang et al. (2016), equation 2.
    """
    return (x + spread(b, x) * branch(x)).relu()


def stochastic_depth(
    x: Tensor,
    branch: Branch,
    p: float,
    training: bool = True,
    generator: torch.Generator | None = None,
    mode: Mode = "row",
) -> Tensor:
    """Stochastic depth around a branch: x + b·f(x) in training, b drawn anew; x + p·f(x), its mean, at test time.

    No activation follows: whoever builds a block puts it where it belongs.

    Args:
        x: (N, …).
        branch: f, (N, …) → (N, …).
        p: probability to survive, 0 … 1.
        training: whether gates are drawn.
        generator: source of the gates.
        mode: "row", a gate for each sample; "batch", one for all.

    Raises:
        ValueError: p outside 0 … 1, or another mode.

    Source: lecture, "Stochastic Depth"; Huang et al. (2016), equations 2 and 5.
    """
    checked(p, mode)
    if not training:
        return x + p * branch(x)
    return x + spread(draw_gates(len(x), p, generator, mode), x) * branch(x)


def survival_probabilities(L: int, p_last: float) -> Tensor:
    """Probabilities to survive that fall linearly with depth: p_ℓ = 1 − ℓ/L · (1 − p_L) for ℓ = 1 … L.

    The input, ℓ = 0, always survives; the first block already has p₁ = 1 − (1 − p_L)/L.

    Args:
        L: number of residual blocks, ≥ 1.
        p_last: p_L, 0 … 1.

    Returns:
        p₁ … p_L, shape (L,).

    Raises:
        ValueError: L < 1, or p_last outside 0 … 1.

    Source: Huang et al. (2016), equation 4.
    """
    if L < 1:
        raise ValueError(f"a network needs at least one block, got L = {L}")
    checked(p_last)
    return 1 - torch.arange(1, L + 1) / L * (1 - p_last)


def expected_depth(p: Tensor) -> Tensor:
    """How many residual blocks are active on average: E[Σ b_ℓ] = Σ p_ℓ.

    With the linear rule that is L·(1 + p_L)/2 − (1 − p_L)/2, e.g. (3L − 1)/4 for p_L = ½.

    Args:
        p: probabilities to survive, (L,).

    Returns:
        The expected number of blocks, shape ().

    Source: Huang et al. (2016), section 3, "Expected network depth".
    """
    return p.sum()


def depth_distribution(p: Tensor) -> Tensor:
    """How probable each number of active blocks is: P(Σ b_ℓ = k) for k = 0 … L.

    Block by block, a number k stays (the block is left out) or becomes k + 1.

    Args:
        p: probabilities to survive, (L,).

    Returns:
        Probabilities, (L + 1,), in the type of p.

    Source: the distribution of a sum of independent gates (Poisson's binomial distribution).
    """
    found = torch.ones(1, dtype=p.dtype, device=p.device)
    for q in p:
        found = F.pad((1 - q) * found, (0, 1)) + F.pad(q * found, (1, 0))
    return found


# ------------------------------------------------------------------------------------------------------ gates


def draw_gates(n: int, p: float, generator: torch.Generator | None = None, mode: Mode = "row") -> Tensor:
    """Gates of n samples: b ~ Bernoulli(p), (n,), zeros and ones, on the generator's device.

    Raises:
        ValueError: p outside 0 … 1, or another mode.
    """
    checked(p, mode)
    device = None if generator is None else generator.device
    drawn = torch.empty(n if mode == "row" else 1, device=device).bernoulli_(p, generator=generator)
    return drawn.expand(n)


def spread(b: Tensor, x: Tensor) -> Tensor:
    """Gates (N,) → (N, 1, …, 1), in the type and on the device of x (N, …), so that each meets its own sample.

    Raises:
        ValueError: neither one gate nor one for each sample.
    """
    if b.numel() not in (1, len(x)) or b.ndim > 1:
        raise ValueError(f"need one gate, or one for each of {len(x)} samples; got shape {tuple(b.shape)}")
    return b.to(x).view(-1, *[1] * (x.ndim - 1))


def skip(x: Tensor, branch: Branch, b: Tensor, shortcut: Branch | None = None) -> Tensor:
    """x + b·f(x), where f is computed of the surviving samples only; nothing at all if none survives.

    The numbers are those of `x + spread(b, x) * branch(x)` as long as f treats each sample on its own. Batch norm in
    training does not: here its means are those of the samples that survive, there of all. And where none survives,
    the branch's parameters get no gradient (None) where they would otherwise get zeros.

    Args:
        x: (N, …).
        branch: f, (N, …) → (N, …).
        b: gates (N,) or (). On a GPU, leave them on the CPU: then nothing has to wait for the GPU.
        shortcut: what stands in place of x in the sum, where f changes the shape.

    Raises:
        ValueError: another number of gates.
    """
    total = x if shortcut is None else shortcut(x)
    rows = spread(b, b.new_empty(len(x))).expand(len(x)).nonzero().flatten()
    if not len(rows):
        return total
    if len(rows) == len(x):
        return total + branch(x)
    rows = rows.to(x.device, non_blocking=True)
    return total.index_add(0, rows, branch(x.index_select(0, rows)).to(total.dtype))


def checked(p: float, mode: str = "row") -> None:
    """Complain about what is no probability or no mode.

    Raises:
        ValueError: p outside 0 … 1, or another mode.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is a probability to survive, from 0 to 1; got {p}")
    if mode not in get_args(Mode):
        raise ValueError(f"the mode must be 'row' (a gate for each sample) or 'batch' (one for all); got {mode!r}")


# ---------------------------------------------------------------------------------------------------- modules


class StochasticDepth(nn.Module):
    """`stochastic_depth` as a module: x + b·f(x) in training, x + p·f(x) in evaluation.

    Args:
        branch: f.
        p: probability to survive.
        mode: "row" or "batch".
        skip: compute f of the surviving samples only (see `skip` for what changes, and what does not).
        shortcut: what stands in place of x in the sum, where f changes the shape.
        generator: source of the gates; torch's own unless given.

    Raises:
        ValueError: p outside 0 … 1, or another mode.

    Source: Huang et al. (2016).
    """

    def __init__(
        self,
        branch: nn.Module,
        p: float,
        mode: Mode = "row",
        skip: bool = True,
        shortcut: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        checked(p, mode)
        self.branch, self.shortcut = branch, nn.Identity() if shortcut is None else shortcut
        self.p, self.mode, self.skip, self.generator = p, mode, skip, generator

    def forward(self, x: Tensor, b: Tensor | None = None) -> Tensor:
        """The sum; gates `b` that are given, (N,) or (), are used in training and in evaluation alike."""
        if b is None and not self.training:
            return self.shortcut(x) + self.p * self.branch(x)
        if b is None:
            b = draw_gates(len(x), self.p, self.generator, self.mode)
        if self.skip:
            return skip(x, self.branch, b, self.shortcut)
        return self.shortcut(x) + spread(b, x) * self.branch(x)

    def extra_repr(self) -> str:
        """What print shows."""
        return f"p={self.p:g}, mode={self.mode!r}, skip={self.skip}"


class Widening(nn.Module):
    """A shortcut without weights: every second pixel, and channels of zeros for those that are new.

    Source: He et al. (2016), section 3.3, option A.
    """

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C + extra, ⌈H/2⌉, ⌈W/2⌉)."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.extra))


class ResNet(nn.Module):
    """A small ResNet for pictures of 32×32 or so, with stochastic depth that falls linearly.

    A 3×3 convolution; stages of blocks ReLU(x + b·f(x)), f = conv, batch norm, ReLU, conv, batch norm, each stage after
    the first halving the sides; the mean over the pixels; a linear layer. `ResNet()` is the ResNet-20 of He et al. for
    CIFAR-10, with 269 722 parameters.

    Args:
        classes: K.
        blocks: per stage.
        widths: channels per stage.
        p_last: p_L of `survival_probabilities`; 1 is an ordinary ResNet.
        p: probabilities to survive, one for each block, instead of the linear rule.
        mode, skip: see `StochasticDepth`.
        channels: C of the pictures.
        generator: source of the weights, then of the gates; torch's own unless given.

    Raises:
        ValueError: as many widths as stages, and as many probabilities as blocks, are needed.

    Source: He et al. (2016), section 4.2; Huang et al. (2016), section 4.
    """

    def __init__(
        self,
        classes: int = 10,
        blocks: Sequence[int] = (3, 3, 3),
        widths: Sequence[int] = (16, 32, 64),
        p_last: float = 1.0,
        p: Sequence[float] | None = None,
        mode: Mode = "row",
        skip: bool = True,
        channels: int = 3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        survival = survival_probabilities(sum(blocks), p_last).tolist() if p is None else list(p)
        if len(blocks) != len(widths) or len(survival) != sum(blocks):
            raise ValueError(
                f"need a width for each stage and a probability for each block; got blocks {tuple(blocks)}, "
                f"widths {tuple(widths)} and {len(survival)} probabilities"
            )
        self.stem = nn.Sequential(_conv(channels, widths[0]), nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.blocks, inputs = nn.ModuleList(), widths[0]
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            for i in range(count):
                shrinks = stage > 0 and i == 0
                shortcut = Widening(width - inputs) if shrinks else None
                q = survival[len(self.blocks)]
                branch = _branch(inputs, width, 2 if shrinks else 1)
                self.blocks.append(StochasticDepth(branch, q, mode, skip, shortcut, generator))
                inputs = width
        self.head = nn.utils.skip_init(nn.Linear, inputs, classes)
        self.mode, self.generator = mode, generator
        self._start(generator)

    @property
    def survival(self) -> Tensor:
        """p₁ … p_L."""
        return torch.tensor([block.p for block in self.blocks])

    def draw(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Gates of all blocks for n samples, (L, n)."""
        return torch.stack([draw_gates(n, p, generator or self.generator, self.mode) for p in self.survival.tolist()])

    def forward(self, x: Tensor, b: Tensor | None = None) -> Tensor:
        """Scores (N, K) of pictures (N, C, H, W); with gates `b` (L,) or (L, N), those of the network so chosen.

        Raises:
            ValueError: another number of gates.
        """
        if b is not None and len(b) != len(self.blocks):
            raise ValueError(f"need gates for {len(self.blocks)} blocks, got shape {tuple(b.shape)}")
        h = self.stem(x)
        for i, block in enumerate(self.blocks):
            h = block(h, None if b is None else b[i]).relu()
        return self.head(h.mean((2, 3)))

    def _start(self, generator: torch.Generator | None) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features), generator=generator)
                nn.init.zeros_(layer.bias)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return nn.utils.skip_init(nn.Conv2d, inputs, outputs, 3, stride=stride, padding=1, bias=False)


def _branch(inputs: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(
        *(_conv(inputs, width, stride), nn.BatchNorm2d(width), nn.ReLU()),
        *(_conv(width, width), nn.BatchNorm2d(width)),
    )
